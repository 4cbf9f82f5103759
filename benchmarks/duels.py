"""Whether two whole trainings that decide about the teacher are worth what they cost.

On the four tables that come with the package, as in :mod:`benchmarks.finalists`: rungs that try
each finalist with the teacher and without, against rungs with the teacher alone and a duel of the
winner with and without it, at equal cost, the final training not included. A duel sees one seed of
the labels and is judged, like everybody else here, by the mean of the others: the luck of one seed
must not both decide and judge. Labels are of the test part, of which there are more images than a
validation part has, and of trainings on all images: both favour the duel.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from autodas.core.rng import derive
from autodas.workbench.ground_truth import load_table
from benchmarks.finalists import (
    TABLES,
    WAYS,
    Arm,
    Chooser,
    Question,
    Row,
    by_size,
    first,
    halving,
    in_turn,
    interval,
)

COSTS = (2.0, 3.0, 4.0, 9.0)
SEEDS = 40
TAUGHT, ALONE = WAYS


def duel(asked: Question, seen: int) -> Arm:
    """The winner of rungs among taught students, or the same from labels alone, by one seed."""
    plan = asked.row.ladder.plan_with_duel(Fraction(asked.cost) + 1, len(asked.fits))
    if plan is None or plan.duel is None:
        return halving(in_turn)(asked)
    left = Question(asked.row, asked.fits, asked.cost - float(plan.duel.cost), asked.rng)
    number, _ = halving(in_turn, ways=[TAUGHT])(left)
    runs = {way: asked.row.table.target(way).per_seed[number, seen] for way in WAYS}
    return number, max(WAYS, key=lambda way: runs[way])


def judged(row: Row, arm: Arm, seen: int) -> float:
    """Mean test accuracy of full trainings of the other seeds."""
    return float(np.nanmean(np.delete(row.table.target(arm[1]).per_seed[arm[0]], seen)))


def always(chooser: Chooser, asked: Question, _: int) -> Arm:
    """Who needs no seed of the labels."""
    return chooser(asked)


CHOOSERS = {
    "the largest": partial(always, first(by_size)),
    "rungs decide": partial(always, halving(in_turn)),
    "always taught": partial(always, halving(in_turn, ways=[TAUGHT])),
    "never taught": partial(always, halving(in_turn, ways=[ALONE])),
    "a duel decides": duel,
}


def regrets(row: Row, name: str, cost: float, seeds: int) -> Any:
    """``(seeds,)`` points that are lost to the best student that fits, mean over budgets."""
    found = []
    for number, fits in enumerate(row.fitting()):
        best = max(row.accuracy((i, way)) for i in fits for way in WAYS)
        for seed in range(seeds):
            rng = derive(seed, "duels", row.table.name, number)
            seen = int(rng.integers(row.table.target(TAUGHT).per_seed.shape[1]))
            arm = CHOOSERS[name](Question(row, fits, cost, rng), seen)
            found.append(best - judged(row, arm, seen))
    return np.reshape(found, (-1, seeds)).mean(axis=0)


def main(costs: Sequence[float] = COSTS, seeds: int = SEEDS) -> dict[str, Any]:
    """Mean regret by chooser and cost, with 95 % intervals over what is random, and by table."""
    rows = [Row(load_table(name)) for name in TABLES]
    results: dict[str, Any] = {}
    for cost in costs:
        for name in CHOOSERS:
            each = {row.table.name: regrets(row, name, cost, seeds) for row in rows}
            mean, low, high = interval(np.mean(list(each.values()), axis=0))
            told = f"{mean:.2f} ({low:.2f} to {high:.2f}): "
            told += ", ".join(f"{table} {found.mean():.2f}" for table, found in each.items())
            results.setdefault(f"at {cost:g} trainings", {})[name] = told
    return results
