"""What a second measurement of the same networks costs, beside the first.

The first builds and runs every network and writes the cache; the second reads and checks it. Both
lay out the columns.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from autodas.pipeline.measure import Protocol, measure_space, signals, space_sample
from autodas.spaces import get_space
from autodas.statistics import STATISTICS
from benchmarks.workload import ready_for_networks

CASES = {"digits-cnn": 96, "digits-vit": 96, "resnet": 24}
REPEATS = 3  # of the second measurement


def main(cases: dict[str, int] = CASES) -> dict[str, Any]:
    """Seconds of both, and their ratio, with all statistics."""
    ready_for_networks()
    signals(Protocol())  # data and teacher are read once in a process, whatever is measured
    with tempfile.TemporaryDirectory() as folder:
        return {space: _twice(space, count, Path(folder)) for space, count in cases.items()}


def _twice(name: str, count: int, folder: Path) -> dict[str, Any]:
    space, names = get_space(name), STATISTICS.names()
    architectures = space_sample(space, count, seed=0)
    seconds, processor = [], []
    for _ in range(1 + REPEATS):
        start, busy = time.perf_counter(), time.process_time()
        measured = measure_space(space, architectures, names, Protocol(), cache=folder, jobs=1)
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
