"""Arms of a contest: ways to get a student, and how many of them a budget lets try."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from autodas.data import ImageData
from autodas.data.validation import for_choosing
from autodas.distill import Recipe
from autodas.distill.short import pace_of
from autodas.evolution import Bracket, Rung, plan_bracket
from autodas.workbench.ways import Way, in_words

__all__ = ["AGAIN", "WHOLE", "Arm", "Ladder", "Plan", "arms_of"]

ETA = 3
FIDELITIES = (Fraction(1, 27), Fraction(1, 9), Fraction(1, 3))
FEWEST = 50  # optimiser steps of a rung that says something; docs/choosing.md has the numbers
WHOLE = Fraction(1)
AGAIN = 3  # of the last rung's best; docs/choosing.md shows what it is good for


@dataclass(frozen=True)
class Arm:
    """A way to get a student.

    Attributes:
        arch: Architecture string.
        teachers: Whom it learns from; empty for labels alone, which a teacher can be worse than.
        losses: What for, as ``NAME=WEIGHT`` each; empty for the recipe's, and without teachers.
    """

    arch: str
    teachers: Way
    losses: tuple[str, ...] = ()

    @property
    def taught_by(self) -> str:
        """Its teachers in words; ``"none"`` if there are none."""
        return in_words(self.teachers)

    @property
    def key(self) -> str:
        """Tells it from others."""
        return " | ".join((self.arch, self.taught_by, *self.losses))


def arms_of(
    architectures: Sequence[str], ways: Sequence[Way], losses: Sequence[tuple[str, ...]] = ()
) -> list[Arm]:
    """Every architecture with every way to teach it; the most promising architecture first.

    Args:
        architectures: Their texts.
        ways: Teachers, or none.
        losses: Of each, where there are teachers; the recipe's if empty.
    """
    return [
        Arm(arch, teachers, each)
        for arch in architectures
        for teachers in ways
        for each in ((losses or [()]) if teachers else [()])
    ]


@dataclass(frozen=True)
class Plan:
    """How a contest spends what it may cost.

    Attributes:
        bracket: How many arms are tried for how long.
        again: So many of the last rung's best train once more, from another seed.
        duel: The two whole trainings, with teachers and without, by which it is decided whether the
            winner of the rungs needs them; None if the rungs decide that, too.
    """

    bracket: Bracket
    again: int = 0
    duel: Rung | None = None

    @property
    def cost(self) -> Fraction:
        """In full trainings, the final one not among them."""
        last = self.bracket.rungs[-1].price if self.again else Fraction(0)
        duel = self.duel.cost if self.duel else Fraction(0)
        return self.bracket.cost + self.again * last + duel


@dataclass(frozen=True)
class Ladder:
    """Fidelities that short trainings may have, and what they cost.

    Attributes:
        prices: Fidelity -> share of the steps of a full training, the lowest first.
        lowest: The lowest fidelity of enough steps to say something.
        whole: Price of a whole training without the validation part.
    """

    prices: Mapping[Fraction, Fraction]
    lowest: Fraction
    whole: Fraction = Fraction(1)

    @classmethod
    def of(cls, data: ImageData, recipe: Recipe) -> Ladder:
        """For a training.

        Args:
            data: Whole: the validation part is cut from it here.
            recipe: Of the full training.
        """
        fitting, images = len(for_choosing(data).train_labels), len(data.train_labels)
        steps = recipe.epochs * math.ceil(images / recipe.batch_size)

        def price(fidelity: Fraction) -> Fraction:
            return pace_of(recipe, fidelity, fitting=fitting, images=images).cost

        ladder = cls.priced({fidelity: price(fidelity) for fidelity in FIDELITIES}, steps)
        return replace(ladder, whole=price(WHOLE))

    @classmethod
    def priced(cls, prices: Mapping[Fraction, Fraction], steps: int) -> Ladder:
        """Of known prices, for a full training of so many steps."""
        enough = (f for f, price in prices.items() if price * steps >= FEWEST)
        return cls(prices, next(enough, FIDELITIES[-1]))

    def plan(self, trainings: Fraction, arms: int, *, least: int = 1, again: int = AGAIN) -> Plan:
        """How many arms are tried for how long.

        Args:
            trainings: What the choice may cost with its final training, in full trainings.
            arms: How many there are.
            least: So many are to be tried, if that can be paid.
            again: So many are to train twice, if the highest rung has as many; 0 for none.

        Returns:
            A bracket of rungs of the ladder, each with about a third of the arms of the one below,
            which costs with the final training at most 2 % more than is allowed. Rungs of few
            steps are taken only if others cost too much; without rungs, nothing can be compared.
        """
        plans = [
            plan
            for lowest in (self.lowest, *sorted(self.prices, reverse=True))
            for plan in self._plans(lowest, trainings, arms, again)
        ]
        most = max((plan.bracket.arms for plan in plans), default=0)
        wanted = min(least, arms, most)
        return next((plan for plan in plans if plan.bracket.arms >= wanted), Plan(Bracket()))

    def plan_with_duel(self, trainings: Fraction, arms: int, *, least: int = 1) -> Plan | None:
        """Rungs among arms with teachers, then a duel of the winner against itself without any.

        Args:
            trainings: What the choice may cost with its final training, in full trainings.
            arms: How many there are with teachers.
            least: So many are to be tried, if that can be paid.

        Returns:
            None if the duel cannot be paid, or would leave less than a training to rungs that have
            something to choose.
        """
        if trainings < (3 if arms == 1 else 4):
            return None
        duel = Rung(WHOLE, 2, self.whole)
        return replace(self.plan(trainings - duel.cost, arms, least=least), duel=duel)

    def _plans(
        self, lowest: Fraction, trainings: Fraction, arms: int, again: int
    ) -> Iterator[Plan]:
        """From one rung on, first with second trainings; none that compares nothing."""
        top = FIDELITIES[-1]
        twice = self._from(lowest, trainings - again * self.prices[top], arms)
        last = twice.rungs[-1] if twice.rungs else None
        if again and last is not None and last.fidelity == top and last.arms >= again:
            yield Plan(twice, again)
        once = self._from(lowest, trainings, arms)
        if once.rungs:
            yield Plan(once)

    def _from(self, lowest: Fraction, trainings: Fraction, arms: int) -> Bracket:
        bracket = plan_bracket(
            max(trainings * Fraction(102, 100) - 1, Fraction(0)),
            arms,
            steps=int(1 / FIDELITIES[0]),
            smallest=lowest,
            largest=FIDELITIES[-1],
            eta=ETA,
            # Between two rungs one pays for the upper one, which is what is trained then.
            price=lambda fidelity: self.prices[_above(fidelity)],
        )
        return Bracket(tuple(replace(r, fidelity=_above(r.fidelity)) for r in bracket.rungs))


def _above(fidelity: Fraction) -> Fraction:
    return next(rung for rung in FIDELITIES if rung >= fidelity)
