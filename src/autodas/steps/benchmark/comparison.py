"""The honest table: how well scores and their rivals order architectures, and what that says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from autodas.core.results import Failed, Ok, Result
from autodas.core.text import brief
from autodas.fitness import (
    DEFAULT_TOP,
    Regret,
    Yardstick,
    lost_by_top,
    lost_on_average,
    top1_regret,
    top_of_list,
)
from autodas.scores import Score, Subjects
from autodas.scores.predictor import Predictor, Sees
from autodas.scores.score import Values
from autodas.statistics.short import price_of
from autodas.steps.benchmark.early import Early, after
from autodas.steps.benchmark.published import Published, published_values
from autodas.steps.benchmark.rivals import encodings, predicted
from autodas.workbench.families import Family

__all__ = ["Comparison", "Contender", "PartName", "rows", "values_of", "verdict"]

Contender: TypeAlias = Score | Predictor | Early | Published
PartName: TypeAlias = Literal["all", "search", "validation", "report"]

HIGHER_IS_BETTER = 1
FEW = 20
"""Of fewer architectures nothing is said to be no better, nor two discoveries to differ."""


def rows(
    families: Sequence[Family], scores: Sequence[Contender], *, part: str = "report", seed: int = 0
) -> list[dict[str, Any]]:
    """The honest table: each score on one part of each family, beside its interval and size.

    Args:
        families: Where to compare.
        scores: What to compare.
        part: ``search``, ``validation``, ``report`` or ``all`` architectures.
        seed: Of the bootstrap.
    """
    comparisons = [Comparison(family, part, seed) for family in families]
    return [comparison.row(score) for comparison in comparisons for score in scores]


def values_of(
    score: Score, subjects: Subjects, reference: Subjects | None = None
) -> Result[Values]:
    """``(A,)`` values of a score; one without a scale for the space gets one first.

    A scale is fitted on architectures without their accuracies, so that nothing is given away.

    Args:
        score: The score.
        subjects: What it sees.
        reference: What to fit a scale on; by default, the subjects themselves.
    """
    if score.calibrate is not None and score.unscaled(subjects.space):
        fitted = score.calibrate(subjects.space, subjects if reference is None else reference)
        if isinstance(fitted, Failed):
            return fitted
        score = fitted.value
    return score.compute(subjects)


@dataclass(frozen=True, eq=False)
class Comparison:
    """One part of a family, where scores are compared.

    Attributes:
        family: Space, accuracies and statistics.
        part: ``search``, ``validation``, ``report`` or ``all`` architectures.
        seed: Of the bootstrap and of predictors.
        top: How many of those that a score likes best are looked at.
    """

    family: Family
    part: str
    seed: int
    top: int = DEFAULT_TOP
    _features: dict[Sees, Values] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def chosen(self) -> npt.NDArray[np.intp]:
        """The rows of the part."""
        if self.part == "all":
            return np.arange(len(self.family.truth))
        found: npt.NDArray[np.intp] = getattr(self.family.split, self.part)
        return found

    @cached_property
    def _yardstick(self) -> Yardstick:
        params, macs = (size[self.chosen] for size in self.family.sizes)
        return Yardstick(self.family.truth[self.chosen], params, macs, seed=self.seed)

    def features(self, sees: Sees) -> Values:
        """``(A, F)`` what predictors see."""
        if sees not in self._features:
            self._features[sees] = encodings(self.family, sees)
        return self._features[sees]

    def row(self, contender: Contender) -> dict[str, Any]:
        """The row of one score or rival, as JSON holds it."""
        family = self.family
        row: dict[str, Any] = {
            "score": contender.name,
            "space": family.space.name,
            "table": family.table.name,
            "target": family.target,
            "part": self.part,
            "sign": HIGHER_IS_BETTER,
        }
        found, notes = self.values(contender)
        row |= notes
        if isinstance(found, Failed):
            return row | self._failed(found)
        measured = self._yardstick.row(found.value)
        if isinstance(measured, Failed):
            return row | self._failed(measured)
        return row | measured.value.to_json() | self._top(found.value) | self._regret(found.value)

    def _failed(self, why: Failed) -> dict[str, Any]:
        return {"n": len(self.chosen), "tau": None, "failed": why.reason}

    def values(self, contender: Contender) -> tuple[Result[Values], dict[str, Any]]:
        """Values on the part, and what a predictor has learnt from or a short training costs."""
        family = self.family
        if isinstance(contender, Score):
            values = values_of(contender, family.subjects)
            price = price_of(contender.leaves)
            cost = {"cost": float(price)} if price else {}
            return values if isinstance(values, Failed) else Ok(values.value[self.chosen]), cost
        if isinstance(contender, Early):
            early = after(family.table, contender)
            if isinstance(early, Failed):
                return early, {}
            return Ok(early.value[0][self.chosen]), {"cost": early.value[1]}
        if isinstance(contender, Published):
            there = published_values(family.table, family.target, contender)
            return there if isinstance(there, Failed) else Ok(there.value[self.chosen]), {}
        found = predicted(
            family,
            contender,
            self.features(contender.sees),
            part=self.part,
            rows=self.chosen,
            seed=self.seed,
        )
        if isinstance(found, Failed):
            return found, {}
        each = found.value
        return Ok(each.values), {
            "trained_on": each.trained_on,
            "cross_validated": each.cross_validated,
        }

    def _top(self, values: Values) -> dict[str, Any]:
        found = top_of_list(values, self.family.truth[self.chosen], self.top)
        if isinstance(found, Failed):
            return {}
        truth = self.family.truth[self.chosen]
        lost = lost_by_top(values, truth, found.value, self._yardstick.resamples)
        ends = {"regret_low": lost.low, "regret_high": lost.high}
        return {"top": dataclasses.asdict(found.value) | ends}

    def _regret(self, values: Values) -> dict[str, Any]:
        truth, params = self.family.truth[self.chosen], self.family.sizes[0][self.chosen]
        found = top1_regret(values, truth, params)
        if isinstance(found, Failed):
            return {"regret": []}
        names = self.family.table.architectures
        lost = lost_on_average(values, truth, params, found.value, self._yardstick.resamples)
        return {
            "regret": [_regret_json(each, names[self.chosen[each.chosen]]) for each in found.value]
        } | {
            f"{name}{end}": value
            for name, each in lost.items()
            for end, value in (("", each.value), ("_low", each.low), ("_high", each.high))
        }


def _regret_json(regret: Regret, chosen: str) -> dict[str, Any]:
    """Accuracies rather than losses, because those are what one gets."""
    best, top = regret.oracle, regret.top5
    return {
        "budget": regret.budget,
        "n": regret.n,
        "oracle": best,
        "chosen": chosen,
        "ties": regret.ties,
        "accuracy": best - regret.score,
        "regret": regret.score,
        "largest": best - regret.largest,
        "random": best - regret.random,
        "top5": {
            "k": top.k,
            "accuracy": best - top.score,
            "regret": top.score,
            "largest": best - top.largest,
            "random": best - top.random,
        },
    }


def verdict(
    rows: Sequence[Mapping[str, Any]], name: str, *, called: str = "the proxy", unseen: bool = True
) -> list[str]:
    """One sentence per (space, target): does a score beat the number of parameters?

    Args:
        rows: Rows of the honest table.
        name: The score to judge.
        called: What the sentences call it.
        unseen: Whether nobody chose anything by looking at these architectures.
    """
    which = "unseen architectures" if unseen else "architectures"
    return [_sentence(row, called, which) for row in rows if row["score"] == name]


def _sentence(row: Mapping[str, Any], called: str, which: str) -> str:
    where = f"On {brief(row['space'])} ({row['target']}, {row['n']} {which})"
    if row["tau"] is None:
        return f"{where} {called} gives no ranking: {row['failed']}."
    delta, low, high = (row[f"delta_params{end}"] for end in ("", "_low", "_high"))
    if None in (delta, low, high):
        return f"{where} {called} reaches τ {row['tau']:.2f}; #params gives no ranking there."
    size = row["tau"] - delta
    if low > 0 and row.get("significance") != "open":
        judged = f"{called} beats #params"
    elif high < 0 and row.get("significance") != "open":
        judged = f"{called} is worse than #params"
    elif delta > 0 or row["n"] < FEW or low > 0 or high < 0:
        judged = f"{called} is not shown to beat #params"
    else:
        judged = f"{called} does not beat #params"
    several = row.get("splits")
    over = ""
    if several and None not in several.values():
        over = (
            f" Over {several['n']} splits: τ {several['tau_mean']:.2f} ± {several['tau_sd']:.2f}, "
            f"difference {several['delta_mean']:+.2f} ± {several['delta_sd']:.2f}."
        )
    return (
        f"{where} {judged}: τ {row['tau']:.2f} against {size:.2f} for #params "
        f"(difference {delta:+.2f}, 95 % interval {low:+.2f} to {high:+.2f}).{over}"
    )
