"""How time grows with the number of architectures and of candidates.

Architectures: digit CNNs are measured, written to a cache and read again, and random proxies are
evaluated cold on their columns. Beyond the number measured, columns repeat architectures: their
cost depends on sizes alone. Candidates: one evaluator is given more and more random proxies, none
twice. The exponent p of time ∝ nᵖ is fitted to all points, and to the upper half, where fixed costs
no longer flatten it; 1 is linear.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autodas.core.digest import digest
from autodas.core.rng import derive
from autodas.expressions import Evaluator, grow
from autodas.statistics import STATISTICS, Cache, Store, columns
from benchmarks.sketch import digits
from benchmarks.workload import LARGEST, grammar_of, proxies, ready_for_networks

ARCHITECTURES = (16, 32, 64, 128, 256, 512, 1024)
MEASURED = 256
CANDIDATES = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
FOLDER = Path("runs") / "benchmarks"


def main(
    architectures: Sequence[int] = ARCHITECTURES,
    measured: int = MEASURED,
    candidates: Sequence[int] = CANDIDATES,
    folder: Path = FOLDER,
) -> dict[str, Any]:
    """Seconds at each size, the fitted exponents, and a figure."""
    ready_for_networks()
    curves, store = _by_architectures(architectures, measured)
    curves |= _by_candidates(store, candidates)
    folder.mkdir(parents=True, exist_ok=True)
    _draw(curves, folder / "growth.svg")
    return {
        name: {
            "exponent": _exponent(curve),
            "exponent of the upper half": _exponent(curve[len(curve) // 2 - 1 :]),
            **{f"{n:,}": seconds for n, seconds in curve},
        }
        for name, curve in curves.items()
    }


Curve = list[tuple[int, float]]


def _by_architectures(numbers: Sequence[int], measured: int) -> tuple[dict[str, Curve], Store]:
    subjects, names = digits("digits-cnn", measured), STATISTICS.names()
    curves: dict[str, Curve] = {"measure": [], "read": [], "evaluate cold": []}
    values, measuring = [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder))
        for number in numbers:
            for architecture in subjects.architectures[len(values) : number]:
                start = time.process_time()
                values.append(subjects.measure(architecture, names))
                cache.write(digest(architecture), values[-1])
                measuring += time.process_time() - start
            if number <= measured:
                curves["measure"].append((number, measuring))
            chosen = [subjects.architectures[i % len(values)] for i in range(number)]
            curves["read"].append((number, _best(_read, cache, chosen, names)))
            store = _read(cache, chosen, names)
            formulas = proxies(grammar_of(store), 40, "growth")
            curves["evaluate cold"].append((number, _best(_cold, store, formulas)))
    return curves, columns(subjects.architectures[:32], values[:32], names)


def _read(cache: Cache, chosen: Sequence[str], names: Sequence[str]) -> Store:
    return columns(chosen, [cache.read(digest(each), names) for each in chosen], names)


def _cold(store: Store, formulas: Sequence[Any]) -> None:
    for formula in formulas:
        Evaluator(store.columns, memo_bytes=0).evaluate(formula)


def _best(task: Callable[..., object], *args: object) -> float:
    """Processor seconds of the fastest of three repetitions."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        task(*args)
        seconds.append(time.process_time() - start)
    return min(seconds)


def _by_candidates(store: Store, numbers: Sequence[int]) -> dict[str, Curve]:
    grammar, evaluator = grammar_of(store), Evaluator(store.columns)
    rng, seen = derive(0, "benchmark", "growth"), set()
    growing = evaluating = 0.0
    curves: dict[str, Curve] = {"grow candidates": [], "evaluate candidates": []}
    for number in numbers:
        while len(seen) < number:
            start = time.process_time()
            formula = grow(grammar, rng, max_size=LARGEST)
            middle = time.process_time()
            growing += middle - start
            if formula not in seen:
                seen.add(formula)
                evaluator.evaluate(formula)
                evaluating += time.process_time() - middle
        curves["grow candidates"].append((number, growing))
        curves["evaluate candidates"].append((number, evaluating))
    return curves


def _exponent(curve: Curve) -> float:
    n, seconds = np.log(np.array(curve)).T
    return float(np.polyfit(n, seconds, 1)[0])


def _draw(curves: dict[str, Curve], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "autodas", "svg.fonttype": "none"})
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for name, curve in curves.items():
        n, seconds = zip(*curve, strict=True)
        label = f"{name}: exponent {_exponent(curve):.2f}"
        axes[int("candidates" in name)].loglog(n, seconds, marker="o", markersize=4, label=label)
    for axis, what in zip(axes, ("architectures", "candidates"), strict=True):
        axis.set(xlabel=what, ylabel="processor seconds")
        axis.grid(visible=True, which="major", alpha=0.3)
        axis.legend(frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
