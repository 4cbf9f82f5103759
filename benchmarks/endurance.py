"""Whether a discovery as long as a day needs more memory the longer it runs.

A million formulas are bred and judged on twelve networks of digits, so that a day's work of
formulas takes half an hour. Everything is as ``autodas discover`` does it, the journal included.
Resident memory is read from the system after every so many generations.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from autodas.core.progress import Silent
from autodas.steps.discover.dispatch import DiscoverConfig, run

CANDIDATES = 1_000_000
POPULATION = 60
POINTS = 40


class Watch(Silent):
    """Notes the resident memory while a discovery goes on."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.generations = 0
        self.curve: list[tuple[int, int, float]] = []  # candidates, bytes, processor seconds
        self._evolving = False

    def start(self, task: str, total: int, done: int = 0) -> None:  # noqa: ARG002
        self._evolving = task == "evolving"

    def advance(self, n: int = 1) -> None:
        if not self._evolving:
            return
        self.generations += n
        if self.generations % self.every == 0:
            done, size, seconds = self.generations * POPULATION, resident(), time.process_time()
            self.curve.append((done, size, seconds))
            line = f"{done} candidates, {size / 1e6:.1f} MB, {seconds:.0f} s"
            print(line, file=sys.stderr, flush=True)


def main(candidates: int = CANDIDATES, memory: str = "128MB") -> dict[str, Any]:
    """Resident memory against candidates, and how much a candidate adds to it.

    Args:
        candidates: Formulas to judge.
        memory: Bound on statistics and remembered parts of formulas.
    """
    generations = max(8, candidates // POPULATION)
    watch = Watch(max(1, generations // POINTS))
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "run"
        config = DiscoverConfig(
            out=out,
            tables=("digits-cnn",),
            limit=12,
            population=POPULATION,
            generations=generations,
            memory=memory,
            jobs=1,
        )
        results = run(config, watch)
        journal = (out / "journal.jsonl").stat().st_size
    done, sizes, seconds = np.array(watch.curve, dtype=float).T
    half = len(done) // 2  # the memo of formulas is full long before
    slope = np.polyfit(done[half:], sizes[half:], 1)[0]
    return {
        "candidates": results["evaluations"],
        "curve, MB": {str(n): round(size / 1e6, 1) for n, size, _ in watch.curve},
        "second half, bytes per candidate": float(slope),
        "second half, MB grown": float(sizes[-1] - sizes[half]) / 1e6,
        "journal, bytes per candidate": journal / results["evaluations"],
        "candidates per processor second": float(
            (done[-1] - done[half]) / (seconds[-1] - seconds[half])
        ),
    }


def resident() -> int:
    """Bytes of this process in memory now; Linux alone tells."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024
