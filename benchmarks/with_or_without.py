"""What a part of a training says about with or without a teacher, by several rules.

A student learns with a teacher or from labels alone, decided by how far labels alone are ahead in
calibrated cross-entropy, in nats, at a third of a training and at a ninth. What is lost is points
of the full training to the better of the two ways: a mean over students and, on tables of pairs,
teachers. Weak are teachers who are much less accurate than the others, and those of softened
labels. The best third of students stands apart, since a contest is among those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from autodas.tables.pairs import pairs_of
from autodas.workbench.ground_truth import load_table
from benchmarks.finalists import TABLES as SINGLE
from benchmarks.finalists import WAYS, Row
from benchmarks.teachers import SOFTENED, TABLES, Pairs

THIRD, NINTH = Fraction(1, 3), Fraction(1, 9)
WEAK = ("early", "vit-6px", "vit-16px", *SOFTENED)
TAUGHT, ALONE = WAYS


@dataclass(frozen=True)
class Leads:
    """Students by teachers, ``(A, T)`` each: where labels alone are, beside a teacher.

    Attributes:
        third: By how much their loss is lower at a third of a training, in nats.
        ninth: The same at a ninth.
        gain: Points that the teacher adds in a full training.
        best: ``(A,)`` accuracy of the better way.
    """

    third: Any
    ninth: Any
    gain: Any
    best: Any

    def of(self, students: Any, teachers: Any = slice(None)) -> Leads:
        """Those of some students and teachers."""
        parts = (each[students][:, teachers] for each in (self.third, self.ninth, self.gain))
        return Leads(*parts, best=self.best[students])


RULES: dict[str, Callable[[Leads], Any]] = {
    "who is ahead": lambda seen: seen.third > 0,
    "ahead by 0.05 nats": lambda seen: seen.third > 0.05,
    "ahead by 0.1 nats": lambda seen: seen.third > 0.1,
    "ahead by 0.25 nats": lambda seen: seen.third > 0.25,
    "where both rungs lead to": lambda seen: 2 * seen.third - seen.ninth > 0,
    "always taught": lambda seen: np.zeros(seen.third.shape, dtype=bool),
    "never taught": lambda seen: np.ones(seen.third.shape, dtype=bool),
}


def lost(seen: Leads) -> dict[str, float]:
    """Mean points by rule; whether labels alone are taken is what a rule says."""
    if_taught, if_alone = (-seen.gain).clip(min=0), seen.gain.clip(min=0)
    return {
        name: float(np.nanmean(np.where(rule(seen), if_alone, if_taught)))
        for name, rule in RULES.items()
    }


def of_pairs(pairs: Pairs) -> Leads:
    """Of all students and all ways with teachers."""
    third, ninth = (
        pairs.rung("calibrated_cross_entropy", each).mean(axis=2) for each in (THIRD, NINTH)
    )
    alone = [pairs.none]
    return Leads(
        third - third[:, alone],
        ninth - ninth[:, alone],
        pairs.mean - pairs.mean[:, alone],
        np.nanmax(pairs.mean, axis=1),
    )


def of_one_teacher(row: Row) -> Leads:
    """Of all students of a table that has one."""

    def loss(part: Fraction, way: str) -> Any:
        return row.rungs[part, way].calibrated_cross_entropy.mean(axis=1)

    accuracy = {way: row.table.target(way).values for way in WAYS}
    third, ninth = (loss(part, TAUGHT) - loss(part, ALONE) for part in (THIRD, NINTH))
    gain = accuracy[TAUGHT] - accuracy[ALONE]
    best = np.maximum(*accuracy.values())
    return Leads(third[:, None], ninth[:, None], gain[:, None], best)


def rows() -> Iterator[tuple[str, Leads]]:
    """Tables, healthy and weak teachers apart."""
    for name in SINGLE:
        yield name, of_one_teacher(Row(load_table(name)))
    for name in TABLES:
        pairs = Pairs(pairs_of(load_table(name)))
        taught = [t for t in range(len(pairs.table.teachers)) if t != pairs.none]
        weak = [t for t in taught if pairs.table.teachers[t] in WEAK]
        every = np.arange(len(pairs.mean))
        healthy = [t for t in taught if t not in weak]
        yield f"{name}, healthy teachers", of_pairs(pairs).of(every, healthy)
        yield f"{name}, weak teachers", of_pairs(pairs).of(every, weak)


def main() -> dict[str, Any]:
    """Points lost by rule and table: all students, then the best third."""
    results: dict[str, Any] = {}
    for name, seen in rows():
        best = np.argsort(-seen.best)[: max(3, len(seen.best) // 3)]
        results[name] = lost(seen)
        results[f"{name}, best third"] = lost(seen.of(best))
    return results
