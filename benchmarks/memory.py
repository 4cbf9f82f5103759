"""How much memory the columns take, and that bounding the memo changes no score.

The 64 ResNets of S0 are measured with 64 images. Of the AutoFormers, the largest is measured, with
32 images, and stands for 100 of them: what columns take depends on depth and width alone. A child
process then reads everything from a cache, lays the columns out, evaluates random proxies, and
says how much memory it had at most.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autodas.core.digest import digest
from autodas.core.results import Failed, Ok
from autodas.expressions import Evaluator
from autodas.spaces import get_space
from autodas.spaces.vision_transformers import AutoFormer
from autodas.statistics import DEFAULT_ENTRIES, STATISTICS, Cache, TeacherSignals, columns
from benchmarks.workload import (
    Subjects,
    grammar_of,
    measured_resnets,
    proxies,
    resnets,
    scores,
    teacher_resnet,
)

LIMIT = 2 << 30
BATCH, FORMER_BATCH, FORMERS = 64, 32, 100
PROXIES = 200
MEMOS = (0, 16 << 20, 1 << 29)


def main(batch: int = BATCH, former_batch: int = FORMER_BATCH) -> dict[str, Any]:
    """Bytes of columns, resident memory, and the largest difference between scores."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cache = Cache(folder)
        subjects, values = resnets(batch), measured_resnets(batch)
        for architecture, mine in zip(subjects.architectures, values, strict=True):
            cache.write(digest(architecture), mine)
        former = _largest_former(former_batch)
        cache.write(digest("former"), former.measure(former.architectures[0], STATISTICS.names()))
        keys = [digest(each) for each in subjects.architectures]
        return {
            "entries kept": DEFAULT_ENTRIES,
            "64 resnets": _in_a_child(folder, keys),
            "100 autoformers": _in_a_child(folder, [digest("former")] * FORMERS),
            "limit, MB": LIMIT / 1e6,
        }


def _largest_former(batch: int) -> Subjects:
    space = get_space("autoformer")
    arch = AutoFormer(240, (4.0,) * 14, (4,) * 14)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch, *space.input_shape, generator=generator)
    labels = torch.arange(batch)
    small = images[:, :, ::7, ::7].contiguous()  # the published teacher sees 32 × 32 pixels
    teacher = TeacherSignals(teacher_resnet(), small, labels, trained=False, digest="")
    return Subjects(space, (space.encode(arch),), images, labels, teacher, "noise")


def _in_a_child(folder: Path, keys: list[str]) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_resident, (folder, keys))


def _resident(folder: Path, keys: list[str]) -> dict[str, Any]:
    before, names = _peak(), STATISTICS.names()
    cache = Cache(folder)
    values = [cache.read(key, names) for key in keys]
    store = columns([str(number) for number in range(len(keys))], values, names)
    del values
    with_columns = _peak()
    formulas = proxies(grammar_of(store), PROXIES, "memory")
    found = []
    for memo in MEMOS:
        evaluator = Evaluator(store.columns, memo)
        # Copies of one architecture have constant scores, which is as good here.
        found.append([evaluator.evaluate(f, allow_constant=True) for f in formulas])
    with_memo = _peak()
    return {
        "bytes of columns, MB": store.nbytes / 1e6,
        "statistics": len(store.columns),
        "resident before, MB": before / 1e6,
        "resident with columns, MB": with_columns / 1e6,
        "resident after evaluating, MB": with_memo / 1e6,
        "share of the limit": with_memo / LIMIT,
        "proxies": sum(isinstance(result, Ok) for result in found[0]),
        "scores differ between memos": sum(map(_differ, found[0], found[1]))
        + sum(map(_differ, found[0], found[2])),
    }


def _differ(one: Any, other: Any) -> bool:
    if isinstance(one, Failed) or isinstance(other, Failed):
        return one != other
    return not np.array_equal(scores(one), scores(other))


def _peak() -> int:
    """Largest resident size of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says there includes the parent before the start
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024
