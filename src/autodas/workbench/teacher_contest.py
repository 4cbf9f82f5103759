"""Which way to teach: a contest of short distillations of one student, for each of some students.

The arms of a contest are the ways to teach, and all of them are tried: of teachers there are few,
and nothing that is known without training says which are not worth it. Students have contests of
their own, since the teacher that suits one need not suit another, and what is said of a teacher is
a mean over them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from autodas.evolution import Bracket
from autodas.evolution.brackets import Rung
from autodas.workbench.arms import AGAIN, ETA, Ladder, Plan
from autodas.workbench.chances import NO_LUCK, Luck, chance_that_better
from autodas.workbench.decisions import BY_ACCURACY, CALIBRATED
from autodas.workbench.ways import Way

__all__ = ["SHOWN_BELOW", "Placing", "placings", "plan_for_all"]

SHOWN_BELOW = 0.025
"""A chance below this is called shown: as much as a 95 % interval that leaves zero out."""


LEAST = 2  # arms that are worth a rung, or a second training


def plan_for_all(ladder: Ladder, trainings: Fraction, arms: int) -> Plan:
    """A contest in which every arm is tried, for as long as can be paid for all.

    What is left is spent on the rung above, for about a third of them, or where that cannot be paid
    on training the best once more from another seed.

    Args:
        ladder: Fidelities and their prices.
        trainings: What it may cost with the final training, in full trainings; 2 % more may be.
        arms: How many ways there are.

    Returns:
        A plan without rungs, if not even the lowest can be paid for all.
    """
    left = trainings * Fraction(102, 100) - 1
    rungs: list[Rung] = []
    payable = [f for f, price in ladder.prices.items() if arms * price <= left]
    for fidelity in [f for f in ladder.prices if payable and f >= max(payable)]:
        price = ladder.prices[fidelity]
        count = min(-(-rungs[-1].arms // ETA), int(left / price)) if rungs else arms
        if count < LEAST:
            break
        rungs.append(Rung(fidelity, count, price))
        left -= rungs[-1].cost
    again = min(AGAIN, rungs[-1].arms, int(left / rungs[-1].price)) if rungs else 0
    return Plan(Bracket(tuple(rungs)), again if again >= LEAST else 0)


@dataclass(frozen=True)
class Placing:
    """How one way to teach did for one student.

    Attributes:
        place: From 1; equal to that of the last for those that were not tried.
        beaten: Share of the other ways that came after it, in [0, 1].
        fidelity: Of the highest rung that it has seen, such as ``"1/3"``; None if it was not tried.
        accuracy: On the validation part there, in percent; None as well.
        wrong: Of each validation image, of each of its trainings, 1 for a wrong answer, if that was
            the last rung.
        luck: How much seeds matter there.
        at_first: Accuracy on the first rung, where all are compared alike; None if it was not
            tried.
        calibrated_cross_entropy: Where ``accuracy`` is from, in nats, the lower the better: this
            decides between equally accurate ones; None if it was not tried.
    """

    place: int
    beaten: float
    fidelity: str | None = None
    accuracy: float | None = None
    wrong: Sequence[Sequence[float]] = ()
    luck: Luck = NO_LUCK
    at_first: float | None = None
    calibrated_cross_entropy: float | None = None

    def chance_over(self, other: Placing) -> float | None:
        """The chance that this one is better than ``other``, where both got to the last rung.

        In [0, 1]; see :func:`autodas.workbench.chances.chance_that_better`.
        """
        if not self.wrong or not other.wrong:
            return None
        if np.mean(self.wrong) >= np.mean(other.wrong):
            return chance_that_better(self.wrong, other.wrong, self.luck)
        return 1.0 - chance_that_better(other.wrong, self.wrong, self.luck)


def placings(
    found: Mapping[str, Any],
    ways: Sequence[Way],
    wrong: Mapping[Way, Sequence[Sequence[float]]],
    luck: Luck,
) -> dict[Way, Placing]:
    """How every way did in a contest that is finished.

    Those that came further come first, and among those that came equally far the better ones.

    Args:
        found: What came of it, as :meth:`autodas.workbench.contest.ContestRun.results` says.
        ways: All that there are, tried or not.
        wrong: Of those on the last rung, of each of their trainings.
        luck: Of the seeds there.
    """
    arms = [tuple(arm["teachers"]) for arm in found["arms"]]
    order: dict[Way, dict[str, Any]] = {}
    for rung in reversed(found["rungs"]):
        fine = [each for each in rung["results"] if each[CALIBRATED] is not None]
        for each in sorted(fine, key=BY_ACCURACY.score, reverse=True):
            told = {name: each[name] for name in ("accuracy", CALIBRATED)}
            told |= {"fidelity": rung["fidelity"]}
            order.setdefault(arms[each["arm"]], told)
    for rung in found["rungs"][:1]:
        for each in rung["results"]:
            if arms[each["arm"]] in order:
                order[arms[each["arm"]]]["at_first"] = each["accuracy"]
    others = max(1, len(ways) - 1)
    placed = {
        way: Placing(
            place, (len(ways) - place) / others, **told, wrong=wrong.get(way, ()), luck=luck
        )
        for place, (way, told) in enumerate(order.items(), start=1)
    }
    return {way: placed.get(way, Placing(len(ways), 0.0)) for way in ways}
