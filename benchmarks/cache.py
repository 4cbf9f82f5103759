"""What a second measurement of the same networks costs, beside the first.

The first builds and runs every network and writes the cache; the second reads and checks it. Both
lay out the columns. The three spaces of ``CASES`` see 60 digits of 8 × 8 pixels, which makes
measuring as cheap as it gets; the last entry is what S0 is meant for.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from autodas.core.digest import digest
from autodas.spaces import get_space
from autodas.statistics import STATISTICS, Cache, columns
from autodas.workbench.measuring import measure_space, space_sample
from autodas.workbench.protocol import Protocol, signals
from benchmarks.workload import ready_for_networks, resnets

CASES = {"digits-cnn": 96, "digits-vit": 96, "resnet": 24}
DIGITS = Protocol("digits", "digits-cnn-teacher", 60)
REPEATS = 3  # of the second measurement


def main(cases: dict[str, int] = CASES, cifar: int = 12) -> dict[str, Any]:
    """Seconds of both, and their ratio, with all statistics."""
    ready_for_networks()
    signals(DIGITS, "double")  # data and teacher are read once in a process, whatever is measured
    with tempfile.TemporaryDirectory() as folder:
        found = {space: _twice(space, count, Path(folder)) for space, count in cases.items()}
        return found | {"resnet, 32 × 32 pixels": _published(cifar, Path(folder))}


def _twice(name: str, count: int, folder: Path) -> dict[str, Any]:
    space, names = get_space(name), STATISTICS.names()
    architectures = space_sample(space, count, seed=0)
    seconds, processor = [], []
    for _ in range(1 + REPEATS):
        start, busy = time.perf_counter(), time.process_time()
        measured = measure_space(space, architectures, names, DIGITS, cache=folder, jobs=1)
        processor.append(time.process_time() - busy)
        seconds.append(time.perf_counter() - start)
    if measured.networks:
        raise RuntimeError(f"{measured.networks} networks of {name} were measured twice")
    files = [path.stat().st_size for path in folder.rglob("*.safetensors")]
    return {
        "architectures": len(architectures),
        "first, seconds": seconds[0],
        "second, seconds": min(seconds[1:]),
        "times faster": seconds[0] / min(seconds[1:]),
        "times faster, processor": processor[0] / min(processor[1:]),
        "kB per architecture": sum(files) / len(files) / 1e3,
    }


def _published(count: int, folder: Path) -> dict[str, Any]:
    subjects, names, cache = resnets(64), STATISTICS.names(), Cache(folder / "published")
    chosen = subjects.architectures[:: 64 // count][:count]
    start, busy = time.perf_counter(), time.process_time()
    values = [subjects.measure(each, names) for each in chosen]
    for architecture, mine in zip(chosen, values, strict=True):
        cache.write(digest(architecture), mine)
    columns(chosen, values, names)
    first, first_busy = time.perf_counter() - start, time.process_time() - busy
    start, busy = time.perf_counter(), time.process_time()
    columns(chosen, [cache.read(digest(each), names) for each in chosen], names)
    second, second_busy = time.perf_counter() - start, time.process_time() - busy
    return {
        "architectures": len(chosen),
        "first, seconds": first,
        "second, seconds": second,
        "times faster": first / second,
        "times faster, processor": first_busy / second_busy,
    }
