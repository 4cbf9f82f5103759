"""The contest of finalists: short trainings on growing rungs decide which student is trained.

Successive halving (:mod:`autodas.evolution.halving`) says which arm is tried at which fidelity;
here the trainings are done, kept in a journal, and told. An arm's score is minus its cross-entropy
on a validation part cut from the training images; docs/choosing.md says why it is this.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from autodas.backends import Backend
from autodas.core.errors import AutodasError
from autodas.core.journal import Journal
from autodas.core.progress import Progress
from autodas.core.results import Failed, Ok, Result
from autodas.core.rng import derive_seed
from autodas.distill import Recipe
from autodas.evolution import Bracket, Request, RungRecord, SuccessiveHalving
from autodas.workbench.arms import Arm
from autodas.workbench.shared_folder import Home, home
from autodas.workbench.training import Kept, Setup, Unit, Where, train_unit

__all__ = ["Contest", "ContestRun", "chance_that_better"]

CHECKPOINT_SECONDS = 30.0  # trainings that take less are begun again


@dataclass(frozen=True)
class Contest:
    """What is decided, and on what.

    Attributes:
        space: Of the students.
        data: What they are trained on.
        recipe: Of the full training; rungs shrink its schedule.
        arms: The most promising first. Without rungs, the first wins.
        bracket: How many of them are tried for how long.
        seed: Of the trainings. All arms of a rung have the same, so that they see the same batches.
        where: On what they run.
    """

    space: str
    data: str
    recipe: Recipe
    arms: Sequence[Arm]
    bracket: Bracket
    seed: int
    where: Where = field(default_factory=Where)

    def unit(self, arm: Arm, fidelity: Fraction, kept: Kept | None = None) -> Unit:
        """One short training."""
        seed = derive_seed(self.seed, "contest", str(fidelity))
        setup = Setup(self.space, arm.arch, arm.teachers, self.data, self.recipe, seed, fidelity)
        return Unit(setup, self.where, kept)


class ContestRun:
    """A contest that goes on where its journal ends.

    Args:
        contest: What is decided.
        folder: The run directory, for checkpoints.
        journal: Where finished trainings are kept. A failure is tried again when the run goes on:
            its cause may be gone.
        runner: Where trainings run.
        progress: Is told of them.
    """

    def __init__(
        self,
        contest: Contest,
        folder: Path,
        journal: Journal,
        runner: Backend,
        progress: Progress,
    ) -> None:
        self.contest, self.folder, self.journal = contest, folder, journal
        self.runner, self.progress = runner, progress
        self.halving = SuccessiveHalving(contest.arms, contest.bracket, key=lambda arm: arm.key)
        self.known: dict[str, dict[str, Any]] = {
            record["short"]: record for record in journal.records() if "short" in record
        }

    def run(self) -> dict[str, Any]:
        """Train until one arm is left.

        Returns:
            What :meth:`results` says.

        Raises:
            AutodasError: all arms of a rung have failed; the message says why.
        """
        total = sum(rung.arms for rung in self.contest.bracket.rungs)
        done = 0
        self.progress.start("trying finalists", total, done)
        while requests := self.halving.ask():
            for request, result in self._trained(requests):
                self.halving.tell(request.key, request.fidelity, result)
                self.progress.advance()
        self.progress.finish()
        return self.results()

    def _trained(
        self, requests: Sequence[Request[Arm]]
    ) -> list[tuple[Request[Arm], Result[float]]]:
        """All trainings of a rung, those that are not known being done now."""
        kept = Kept(Home(self.folder.absolute()), checkpoint_seconds=CHECKPOINT_SECONDS)
        units = [self.contest.unit(each.arm, each.fidelity, kept) for each in requests]
        waiting = [unit for unit in units if "accuracy" not in self.known.get(unit.key, {})]
        with home(self.folder, self.runner) as place:
            for i, result in self.runner.run(train_unit, [unit.at(place) for unit in waiting]):
                self._keep(waiting[i], result)
        told = []
        for request, unit in zip(requests, units, strict=True):
            unit.forget_checkpoint()
            told.append((request, _score(self.known[unit.key])))
        return told

    def _keep(self, unit: Unit, result: Result[dict[str, Any]]) -> None:
        record: dict[str, Any] = {"short": unit.key}
        if isinstance(result, Failed):
            record |= {"reason": result.reason}
        else:
            found = result.value
            for line in found.get("notes", ()):
                self.progress.note(f"{unit.setup.arch}: {line}")
            record |= {name: found[name] for name in ("accuracy", "seconds", "losses")}
            record |= {"cross_entropy": found["quality"]["cross_entropy"]}
            record |= {"kd_loss": found["kd_loss"]} if "kd_loss" in found else {}
        self.journal.append(record)
        self.known[unit.key] = record

    def results(self) -> dict[str, Any]:
        """The contest as ``results.json`` tells it.

        Returns:
            ``arms`` (``arch``, ``teachers``), in the order given, and their numbers as: ``rungs``
            (``fidelity``, ``cost`` in full trainings, ``results`` by arm, ``promoted``),
            ``winner``, ``first`` (what would have been taken without a contest) and ``doubts``:
            for each other arm of the last rung the ``chance`` that it is better. ``cost`` of all
            rungs, and ``seconds`` of training.

        Raises:
            AutodasError: all arms of a rung have failed.
        """
        winner, arms = self.halving.winner, list(self.contest.arms)
        if isinstance(winner, Failed):
            raise AutodasError(f"no finalist could be trained: {winner.reason}")
        if winner is None:
            raise ValueError("the contest is not finished")
        place = {arm.key: number for number, arm in enumerate(arms)}
        tried = max(1, self.contest.bracket.arms)
        rungs = [self._rung(record, place) for record in self.halving.history]
        return {
            "decided_by": "cross-entropy on the validation part",
            "arms": [{"arch": arm.arch, "teachers": list(arm.teachers)} for arm in arms[:tried]],
            "rungs": rungs,
            "winner": place[winner.value.key],
            "first": 0,
            "cost": float(self.contest.bracket.cost),
            "doubts": self._doubts(place, winner.value),
            "seconds": sum(each["seconds"] or 0.0 for rung in rungs for each in rung["results"]),
        }

    def _rung(self, record: RungRecord, place: Mapping[str, int]) -> dict[str, Any]:
        found = []
        for key in record.arms:
            known = self._known(key, record.fidelity)
            names = ("accuracy", "cross_entropy", "kd_loss", "reason", "seconds")
            found.append({"arm": place[key], **{name: known.get(name) for name in names}})
        return {
            "fidelity": str(record.fidelity),
            "cost": float(record.cost),
            "results": found,
            "promoted": [place[key] for key in record.promoted],
        }

    def _known(self, key: str, fidelity: Fraction) -> dict[str, Any]:
        arm = next(arm for arm in self.contest.arms if arm.key == key)
        return self.known[self.contest.unit(arm, fidelity).key]

    def _doubts(self, place: Mapping[str, int], winner: Arm) -> list[dict[str, Any]]:
        if not self.halving.history:
            return []
        last = self.halving.history[-1]
        best = self._known(winner.key, last.fidelity)
        doubts = []
        for key in last.arms:
            other = self._known(key, last.fidelity)
            if key != winner.key and "losses" in other:
                chance = chance_that_better(other["losses"], best["losses"])
                doubts.append({"arm": place[key], "chance": chance})
        return sorted(doubts, key=lambda each: -each["chance"])


def _score(record: Mapping[str, Any]) -> Result[float]:
    if "accuracy" not in record:
        return Failed(record["reason"])
    return Ok(-float(record["cross_entropy"]))


def chance_that_better(losses: Sequence[float], best: Sequence[float]) -> float:
    """The chance that a network has a lower mean loss than another on images of the same kind.

    Of the paired differences of both on the same images, by the normal approximation. The luck of
    the trainings' seeds is not in it.

    Args:
        losses: Of each image, N ≥ 2.
        best: The same of the network with the lower mean.

    Returns:
        In [0, 0.5].
    """
    differences = np.subtract(losses, best)
    mean, error = differences.mean(), differences.std(ddof=1) / math.sqrt(len(differences))
    if error == 0:
        return 0.5 if mean == 0 else 0.0
    return NormalDist().cdf(-float(mean / error))
