"""What more workers give, and what breaks first: measured here, and a model of larger clusters.

Measured are what a unit costs beside its work on each backend, what starting costs, and what the
driver alone has to do for a training (journal, table) and for a score (read statistics, compute).
The model lets workers and driver work side by side; it knows no network and no shared file system.
"""

from __future__ import annotations

import importlib.util
import math
import tempfile
import time
import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autodas.backends import backend
from autodas.core.progress import Silent
from autodas.core.results import Ok
from autodas.core.runs import Journal
from autodas.scores import get_score
from autodas.spaces import get_space
from autodas.steps.search.scoring import CHUNK as AT_ONCE
from autodas.steps.search.scoring import Scorer
from autodas.tables.labels import LabelRow, write_labels
from autodas.workbench.costs import CostBook
from autodas.workbench.measuring import CHUNK, space_sample
from autodas.workbench.protocol import Protocol
from autodas.workbench.recipes import recipe_for
from autodas.workbench.training import Setup, Unit, train_unit

SPACE = "digits-cnn"
WORKERS = (1, 2, 8, 64, 1000)
STUDENTS, ARCHITECTURES = 10_000, 1_000_000


@dataclass(frozen=True)
class Costs:
    """Seconds of one thing each, and bytes.

    Attributes:
        start: Until the first result on Ray, with PyTorch loaded.
        dispatch: The driver's time for one unit on Ray.
        training: One training, by a worker.
        kept: The driver's time to keep a training: its line in the journal.
        measured: Statistics of one architecture, by a worker.
        scored: The driver's time to read them and compute the score.
        file: Bytes of one file of the cache.
        remembered: Bytes of the driver's memory for one score.
    """

    start: float
    dispatch: float
    training: float
    kept: float
    measured: float
    scored: float
    file: float
    remembered: float


def main(
    units: int = 2000, trainings: int = 4, architectures: int = 128, rows: int = STUDENTS
) -> dict[str, Any]:
    """Measured costs, and the model for ``WORKERS``."""
    names = ["serial", "processes"]
    if importlib.util.find_spec("ray"):
        names.append("ray")
    backends = {name: _backend(name, units) for name in names}
    with tempfile.TemporaryDirectory() as folder:
        book = _keeping(Path(folder), rows)
        scoring = _scoring(Path(folder), architectures)
    fastest = backends[names[-1]]
    costs = Costs(
        start=fastest["first result with PyTorch, seconds"],
        dispatch=fastest["driver, ms per unit"] / 1e3,
        training=_training(trainings),
        kept=book["journal, ms per line"] / 1e3,
        measured=scoring["measuring, s"],
        scored=scoring["reading and scoring, s"],
        file=scoring["cache file, bytes"],
        remembered=_remembered(),
    )
    return {
        "backends": backends,
        "keeping": book,
        "scoring": scoring,
        "training, s": costs.training,
        "model": {f"{workers} workers": modelled(costs, workers) for workers in WORKERS},
        "limits": limits(costs),
    }


def modelled(costs: Costs, workers: int) -> dict[str, float]:
    """Hours for labelling and for scoring, and the share of the time that workers are busy."""
    each = costs.dispatch + costs.kept
    work = STUDENTS * costs.training / workers
    label = costs.start + max(work, STUDENTS * each) + (costs.training if workers > 1 else 0)
    # Statistics are measured for some architectures at a time, and read when all are there.
    rounds, units = ARCHITECTURES / AT_ONCE, AT_ONCE / CHUNK
    turn = math.ceil(units / workers) * CHUNK * costs.measured
    waiting = max(turn, units * costs.dispatch) + AT_ONCE * costs.scored
    score = costs.start + rounds * waiting
    return {
        "labelling, h": label / 3600,
        "labelling, busy": work / label,
        "scoring, h": score / 3600,
        "scoring, busy": ARCHITECTURES * costs.measured / workers / score,
    }


