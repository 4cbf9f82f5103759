"""Arms of a contest: ways to get a student, and how many of them a budget lets try."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

from autodas.data import ImageData
from autodas.data.validation import for_choosing
from autodas.distill import Recipe
from autodas.distill.short import pace_of
from autodas.evolution import Bracket, plan_bracket

__all__ = ["NO_TEACHER", "Arm", "arms_of", "plan"]

NO_TEACHER = "none"
"""In the place of a teacher's name: the student learns from labels alone."""
SMALLEST, LARGEST = Fraction(1, 9), Fraction(1, 3)  # of a training; docs/choosing.md says why
GRID = 360  # fidelities that are tried at most: a plan need not know single steps


@dataclass(frozen=True)
class Arm:
    """A way to get a student.

    Attributes:
        arch: Architecture string.
        teachers: Whom it learns from; empty for labels alone, which a teacher can be worse than.
    """

    arch: str
    teachers: tuple[str, ...]

    @property
    def taught_by(self) -> str:
        """Its teachers in words; ``"none"`` if there are none."""
        return " + ".join(self.teachers) or NO_TEACHER

    @property
    def key(self) -> str:
        """Tells it from others."""
        return f"{self.arch} | {self.taught_by}"


def arms_of(architectures: Sequence[str], ways: Sequence[tuple[str, ...]]) -> list[Arm]:
    """Every architecture with every way to teach it; the most promising architecture first."""
    return [Arm(arch, teachers) for arch in architectures for teachers in ways]


def plan(budget: Fraction, arms: int, data: ImageData, recipe: Recipe) -> Bracket:
    """How many arms are tried for how long.

    Args:
        budget: For all short trainings together, in full trainings.
        arms: How many there are.
        data: Whole: the validation part is cut from it here.
        recipe: Of the full training.

    Returns:
        A bracket, without rungs where the budget allows no comparison. The price of a rung is that
        of its optimiser steps.
    """
    fitting, images = len(for_choosing(data).train_labels), len(data.train_labels)
    steps = recipe.epochs * math.ceil(images / recipe.batch_size)
    grid = min(steps, GRID)

    def cost(part: int) -> Fraction:
        return pace_of(recipe, Fraction(part, grid), fitting=fitting, images=images).cost

    # A few more steps may be rounded to fewer; planning needs prices that do not fall.
    prices = list(accumulate(map(cost, range(1, grid + 1)), max))
    smallest = max(SMALLEST, Fraction(1, grid))
    return plan_bracket(
        budget,
        arms,
        steps=grid,
        smallest=min(smallest, LARGEST),
        largest=max(LARGEST, Fraction(1, grid)),
        price=lambda fidelity: prices[math.ceil(fidelity * grid) - 1],
    )
