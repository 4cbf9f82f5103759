"""Search: the best students of a space within budgets, by any score."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Literal

from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.looks import look, said
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed, Ok, Result
from autodas.core.runs import RunDirectory, deciding
from autodas.core.text import brief
from autodas.data import load_data
from autodas.scores import Score, get_score
from autodas.spaces import Space, get_space
from autodas.steps.search.config import SearchConfig, default_score
from autodas.steps.search.finalists import contest_between
from autodas.steps.search.limits import Limits, Timer
from autodas.steps.search.results import Found, chosen_of, in_turn, latency_doubt, results_of
from autodas.steps.search.scoring import Scorer, compares, reads_sizes_only
from autodas.steps.search.strategies import (
    Evolution,
    default_evaluations,
    make_algorithm,
    random_fitting,
    within,
)
from autodas.steps.search.text import contest_in_words, summary_of
from autodas.workbench.budgets import Quantity
from autodas.workbench.costs import CostBook
from autodas.workbench.feature_check import check_taught
from autodas.workbench.ground_truth import load_table, space_of
from autodas.workbench.latency import check_timing
from autodas.workbench.measuring import LARGEST, refuse_too_large, space_sample
from autodas.workbench.protocol import resolved
from autodas.workbench.recipes import parse_choices, recipes_to_try
from autodas.workbench.teacher_check import Check, check_teacher
from autodas.workbench.training import CHECKPOINTS
from autodas.workbench.trainings import Trainings
from autodas.workbench.ways import digests_of, in_words, named_ways, way_of, ways_among

__all__ = ["Config", "SearchConfig", "run"]

DEFAULT_SPACE = "digits-cnn"
QUICKLY = 2_000  # larger spaces are first looked at in a few places, to refuse a budget at once


Config = SearchConfig


def run(config: SearchConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Score the candidates within the budgets and report the best.

    Returns:
        ``students`` (best first; ``arch``, ``score``, ``params``, ``macs``, and ``memory`` and
        ``latency`` if they were asked for), ``largest``, ``random``, ``points``, ``regret`` with
        a table, ``networks_measured``, what was asked, the ``score`` that was used and ``why``, if
        nobody named one.

    Raises:
        InvalidInput: nothing fits the budgets; the message gives the space's real range.
        InvalidInput: a teacher that is looked at or learnt from hardly beats chance on the data.
        AutodasError: the score cannot be computed on this space.
    """
    check_timing(config.latency_device, config.latency_of)
    config = _with_first_teacher(config)
    table = None
    if config.table is None:
        space = get_space(config.space or DEFAULT_SPACE)
    else:
        label, _, target = config.table.partition(":")
        table = load_table(label, config.space)
        table.target(target or None)  # before anything is done
        space = space_of(table, config.space)
    config = replace(config, space=space.known_as)
    asked = deciding(config)
    name, why = (config.score, None) if config.score else default_score(space)
    config, score = replace(config, score=name), get_score(name)
    if config.strategy == "whole" and not config.candidates:
        refuse_too_large(space)
    teachers = _teachers(config, space, score)
    checks = _checks(config, space, teachers, progress)
    meant = space.resolved | {"teachers": digests_of(teachers)}
    with RunDirectory(
        config.out, "search", asked, resolved=meant, folders=(CHECKPOINTS,)
    ) as directory:
        start = time.perf_counter()
        _same_score(directory, score.formula)
        search = _Search(config, space, score, directory, progress)
        found = search.find()
        results = results_of(config, found, search.limits, search.scorer, table)
        results["teacher_checks"] = [check.to_json() for check in checks]
        results["caution"] = _caution(name, score.found_on, space)
        finalists = in_turn(found, search.limits)
        results["finalists"] = finalists[: config.finalists or 0]
        results["contest"] = contest_between(config, space, finalists, directory, progress)
        results["chosen"] = chosen_of(config, found, search.limits, results)
        results["latency_doubt"] = latency_doubt(search.limits, results["chosen"]["arch"])
        results["why"] = [*([] if why is None else [why]), *contest_in_words(results["contest"])]
        search.limits.book.save()
        opened = {} if table is None else {table.name: table.digest}
        looks = look(directory.path, opened, config.cache)
        results["seconds"] = time.perf_counter() - start
        directory.write_results(results)
    summary = [*summary_of(config, results), *map(said, looks)]
    return results | {"looks": [asdict(each) for each in looks], "summary": summary}