def limits(costs: Costs) -> dict[str, float]:
    """Where more workers or more architectures give nothing any more."""
    return {
        "labelling: workers that keep the driver busy": costs.training
        / (costs.dispatch + costs.kept),
        "scoring: workers that a round has units for": AT_ONCE / CHUNK,
        "scoring: workers that take as long as the driver": costs.measured / costs.scored,
        "scoring: cache, GB": ARCHITECTURES * costs.file / 1e9,
        "scoring: files in the cache": float(ARCHITECTURES),
        "scoring: memory of the driver, GB": ARCHITECTURES * costs.remembered / 1e9,
    }


def nothing(item: int) -> int:
    """A unit without work."""
    return item


def first_network(item: int) -> int:
    """A unit that has to load PyTorch."""
    space = get_space(SPACE)
    space.build(next(iter(space.enumerate())))
    return item


def _backend(name: str, units: int) -> dict[str, float]:
    start = time.perf_counter()
    next(iter(backend(name, 2).run(first_network, [0])))
    first = time.perf_counter() - start
    run = backend(name, 2).run(nothing, range(units))
    next(run)  # workers are there
    start, busy = time.perf_counter(), time.process_time()
    count = sum(1 for _ in run)
    return {
        "first result with PyTorch, seconds": first,
        "units per second": count / (time.perf_counter() - start),
        "driver, ms per unit": (time.process_time() - busy) / count * 1e3,
    }


def _keeping(folder: Path, rows: int) -> dict[str, float]:
    """What the driver does for trainings that are finished."""
    journal = Journal(folder / "journal.jsonl")
    text = get_space(SPACE).encode(next(iter(get_space(SPACE).enumerate())))
    start, lines = time.perf_counter(), 300
    for i in range(lines):
        journal.append({"arch": text, "seed": i, "training": "distilled", "accuracy": 90.0 + i})
    each = (time.perf_counter() - start) / lines
    made = [LabelRow(f"{text}{i}", 90.0, 0, "distilled") for i in range(rows)]
    start = time.perf_counter()
    write_labels(folder / "table.csv", made, {"space": SPACE, "dataset": "digits"})
    return {
        "journal, ms per line": each * 1e3,
        f"table of {rows:,} rows, s": time.perf_counter() - start,
    }


def _scoring(folder: Path, architectures: int) -> dict[str, float]:
    """Measure and score a sample, then score it again from the cache."""
    space = get_space(SPACE)
    sample = space_sample(space, architectures, seed=0)
    book = CostBook(space, cache=folder)
    seconds = []
    for attempt in range(2):
        scorer = Scorer(
            space,
            get_score("proxy:general"),
            Protocol("digits", "digits-cnn-teacher", 60),
            book,
            Journal(folder / f"scores-{attempt}.jsonl"),
            cache=folder,
            jobs=1,
            progress=Silent(),
        )
        start = time.process_time()
        scorer.scores(sample)
        seconds.append((time.process_time() - start) / len(sample))
    files = [path.stat().st_size for path in folder.rglob("*.safetensors")]
    return {
        "measuring, s": seconds[0] - seconds[1],
        "reading and scoring, s": seconds[1],
        "cache file, bytes": sum(files) / len(files),
    }


def _training(count: int) -> float:
    """Processor seconds of a distilled training with the recipe of the space."""
    space = get_space(SPACE)
    recipe, teachers = recipe_for(space), ("digits-cnn-teacher",)
    sample = space_sample(space, count, seed=1)
    start = time.process_time()
    for text in sample:
        train_unit(Unit(Setup(SPACE, text, teachers, "digits", recipe, 0)))
    return (time.process_time() - start) / len(sample)


def _remembered(count: int = 20_000) -> float:
    """Bytes of a score in the driver's memory, with the text of its architecture."""
    space = get_space(SPACE)
    text = space.encode(next(iter(space.enumerate())))
    tracemalloc.start()
    kept: Mapping[str, Ok[float]] = {f"{text}{i}": Ok(float(i)) for i in range(count)}
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return used / len(kept)
