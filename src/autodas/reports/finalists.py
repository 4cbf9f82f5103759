"""The finalists of a contest, each with its short trainings: what its figure and table show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from autodas.reports.spell import number, percent

__all__ = ["Finalist", "Trial", "finalists_of"]

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Trial:
    """One short training.

    Attributes:
        rank: From 1, by the cross-entropy of all that were trained on this rung; None if it failed.
        accuracy: Percent of the validation part; None if it failed.
        cross_entropy: On the validation part at the temperature T ≥ 1 that suits it best, in nats;
            None if it failed.
        kd_loss: Distance to the teacher's answers there; None without a teacher.
        failed: Why there is no result; empty if there is one.
    """

    rank: int | None
    accuracy: float | None
    cross_entropy: float | None
    kd_loss: float | None
    failed: str

    @property
    def words(self) -> str:
        """What came out."""
        if self.rank is None:
            return f"failed: {self.failed}"
        return f"cross-entropy {number(self.cross_entropy, 3)}, {percent(self.accuracy)} right"


@dataclass(frozen=True)
class Finalist:
    """One way to get a student.

    Attributes:
        name: Number of its architecture, in the order of the finalists, and how it learns.
        arch: Architecture text.
        teacher: Names of its teachers; empty for labels alone.
        losses: Of the teaching, where several are tried.
        began: Number of the first rung that it was tried on, from 0.
        trials: Its trainings on that rung and those above, the shortest first.
        chance: That it is better than the winner, in [0, 0.5]; None if nobody knows.
        winner: Whether it is to be trained.
        first: Whether the score alone would have taken it.
    """

    name: str
    arch: str
    teacher: str
    losses: tuple[str, ...]
    began: int
    trials: tuple[Trial, ...]
    chance: float | None
    winner: bool
    first: bool

    @property
    def words(self) -> str:
        """What it is."""
        if not self.teacher:
            return f"{self.arch}, labels alone"
        losses = f" by {' and '.join(self.losses)}" if self.losses else ""
        return f"{self.arch}, taught by {self.teacher}{losses}"

    @property
    def rungs(self) -> range:
        """Numbers of the rungs that it was tried on."""
        return range(self.began, self.began + len(self.trials))

    def at(self, rung: int) -> Trial | None:
        """What came out on a rung; None if it was not tried there."""
        return self.trials[rung - self.began] if rung in self.rungs else None

    @property
    def place(self) -> tuple[int, float]:
        """Sorts finalists: those that came further first, then by rank; failures last."""
        rank = self.trials[-1].rank if self.trials else None
        return -self.rungs.stop, math.inf if rank is None else rank


def finalists_of(contest: Row) -> list[Finalist]:
    """All that were tried, those that came furthest first.

    Args:
        contest: As ``results.json`` of a search tells it.

    Raises:
        KeyError, TypeError, ValueError, IndexError: it has another shape.
    """
    arms = contest["arms"]
    numbers = {arch: i for i, arch in enumerate(dict.fromkeys(arm["arch"] for arm in arms), 1)}
    chances = {each["arm"]: each["chance"] for each in contest["doubts"]}
    rungs = [_trials(rung["results"]) for rung in contest["rungs"]]
    several = len({tuple(arm["teachers"]) for arm in arms} - {()}) > 1
    places = range(len(arms))
    if any(arm not in places for arm in (contest["winner"], contest["first"], *chances)):
        raise ValueError("it speaks of finalists that are not there")
    found = [
        Finalist(
            name=f"{numbers[arm['arch']]}, {_taught(arm, several)}",
            arch=arm["arch"],
            teacher=" + ".join(arm["teachers"]),
            losses=tuple(map(str, arm.get("losses") or ())),
            began=next((i for i, rung in enumerate(rungs) if place in rung), 0),
            trials=tuple(rung[place] for rung in rungs if place in rung),
            chance=chances.get(place),
            winner=place == contest["winner"],
            first=place == contest["first"],
        )
        for place, arm in enumerate(arms)
    ]
    return sorted(found, key=lambda finalist: finalist.place)


def _taught(arm: Row, several: bool) -> str:
    """In few words; of several teachers, the name of each without its folder."""
    teachers, losses = arm["teachers"], arm.get("losses") or ()
    if not teachers:
        return "labels alone"
    by = " + ".join(PurePath(each).stem for each in teachers) if several else "with teacher"
    return " ".join((by, *map(str, losses)))


def _trials(results: Sequence[Row]) -> dict[int, Trial]:
    """By the number of the arm."""
    fine = [each for each in results if each["calibrated_cross_entropy"] is not None]
    fine.sort(key=lambda each: float(each["calibrated_cross_entropy"]))
    ranks = {each["arm"]: rank for rank, each in enumerate(fine, start=1)}
    return {
        each["arm"]: Trial(
            ranks.get(each["arm"]),
            each["accuracy"],
            each["calibrated_cross_entropy"],
            each["kd_loss"],
            str(each["reason"] or ""),
        )
        for each in results
    }