def _with_first_teacher(config: SearchConfig) -> SearchConfig:
    """The configuration whose statistics look at the first of several teachers.

    Raises:
        InvalidInput: nothing would choose among them.
    """
    taught = [way for way in named_ways(config.teachers).values() if way]
    chooses = Trainings.parsed(config.trainings).chooses
    if len(parse_choices(config.try_losses)) > 1 and not chooses:
        raise InvalidInput(
            f"short trainings choose among {len(config.try_losses)} kinds of losses: give "
            "--trainings 2 or more"
        )
    if len(config.teachers) > 1 and not chooses:
        raise InvalidInput(
            f"short trainings choose among {len(config.teachers)} teachers: give --trainings 2 or "
            "more, or one teacher"
        )
    if not taught or config.protocol.teacher is not None:
        return config
    return replace(config, protocol=replace(config.protocol, teacher=in_words(taught[0])))


def _teachers(config: SearchConfig, space: Space, score: Score) -> list[str]:
    """Names of the teachers that the score looks at or finalists learn from.

    Raises:
        InvalidInput: finalists are to learn from one what it cannot teach.
        InvalidInput: networks are measured and the protocol lacks something.
        AutodasError: one that was named is not there, even if nobody looks at it.
    """
    digests_of(config.protocol.named)
    if not reads_sizes_only(score):
        resolved(config.protocol, space)  # what it lacks is said before anything is counted
    chooses = Trainings.parsed(config.trainings).chooses
    if not score.asks_teacher and not chooses:
        return []
    usual = str(resolved(config.protocol, space).teacher)
    ways = ways_among(config.teachers, usual, without=False) if chooses else []
    taught = [name for way in ways for name in way]
    if chooses:
        for recipe in recipes_to_try(space, config.recipe, config.try_losses, epochs=config.epochs):
            check_taught(recipe, taught)
    return list(dict.fromkeys([*way_of(usual), *taught]))


def _checks(
    config: SearchConfig, space: Space, teachers: Sequence[str], progress: Progress
) -> list[Check]:
    """What teachers know."""
    if not teachers:
        return []
    data = str(resolved(config.protocol, space).data)
    asked = (
        check_teacher(name, data, config, cache=config.cache, progress=progress)
        for name in teachers
    )
    return [check for check in asked if check is not None]


def _caution(name: str, found_on: frozenset[str], space: Space) -> str | None:
    """What to know of a proxy on a space whose labels it has not seen; see docs/proxies.md."""
    if not found_on or space.name in found_on:
        return None
    return (
        f"{name} was found on {', '.join(sorted(found_on))}, not on {brief(space.name)}: on spaces "
        "left out of such a discovery, sums of formulas ranked no better than #params. Compare "
        "with --score params, or label some students and discover a proxy of this space"
    )


def _same_score(directory: RunDirectory, formula: str | None) -> None:
    """Refuse to go on with scores of a formula that has changed under its name.

    Raises:
        InvalidInput: the journal is of another formula.
    """
    records = directory.journal.unbroken()
    if not records:
        directory.journal.append({"formula": formula})
    elif (earlier := records[0].get("formula")) != formula:
        raise InvalidInput(
            f"{directory.path} holds a search by {earlier}, now the score is {formula}; choose "
            "another --out or remove the folder"
        )


