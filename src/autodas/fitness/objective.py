"""The fitness of a proxy: how well it orders architectures of several families at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.fitness.tau import TauAgainst

__all__ = ["Fitness", "Goal", "Objective"]

Floats = npt.NDArray[np.float64]
Combination = Literal["mean", "min"]


@dataclass(frozen=True, eq=False)
class Goal:
    """One family: a space with a target, and which of its architectures may be looked at.

    Attributes:
        name: What messages call it, e.g. ``"digits-cnn:distilled"``.
        truth: ``(A,)`` accuracies of all architectures; NaN where unknown.
        rows: Which of them count; None for all.
        weight: Its weight in a mean, above 0.
    """

    name: str
    truth: Floats
    rows: npt.NDArray[np.intp] | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class Fitness:
    """A fitness and what it is made of.

    Attributes:
        value: In [-1, 1].
        parts: τ-b by family.
    """

    value: float
    parts: Mapping[str, float]


class Objective:
    """Kendall's τ-b averaged over families, or that of the worst.

    Args:
        goals: At least one; names differ.
        combine: ``"mean"`` weighted by the goals' weights, or ``"min"``: a proxy is then as good
            as its worst family, and does not buy one with another (Akhauri et al., NeurIPS 2022).
    """

    def __init__(self, goals: Sequence[Goal], combine: Combination = "mean") -> None:
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
        self._taus = [TauAgainst(_seen(goal, goal.truth)) for goal in goals]

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
        for goal, against in zip(self.goals, self._taus, strict=True):
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
            tau = against(_seen(goal, values))
            if isinstance(tau, Failed):
                return Failed(f"{goal.name}: {tau.reason}", tau.details)
            parts[goal.name] = tau.value
        return Ok(Fitness(self._combined(list(parts.values())), parts))

    def _combined(self, taus: list[float]) -> float:
        if self.combine == "min":
            return min(taus)
        weights = [goal.weight for goal in self.goals]
        return float(np.average(taus, weights=weights))


def _seen(goal: Goal, values: Floats) -> Floats:
    return values if goal.rows is None else values[goal.rows]
