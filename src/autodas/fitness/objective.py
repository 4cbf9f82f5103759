"""The fitness of a proxy: how well it orders architectures of several families at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.fitness.goodness import Goodness
from autodas.fitness.pairs import PairGoodness

__all__ = ["Fitness", "Goal", "Objective"]

Floats = npt.NDArray[np.float64]
Combination = Literal["mean", "min"]

DECIMALS = 9  # of a fitness: correlations of few labels differ by far more, or by rounding only


@dataclass(frozen=True, eq=False)
class Goal:
    """One family: a space with a target, and which of its architectures may be looked at.

    Attributes:
        name: What messages call it, e.g. ``"digits-cnn:distilled"``.
        truth: ``(A,)`` accuracies of all architectures; NaN where unknown.
        rows: Which of them count; None for all.
        weight: Its weight in a mean, above 0.
        sizes: ``(S, A)`` sizes, #params first; needed for size control and lift.
        pairs: ``(2, A)`` numbers of student and teacher, if these are pairs: goodness is then that
            of :class:`PairGoodness`.
    """

    name: str
    truth: Floats
    rows: npt.NDArray[np.intp] | None = None
    weight: float = 1.0
    sizes: Floats | None = None
    pairs: npt.NDArray[np.intp] | None = None


@dataclass(frozen=True)
class Fitness:
    """A fitness and what it is made of.

    Attributes:
        value: In [-1, 1] of a correlation; of a lift, what the parts have above #params.
        parts: Goodness by family: τ-b, unless the objective asks for something else.
    """

    value: float
    parts: Mapping[str, float]


class Objective:
    """Kendall's τ-b averaged over families, or that of the worst.

    Args:
        goals: At least one; names differ.
        combine: ``"mean"`` weighted by the goals' weights, or ``"min"``: a proxy is then as good
            as its worst family, and does not buy one with another (Akhauri et al., NeurIPS 2022).
        measure: Of goodness, as of :class:`Goodness`.
        size_control: Share of the size-controlled τ, see :class:`Goodness`.
        lift: Combine what the families have above the correlation of their #params: with
            ``min``, a proxy has to beat size everywhere.
    """

    def __init__(
        self,
        goals: Sequence[Goal],
        combine: Combination = "mean",
        *,
        measure: str = "tau",
        size_control: float = 0.0,
        lift: bool = False,
    ) -> None:
        if not goals:
            raise InvalidInput("an objective needs at least one family")
        if len({goal.name for goal in goals}) != len(goals):
            raise InvalidInput(f"families must differ, got {[goal.name for goal in goals]}")
        if combine not in ("mean", "min"):
            raise InvalidInput(f"unknown combination {combine!r}; choose mean or min")
        for goal in goals:
            if not goal.weight > 0.0:
                raise InvalidInput(f"{goal.name}: weight must be above 0, got {goal.weight}")
        self.goals = tuple(goals)
        self.combine = combine
        options: dict[str, Any] = {"size_control": size_control, "lift": lift, "measure": measure}
        self._judges = [_judge(goal, options) for goal in goals]

    def __call__(
        self, scores: Mapping[str, npt.ArrayLike | Result[npt.NDArray[np.floating]]]
    ) -> Result[Fitness]:
        """The fitness of one proxy.

        Args:
            scores: By family, ``(A,)`` numbers for all of its architectures, or why there are
                none.

        Returns:
            The fitness; the first failure, led by the family's name, if one family has none.

        Raises:
            InvalidInput: a family is missing, or a shape is not that of its truth.
        """
        parts: dict[str, float] = {}
        for goal, against in zip(self.goals, self._judges, strict=True):
            if goal.name not in scores:
                raise InvalidInput(f"no scores for the family {goal.name!r}")
            given = scores[goal.name]
            if isinstance(given, Failed):
                return Failed(f"{goal.name}: {given.reason}", given.details)
            values = np.asarray(given.value if isinstance(given, Ok) else given, dtype=np.float64)
            if values.shape != goal.truth.shape:
                raise InvalidInput(
                    f"{goal.name}: scores must have the shape {goal.truth.shape}, "
                    f"got {values.shape}"
                )
            found = against(_seen(goal, values))
            if isinstance(found, Failed):
                return Failed(f"{goal.name}: {found.reason}", found.details)
            parts[goal.name] = found.value
        return Ok(self._combined(parts))

    def either_way(
        self, scores: Mapping[str, npt.ArrayLike | Result[npt.NDArray[np.floating]]]
    ) -> Result[tuple[Fitness, bool]]:
        """The fitness of one proxy or of its negative, whichever is better, and whether it is the
        proxy itself.
        """
        found = self(scores)
        if isinstance(found, Failed):
            return found
        if all(judge.odd for judge in self._judges):
            turned = self._combined({name: -part for name, part in found.value.parts.items()})
        else:
            other = self({name: _turned(each) for name, each in scores.items()})
            if isinstance(other, Failed):
                return other
            turned = other.value
        upright = found.value.value >= turned.value
        return Ok((found.value if upright else turned, upright))

    def _combined(self, parts: dict[str, float]) -> Fitness:
        floors = [judge.floor for judge in self._judges]
        lifts = [part - floor for part, floor in zip(parts.values(), floors, strict=True)]
        return Fitness(round(self._reduced(lifts), DECIMALS), parts)

    def _reduced(self, values: list[float]) -> float:
        if self.combine == "min":
            return min(values)
        return float(np.average(values, weights=[goal.weight for goal in self.goals]))


def _judge(goal: Goal, options: Mapping[str, Any]) -> Goodness | PairGoodness:
    truth = _seen(goal, goal.truth)
    if goal.pairs is not None:
        rows = slice(None) if goal.rows is None else goal.rows
        return PairGoodness(truth, *goal.pairs[:, rows])
    return Goodness(truth, None if goal.sizes is None else _seen(goal, goal.sizes), **options)


def _turned(scores: npt.ArrayLike | Result[npt.NDArray[np.floating]]) -> Floats | Failed:
    if isinstance(scores, Failed):
        return scores
    return -np.asarray(scores.value if isinstance(scores, Ok) else scores, dtype=np.float64)


def _seen(goal: Goal, values: Floats) -> Floats:
    return values if goal.rows is None else values[..., goal.rows]
