"""From finalists to one student: what a contest may cost, and the contest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from autodas.core.progress import Progress
from autodas.core.runs import RunDirectory
from autodas.data import load_data
from autodas.evolution import Bracket
from autodas.spaces import Space
from autodas.steps.search.config import SearchConfig
from autodas.workbench.arms import Arm, Ladder, Plan, arms_of
from autodas.workbench.contest import Contest, ContestRun
from autodas.workbench.protocol import resolved
from autodas.workbench.recipes import parse_choices, recipe_for
from autodas.workbench.training import Where
from autodas.workbench.trainings import Trainings, seconds_of_a_training
from autodas.workbench.ways import ways_among

__all__ = ["contest_between"]

MOST = 81  # finalists, if nobody says how many
PROBE = Fraction(1, 9)  # of a training, to see how long one takes


def contest_between(
    config: SearchConfig,
    space: Space,
    finalists: Sequence[str],
    directory: RunDirectory,
    progress: Progress,
) -> dict[str, Any] | None:
    """Let finalists train for a while, to choose one.

    Args:
        config: Says what it may cost.
        space: Of the students.
        finalists: Their architectures, the most promising first; as many are tried as can be paid.
        directory: Of the search, whose journal keeps what is trained.
        progress: Is told of trainings.

    Returns:
        As :meth:`autodas.workbench.contest.ContestRun.results`, and ``trainings`` (what was
        allowed); None if the score alone decides.

    Raises:
        InvalidInput: the budget, the recipe or the data do not allow it.
        AutodasError: no finalist could be trained.
    """
    trainings = Trainings.parsed(config.trainings)
    if not trainings.chooses:
        return None
    contest = _not_planned(config, space, finalists[0])
    seconds = None
    if trainings.number is None:
        seconds = seconds_of_a_training(contest.unit(contest.arms[0], PROBE), directory.journal)
    budget = trainings.for_rungs(seconds, at_once=1 if config.workers.alone else config.jobs)
    most = min(config.finalists or MOST, len(finalists))
    ways, plan = _planned(contest, 1 + budget, most)
    tried = min(most, -(-max(1, plan.bracket.arms) // len(ways)))
    arms = [replace(arm, arch=arch) for arch in finalists[:tried] for arm in ways]
    contest = replace(contest, arms=arms, plan=plan)
    runner = config.workers.runner(device=config.protocol.device)
    found = ContestRun(contest, directory.path, directory.journal, runner, progress).run()
    return {"trainings": float(1 + budget)} | found


def _planned(contest: Contest, trainings: Fraction, most: int) -> tuple[Sequence[Arm], Plan]:
    """The ways to teach that rungs try with each finalist, and for how long.

    With teachers or without is left to a duel where that can be paid: what is ahead after a part of
    a training is often behind at its end.
    """
    ladder = Ladder.of(load_data(contest.data), contest.recipe)
    ways = contest.arms
    taught = [arm for arm in ways if arm.teachers]
    if 0 < len(taught) < len(ways):
        plan = ladder.plan_with_duel(trainings, most * len(taught), least=len(taught))
        if plan is not None:
            return taught, plan
    return ways, ladder.plan(trainings, most * len(ways), least=len(ways))


def _not_planned(config: SearchConfig, space: Space, first: str) -> Contest:
    """A contest of the first finalist alone, every way it may be taught."""
    protocol = resolved(config.protocol, space)
    recipe = recipe_for(space, config.recipe, epochs=config.epochs)
    usual, without = str(protocol.teacher), config.without_teacher
    ways = ways_among(config.teachers, usual, without=without)
    arms = arms_of([first], ways, parse_choices(config.try_losses))
    return Contest(
        space.known_as,
        str(protocol.data),
        recipe,
        arms,
        Plan(Bracket()),
        config.seed,
        where=Where(protocol.device),
    )
