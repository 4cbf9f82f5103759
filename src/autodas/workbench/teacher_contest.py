"""Which way to teach: a contest of short distillations of one student, for each of some students.

The arms of a contest are the ways to teach. Students have contests of their own, since the teacher
that suits one need not suit another, and what is said of a teacher is a mean over them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodas.workbench.chances import NO_LUCK, Luck, chance_that_better
from autodas.workbench.contest import DECIDES
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
        losses: Of each validation image, of each of its trainings, if that was the last rung.
        luck: How much seeds matter there.
    """

    place: int
    beaten: float
    fidelity: str | None = None
    accuracy: float | None = None
    losses: Sequence[Sequence[float]] = ()
    luck: Luck = NO_LUCK

    def chance_over(self, other: Placing) -> float | None:
        """The chance that this one is better than ``other``, where both got to the last rung.

        In [0, 1]; see :func:`autodas.workbench.chances.chance_that_better`.
        """
        if not self.losses or not other.losses:
            return None
        if np.mean(self.losses) >= np.mean(other.losses):
            return chance_that_better(self.losses, other.losses, self.luck)
        return 1.0 - chance_that_better(other.losses, self.losses, self.luck)


def placings(
    found: Mapping[str, Any],
    ways: Sequence[Way],
    losses: Mapping[Way, Sequence[Sequence[float]]],
    luck: Luck,
) -> dict[Way, Placing]:
    """How every way did in a contest that is finished.

    Those that came further come first, and among those that came equally far the better ones.

    Args:
        found: What came of it, as :meth:`autodas.workbench.contest.ContestRun.results` says.
        ways: All that there are, tried or not.
        losses: Of those on the last rung, of each of their trainings.
        luck: Of the seeds there.
    """
    arms = [tuple(arm["teachers"]) for arm in found["arms"]]
    order: dict[Way, dict[str, Any]] = {}
    for rung in reversed(found["rungs"]):
        fine = [each for each in rung["results"] if each[DECIDES] is not None]
        for each in sorted(fine, key=lambda each: float(each[DECIDES])):
            told = {"fidelity": rung["fidelity"], "accuracy": each["accuracy"]}
            order.setdefault(arms[each["arm"]], told)
    others = max(1, len(ways) - 1)
    placed = {
        way: Placing(
            place, (len(ways) - place) / others, **told, losses=losses.get(way, ()), luck=luck
        )
        for place, (way, told) in enumerate(order.items(), start=1)
    }
    return {way: placed.get(way, Placing(len(ways), 0.0)) for way in ways}
