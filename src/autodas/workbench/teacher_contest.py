"""Which way to teach: a contest of short distillations of one student, for each of some students.

The arms of a contest are the ways to teach. Students have contests of their own, since the teacher
that suits one need not suit another, and what is said of a teacher is a mean over them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from autodas.core.errors import AutodasError
from autodas.core.results import Ok
from autodas.workbench.arms import Arm
from autodas.workbench.contest import Contest, ContestRun, chance_that_better
from autodas.workbench.ways import Way

__all__ = ["SHOWN_BELOW", "Placing", "placings"]

SHOWN_BELOW = 0.025
"""A chance below this is called shown: as much as a 95 % interval that leaves zero out."""


@dataclass(frozen=True)
class Placing:
    """How one way to teach did for one student.

    Attributes:
        place: From 1; equal to that of the last for those that were not tried.
        beaten: Share of the other ways that came after it, in [0, 1].
        fidelity: Of the highest rung that it has seen, such as ``"1/3"``; None if it was not tried.
        accuracy: On the validation part there, in percent; None as well.
        losses: Of each validation image there; None as well.
    """

    place: int
    beaten: float
    fidelity: str | None = None
    accuracy: float | None = None
    losses: Sequence[float] | None = None

    def chance_over(self, other: Placing) -> float | None:
        """The chance that this one is better than ``other``, where both were judged on one rung.

        In [0, 1]; by the paired losses of the validation images, without the luck of seeds.
        """
        if self.losses is None or other.losses is None or self.fidelity != other.fidelity:
            return None
        if sum(self.losses) >= sum(other.losses):
            return chance_that_better(self.losses, other.losses)
        return 1.0 - chance_that_better(other.losses, self.losses)


def placings(run: ContestRun, ways: Sequence[Way]) -> dict[Way, Placing]:
    """How every way did in a contest that is finished.

    Those that came further come first, and among those that came equally far the better ones.

    Raises:
        AutodasError: all arms of a rung have failed.
    """
    winner = run.halving.winner
    if not isinstance(winner, Ok):
        raise AutodasError(f"no teacher could be tried: {getattr(winner, 'reason', 'no rungs')}")
    by_key = {arm.key: arm for arm in run.contest.arms}
    order: dict[Way, dict[str, Any]] = {}
    for rung in reversed(run.halving.history):
        results = zip(rung.arms, rung.results, strict=True)
        fine = [(key, result.value) for key, result in results if isinstance(result, Ok)]
        for key, _ in sorted(fine, key=lambda pair: -pair[1]):
            arm = by_key[key]
            order.setdefault(arm.teachers, _judged(run.contest, run.known, arm, rung.fidelity))
    if winner.value.teachers not in order:
        order = {winner.value.teachers: {}}
    others = max(1, len(ways) - 1)
    found = {
        way: Placing(place, (len(ways) - place) / others, **judged)
        for place, (way, judged) in enumerate(order.items(), start=1)
    }
    return {way: found.get(way, Placing(len(ways), 0.0)) for way in ways}


def _judged(
    contest: Contest, known: Mapping[str, Mapping[str, Any]], arm: Arm, fidelity: Fraction
) -> dict[str, Any]:
    record = known[contest.unit(arm, fidelity).key]
    return {
        "fidelity": str(fidelity),
        "accuracy": record["accuracy"],
        "losses": record["losses"],
    }
