"""The contest of finalists: short trainings on growing rungs decide which student is trained.

Successive halving (:mod:`autodas.evolution.halving`) says which arm is tried at which fidelity;
here the trainings are done, kept in a journal, and told. An arm's score is that of a
:class:`~autodas.workbench.decisions.Decision`, on a validation part cut from the training images.
The best of the last rung train once more from another seed, and the mean of both decides among
them. Whether the winner needs its teachers at all is decided, where that can be paid, by two
whole trainings without the validation part, one with them and one without: a *duel*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from statistics import fmean as mean
from typing import Any

from autodas.backends import Backend
from autodas.core.errors import AutodasError
from autodas.core.journal import Journal
from autodas.core.progress import Progress
from autodas.core.results import Failed, Ok, Result
from autodas.core.rng import derive_seed
from autodas.distill import Recipe
from autodas.evolution import Rung, RungRecord, SuccessiveHalving
from autodas.workbench.arms import WHOLE, Arm, Plan
from autodas.workbench.chances import NO_LUCK, Luck, chance_that_better
from autodas.workbench.decisions import BY_LOSS, CALIBRATED, Decision
from autodas.workbench.recipes import parse_losses
from autodas.workbench.shared_folder import Home, home
from autodas.workbench.training import Kept, Setup, Unit, Where, train_unit

__all__ = ["Contest", "ContestRun"]

CHECKPOINT_SECONDS = 30.0  # trainings that take less are begun again
MEASURED = ("accuracy", CALIBRATED, "cross_entropy", "kd_loss")
TOLD = (*MEASURED, "reason", "seconds")


@dataclass(frozen=True)
class Contest:
    """What is decided, and on what.

    Attributes:
        space: Of the students.
        data: What they are trained on.
        recipe: Of the full training; rungs shrink its schedule.
        arms: The most promising first. Without rungs, the first wins. All have teachers, if the
            plan has a duel.
        plan: How many of them are tried for how long.
        seed: Of the trainings. All arms of a rung have the same, so that they see the same batches.
        where: On what they run.
        decision: What is better.
    """

    space: str
    data: str
    recipe: Recipe
    arms: Sequence[Arm]
    plan: Plan
    seed: int
    where: Where = field(default_factory=Where)
    decision: Decision = BY_LOSS

    def unit(
        self, arm: Arm, fidelity: Fraction, kept: Kept | None = None, *, again: bool = False
    ) -> Unit:
        """One short training, the first or that from another seed."""
        seed = derive_seed(self.seed, "contest", str(fidelity), *(["again"] if again else []))
        recipe = self.recipe
        if arm.losses:
            recipe = recipe.changed(losses=parse_losses(arm.losses))
        setup = Setup(self.space, arm.arch, arm.teachers, self.data, recipe, seed, fidelity)
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
        self.halving = SuccessiveHalving(
            contest.arms, contest.plan.bracket, key=lambda arm: arm.key
        )
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
        plan, halving = self.contest.plan, self.halving
        duel = plan.duel.arms if plan.duel else 0
        total = plan.again + duel + sum(rung.arms for rung in plan.bracket.rungs)
        self.progress.start("trying finalists", total, 0)
        while requests := halving.ask():
            arms = [(each.arm, each.fidelity) for each in requests]
            for request, record in zip(requests, self._trained(arms), strict=True):
                halving.tell(request.key, request.fidelity, self._score(record))
                self.progress.advance()
        self._trained([(arm, self._last.fidelity) for arm in self._best()], again=True)
        self._trained([(arm, WHOLE) for arm in self._duellists()])
        self.progress.finish()
        return self.results()

    @property
    def _last(self) -> RungRecord:
        return self.halving.history[-1]

    def _best(self) -> list[Arm]:
        """Arms of the last rung that train once more, the best first."""
        if not self.contest.plan.again or isinstance(self.halving.winner, Failed):
            return []
        last = len(self.halving.history) - 1
        fine = [s.arm for s in self.halving.ranking if s.rung == last and isinstance(s.result, Ok)]
        return fine[: self.contest.plan.again]

    def _duellists(self) -> list[Arm]:
        """The winner of the rungs, and the same student without teachers; none without a duel."""
        if self.contest.plan.duel is None or isinstance(self.halving.winner, Failed):
            return []
        best = self._best_of_rungs()
        return [best, Arm(best.arch, ())]

    def _trained(
        self, wanted: Sequence[tuple[Arm, Fraction]], *, again: bool = False
    ) -> list[dict[str, Any]]:
        """Records of some trainings, those that are not known being done now."""
        kept = Kept(Home(self.folder.absolute()), checkpoint_seconds=CHECKPOINT_SECONDS)
        units = [self.contest.unit(*each, kept, again=again) for each in wanted]
        waiting = [unit for unit in units if not self._fine(self.known.get(unit.key, {}))]
        with home(self.folder, self.runner) as place:
            for i, result in self.runner.run(train_unit, [unit.at(place) for unit in waiting]):
                self._keep(waiting[i], result)
        for unit in units:
            unit.forget_checkpoint()
        return [self.known[unit.key] for unit in units]

    def _keep(self, unit: Unit, result: Result[dict[str, Any]]) -> None:
        record: dict[str, Any] = {"short": unit.key}
        if isinstance(result, Failed):
            record |= {"reason": result.reason}
        else:
            found = result.value
            for line in found.get("notes", ()):
                self.progress.note(f"{unit.setup.arch}: {line}")
            of_images = self.contest.decision.of_images
            record |= {name: found[name] for name in ("accuracy", "seconds", of_images, CALIBRATED)}
            record |= {"cross_entropy": found["quality"]["cross_entropy"]}
            record |= {"kd_loss": found["kd_loss"]} if "kd_loss" in found else {}
        self.journal.append(record)
        self.known[unit.key] = record

    def results(self) -> dict[str, Any]:
        """The contest as ``results.json`` tells it.

        Returns:
            ``arms`` (``arch``, ``teachers``, ``losses``), in the order given, and their numbers as:
            ``rungs`` (``fidelity``, ``cost`` in full trainings, ``results`` by arm, ``promoted``;
            ``again``: true of one whose numbers are means over two seeds; ``duel``: true of a last
            one of whole trainings with teachers and without), ``winner``,
            ``first`` (what would have been taken without a contest) and ``doubts``: for each other
            arm of the last rung the ``chance`` that it is better. ``cost`` of all rungs, and
            ``seconds`` of training.

        Raises:
            AutodasError: all arms of a rung have failed.
        """
        plan, winner = self.contest.plan, self._winner()
        arms = list(self.contest.arms[: max(1, plan.bracket.arms)])
        arms += [arm for arm in self._duellists() if arm not in arms]
        place = {arm.key: number for number, arm in enumerate(arms)}
        rungs = [self._rung(record, place) for record in self.halving.history]
        if plan.again:
            rungs.append(self._means(place))
        if plan.duel:
            rungs.append(self._duel(plan.duel, winner, place))
        return {
            "decided_by": self.contest.decision.said,
            "arms": [
                {"arch": arm.arch, "teachers": list(arm.teachers), "losses": list(arm.losses)}
                for arm in arms
            ],
            "rungs": rungs,
            "winner": place[winner.key],
            "first": 0,
            "cost": float(plan.cost),
            "doubts": self._doubts(place, winner),
            "seconds": sum(each["seconds"] or 0.0 for rung in rungs for each in rung["results"]),
        }

    def _winner(self) -> Arm:
        if not self._duellists():
            return self._best_of_rungs()
        found = {arm: self._result(arm, WHOLE) for arm in self._duellists()}
        scores = {arm: self._score(each) for arm, each in found.items()}
        fine = {arm: score.value for arm, score in scores.items() if isinstance(score, Ok)}
        if not fine:
            reasons = "; ".join(each["reason"] for each in found.values())
            raise AutodasError(f"no finalist could be trained: {reasons}")
        return max(fine, key=lambda arm: fine[arm])

    def _best_of_rungs(self) -> Arm:
        halved = self.halving.winner
        if isinstance(halved, Failed):
            raise AutodasError(f"no finalist could be trained: {halved.reason}")
        if halved is None:
            raise ValueError("the contest is not finished")
        means = {arm: mean for arm in self._best() if (mean := self._mean(arm)) is not None}
        return max(means, key=lambda arm: means[arm]) if means else halved.value

    def _mean(self, arm: Arm) -> float | None:
        """Mean score of both trainings on the last rung; None if the second one failed."""
        both = self._both(arm)
        return mean(map(self.contest.decision.score, both)) if self._fine(both[-1]) else None

    def _fine(self, record: Mapping[str, Any]) -> bool:
        """Whether a training came to its end, and all was measured that is asked for now."""
        return {CALIBRATED, self.contest.decision.of_images} <= record.keys()

    def _score(self, record: Mapping[str, Any]) -> Result[float]:
        if not self._fine(record):
            return Failed(record["reason"])
        return Ok(float(self.contest.decision.score(record)))

    def _both(self, arm: Arm) -> list[dict[str, Any]]:
        """Records of both trainings on the last rung."""
        fidelity = self._last.fidelity
        units = (self.contest.unit(arm, fidelity, again=again) for again in (False, True))
        return [self.known[unit.key] for unit in units]

    def _rung(self, record: RungRecord, place: Mapping[str, int]) -> dict[str, Any]:
        found = []
        for key in record.arms:
            known = self._known(key, record.fidelity)
            found.append({"arm": place[key], **{name: known.get(name) for name in TOLD}})
        twice = [arm.key for arm in self._best()] if record is self._last else []
        return {
            "fidelity": str(record.fidelity),
            "cost": float(record.cost),
            "results": found,
            "promoted": [place[key] for key in twice or record.promoted],
        }

    def _duel(self, duel: Rung, winner: Arm, place: Mapping[str, int]) -> dict[str, Any]:
        """Whole trainings with teachers and without, as a rung of their own."""
        found = [(place[arm.key], self._result(arm, WHOLE)) for arm in self._duellists()]
        return {
            "fidelity": str(WHOLE),
            "duel": True,
            "cost": float(duel.cost),
            "results": [
                {"arm": number, **{name: known.get(name) for name in TOLD}}
                for number, known in found
            ],
            "promoted": [place[winner.key]],
        }

    def _means(self, place: Mapping[str, int]) -> dict[str, Any]:
        """Those who trained twice, as a rung of its own."""
        found = []
        for arm in self._best():
            first, second = self._both(arm)
            told = {name: second.get(name) for name in TOLD}
            if self._fine(second):
                both = [name for name in MEASURED if name in first]
                told |= {name: mean((first[name], second[name])) for name in both}
            found.append({"arm": place[arm.key], **told})
        return {
            "fidelity": str(self._last.fidelity),
            "again": True,
            "cost": float(len(found) * self.contest.plan.bracket.rungs[-1].price),
            "results": found,
            "promoted": [place[self._best_of_rungs().key]],
        }

    def _known(self, key: str, fidelity: Fraction) -> dict[str, Any]:
        return self._result(next(a for a in self.contest.arms if a.key == key), fidelity)

    def _result(self, arm: Arm, fidelity: Fraction) -> dict[str, Any]:
        return self.known[self.contest.unit(arm, fidelity).key]

    def losses(self) -> tuple[dict[str, list[list[float]]], Luck]:
        """Of each training that an arm of the last rung had there, and how much seeds matter.

        Returns:
            By the arm's key, what the decision says of all validation images (calibrated
            cross-entropies, or 1 for a wrong answer), of one training or of two; and the luck of
            the seeds of those who trained twice.
        """
        name = self.contest.decision.of_images
        if not self.halving.history:
            return {}, Luck()
        twice = [arm for arm in self._best() if self._mean(arm) is not None]
        found = {arm.key: [each[name] for each in self._both(arm)] for arm in twice}
        luck = Luck.of([(mean(first), mean(second)) for first, second in found.values()])
        for key in self._last.arms:
            known = self._known(key, self._last.fidelity)
            if name in known:
                found.setdefault(key, [known[name]])
        return found, luck

    def _doubts(self, place: Mapping[str, int], winner: Arm) -> list[dict[str, Any]]:
        losses, luck = self.losses()
        if self.contest.plan.duel:
            duel = {arm.key: self._result(arm, WHOLE) for arm in self._duellists()}
            name = self.contest.decision.of_images
            losses, luck = {k: [r[name]] for k, r in duel.items() if name in r}, NO_LUCK
        best = losses.pop(winner.key, [])
        doubts = [
            {"arm": place[key], "chance": chance_that_better(mine, best, luck)}
            for key, mine in losses.items()
        ]
        return sorted(doubts, key=lambda each: -each["chance"])
