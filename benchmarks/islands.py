"""Islands in one process and in two: how much faster.

The same number of formulas is judged as one population and as two islands of half of it. Statistics
are in the cache when the clock starts; starting processes counts, and so do choosing the proxy
and reporting on it, which the command does alone.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from autodas.steps.discover.dispatch import DiscoverConfig, run

SEEDS = 1
WAYS: dict[str, dict[str, Any]] = {
    "one population": {"islands": 1, "backend": "serial"},
    "two islands, one process": {"islands": 2, "backend": "serial"},
    "two islands, two processes": {"islands": 2, "backend": "processes", "jobs": 2},
}


def main(formulas: int = 30_000, seeds: int = SEEDS) -> dict[str, Any]:
    """Seconds of evolving, and fitness on the part that was searched on and on that which chooses.

    Args:
        formulas: Judged in each search.
        seeds: Searches of each way; seconds are the median, fitness is the mean.
    """
    found: dict[str, dict[str, list[float]]] = {
        way: {"seconds": [], "search": [], "validation": []} for way in WAYS
    }
    with tempfile.TemporaryDirectory() as folder:
        _search(Path(folder) / "cache", 400, 0, WAYS["one population"])  # fills the cache
        for seed in range(seeds):
            for way, options in WAYS.items():
                results = _search(Path(folder) / f"{seed} {way}", formulas, seed, options)
                found[way]["seconds"].append(results["seconds"]["evolve"])
                for part in ("search", "validation"):
                    found[way][part].append(results["proxy"][f"{part}_tau"])
    seconds = [float(np.median(found[way]["seconds"])) for way in WAYS]
    return {
        "formulas": formulas,
        "cores": os.cpu_count(),
        **{
            way: {name: float(np.mean(v)) for name, v in each.items()}
            for way, each in found.items()
        },
        "ratio": {
            "one population / two processes": seconds[0] / seconds[2],
            "islands in one process / in two": seconds[1] / seconds[2],
        },
    }


def _search(out: Path, formulas: int, seed: int, options: dict[str, Any]) -> dict[str, Any]:
    generations = 40
    population = formulas // (generations * options["islands"])
    config = DiscoverConfig(
        out=out, population=population, generations=generations, seed=seed, **options
    )
    return run(config)