class _Search:
    """One search: its limits, its scores, and where candidates come from."""

    def __init__(
        self,
        config: SearchConfig,
        space: Space,
        score: Score,
        directory: RunDirectory,
        progress: Progress,
    ) -> None:
        self.config, self.space, self.progress = config, space, progress
        self.journal = directory.journal
        shared: dict[str, Any] = {
            "cache": config.cache,
            "jobs": config.workers,
            "progress": progress,
        }
        book = CostBook(space, batch=config.images_at_once, **_sizes(config, space), **shared)
        timed = config.images_at_once, config.latency_device, config.latency_of
        timer = Timer(book, *timed, directory.journal)
        self.limits = Limits(config.budgets, book, timer, config.seed)
        self.scorer = Scorer(space, score, config.protocol, book, directory.journal, **shared)

    @property
    def strategy(self) -> Literal["whole", "evolution", "nsga2", "random"]:
        """What ``auto`` means for this space."""
        if self.config.strategy != "auto":
            return self.config.strategy
        if self.config.candidates or (self.space.size or LARGEST + 1) <= LARGEST:
            return "whole"
        return "nsga2" if self.config.pareto else "evolution"

    def find(self) -> Found:
        """Score candidates."""
        strategy = self.strategy
        return self._whole() if strategy == "whole" else self._evolve(strategy)

    def _whole(self) -> Found:
        architectures = space_sample(self.space, self.config.candidates, self.config.seed)
        if len(architectures) > QUICKLY:
            self.limits.starts()
        fitting = self.limits.fast(self.limits.fitting(architectures))
        scores = dict(zip(fitting, self.scorer.scores(fitting), strict=True))
        scored, failures = _sorted_out(scores)
        if not scored:
            reason = next(iter(failures), "")
            raise AutodasError(f"{self.config.score} cannot rank {self.space.name}: {reason}")
        return Found("whole", scored, failures, looked_at=len(architectures))

    def _evolve(self, strategy: Literal["evolution", "nsga2", "random"]) -> Found:
        config, space, limits = self.config, self.space, self.limits
        if compares(self.scorer.score) and strategy != "random":
            raise InvalidInput(
                f"{config.score} compares architectures with one another, so its values of "
                "different generations mean different things; take --strategy whole or random"
            )
        evaluations = config.evaluations
        if evaluations is None:
            evaluations = default_evaluations(space)
        starts = limits.starts()
        variation = within(space, limits.fits, starts)
        algorithm = make_algorithm(strategy, variation, evaluations, config.seed)
        trade: Quantity = config.pareto or "params"
        evolution = Evolution(algorithm, limits, self.scorer, trade, evaluations)
        scored, failures = _sorted_out(evolution.run(self.journal, self.progress))
        if not scored:
            raise AutodasError(f"{config.score} cannot rank {space.name}: {next(iter(failures))}")
        others = self._scored(random_fitting(variation, config.random, config.seed, space.name))
        largest = self._scored([limits.largest([*starts, *scored])])
        return Found(
            strategy,
            scored,
            failures,
            looked_at=len(scored) + sum(failures.values()),
            largest=next(iter(largest.items()), None),
            random=list(others.items()),
        )

    def _scored(self, architectures: Sequence[str]) -> dict[str, float]:
        """Scores of those that are fast enough and have one."""
        limit = self.limits.budgets.latency
        if limit is not None:
            times = ((text, self.limits.timer.time(text).median) for text in architectures)
            architectures = [text for text, median in times if median <= limit]
        values = self.scorer.scores(architectures) if architectures else []
        return _sorted_out(dict(zip(architectures, values, strict=True)))[0]


def _sizes(config: SearchConfig, space: Space) -> dict[str, Any]:
    """For which images and classes students are built.

    Those of the data set if one is named, else those that the space is made for, so that
    searching by size alone needs no data.
    """
    if config.protocol.data is None:
        return {}
    protocol = resolved(replace(config.protocol, teacher=config.protocol.teacher or "-"), space)
    data = load_data(config.protocol.data)
    channels, height, width = data.input_shape
    if protocol.resolution is not None:
        height = width = protocol.resolution
    return {"num_classes": data.num_classes, "input_shape": (channels, height, width)}


def _sorted_out(scores: dict[str, Result[float]]) -> tuple[dict[str, float], Counter[str]]:
    """Numbers by architecture, and how often there was none for which reason."""
    fine = {text: value.value for text, value in scores.items() if isinstance(value, Ok)}
    return fine, Counter(v.reason for v in scores.values() if isinstance(v, Failed))
