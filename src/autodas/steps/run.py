"""Run: from a teacher, data and budgets to a trained student, and why it is this one."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from autodas.backends.workers import Workers
from autodas.core.errors import InvalidInput
from autodas.core.progress import Progress, Silent
from autodas.core.runs import RunDirectory, deciding
from autodas.core.text import brief
from autodas.data import load_data
from autodas.expressions import in_words
from autodas.spaces import get_space
from autodas.steps.distill import run as distill
from autodas.steps.explain.run import score_and_terms
from autodas.steps.search import run as search
from autodas.steps.search.strategies import Strategy
from autodas.teachers import load_teacher, matched
from autodas.workbench import ways as teaching
from autodas.workbench.budgets import Amount, BudgetOptions
from autodas.workbench.feature_check import check_taught
from autodas.workbench.protocol import Protocol, resolved
from autodas.workbench.recipes import recipes_to_try
from autodas.workbench.teacher_check import AnyTeacher, check_teacher
from autodas.workbench.trainings import Trainings
from autodas.workbench.ways import NO_TEACHER, digests_of, named_ways, way_of

__all__ = ["Config", "RunConfig", "run"]

DEFAULT_DATA = "digits"
SPACES: Mapping[str, str] = MappingProxyType({"digits": "digits-cnn"})
"""Data set -> a space whose students suit it; else it depends on channels and pixels."""
SMALL_IMAGE = 64  # pixels along the longer side


@dataclass(frozen=True)
class RunConfig(Workers, BudgetOptions, AnyTeacher):
    """What is given, and what the student may cost."""

    out: Path = field(default=Path("runs/run"), metadata={"decides": False})
    """Run directory; an interrupted run in it is continued."""
    space: str | None = None
    """Search space; by default one that suits the data."""
    score: str | None = None
    """What to rank by: a score, proxy:path/to/proxy.json, or a formula; by default proxy:general on
    the spaces that it was found on, and params on all others."""
    strategy: Strategy = "auto"
    """How to look for students, as of autodas search."""
    evaluations: int | None = None
    """Architectures that are scored unless the space is taken whole."""
    trainings: Amount = 3.0
    """What the whole may cost, in full trainings of one student, the final one included, or in
    minutes here (20m). 1: the score alone chooses the student; more: short trainings of finalists
    do, with the teacher and without; from 4 on, full ones decide whether it needs the teacher."""
    teachers: tuple[str, ...] = ()
    """Teachers to choose among, as --teacher T1 T2 none; several at once are joined by +.
    Statistics look at the first, or all that it joins, and at those of --more-teachers."""
    try_losses: tuple[str, ...] = ()
    """Losses to choose among for finalists with a teacher, NAME=WEIGHT, several at once joined by
    +: kd=0.9 kd=0.9+at=1000. By default the recipe's."""
    without_teacher: bool = True
    """Also try finalists without a teacher, which can make a student worse."""
    recipe: str | None = None
    """Training recipe; by default one that suits the space."""
    epochs: int | None = None
    """Passes over the training images, in place of the recipe's."""
    seeds: int = 1
    """Trainings of the student, with different initial weights and batches; the first is
    exported."""
    compare: bool = False
    """Also distil the largest student that fits and a random one, and train the chosen one without
    the teacher."""
    protocol: Protocol = field(default_factory=Protocol)
    """Data, teacher, batch and device; but for the batch they are those of the training, too."""
    seed: int = 0
    """Seed of everything."""
    cache: Path | None = field(default=None, metadata={"decides": False})
    """Folder of the caches of statistics and costs."""

    def __post_init__(self) -> None:
        """Refuse what cannot be read before anything is done."""
        BudgetOptions.__post_init__(self)
        Workers.__post_init__(self)
        # Nobody has seen it yet.
        object.__setattr__(self, "trainings", Trainings.parsed(self.trainings).to_option())
        if self.seeds < 1:
            raise InvalidInput(f"seeds must be at least 1, got {self.seeds}")


Config = RunConfig


def run(config: RunConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Search a student, distil it, and say why this one.

    The search lies in ``search``, the training and the exported student in ``distill``.

    Returns:
        ``student`` (``arch``, ``score``, ``params``, ``macs``, ``taught``), ``accuracy`` (percent),
        ``teacher_accuracy``, ``contest`` (rungs, arms, costs; None if the score alone has chosen),
        ``student_path`` and ``why``, sentences for people; with ``compare`` also ``largest`` and
        ``random``, each with ``arch`` and ``accuracy``.

    Raises:
        InvalidInput: nothing fits the budgets; the message gives the space's real range.
        AutodasError: the data or the teacher are not there, or the score has no values.
    """
    config = _settled(config)
    teachers = _check(config)
    folders = ("search", "distill")
    known = get_space(str(config.space)).resolved | {"teachers": digests_of(teachers)}
    with RunDirectory(
        config.out, "run", deciding(config), resolved=known, folders=folders
    ) as directory:
        start = time.perf_counter()
        found = search.run(_search_config(config), progress)
        trained = distill.run(_distill_config(config, found), progress)
        results = {
            "search": "search",
            "distill": "distill",
            "space": found["space"],
            "data": config.protocol.data,
            "teacher": _teacher(config, found),
            "score": found["score"],
            "budgets": found["budgets"],
            "student": found["chosen"],
            "contest": found["contest"],
            "accuracy": trained["accuracy"],
            "teacher_accuracy": trained["teacher_accuracy"],
            "student_path": str(Path("distill") / trained["student_path"]),
            "why": _why(config, found) + _gained(config, trained, _checks(found, trained)),
            "networks_measured": found["networks_measured"],
            **_compared(trained),
            "seconds": time.perf_counter() - start,
        }
        directory.write_results(results)
    exported = f"exported: {config.out / results['student_path']}"
    return results | {"summary": [*results["why"], exported]}


def _settled(config: RunConfig) -> RunConfig:
    """The configuration with space, data and teacher named."""
    data = config.protocol.data
    if config.space is None:
        data = data or DEFAULT_DATA
        name = SPACES.get(data) or _space_for(load_data(data).input_shape)
        config = replace(config, space=name)
    space = get_space(str(config.space))
    taught = [way for way in named_ways(config.teachers).values() if way]
    teacher = config.protocol.teacher or (teaching.in_words(taught[0]) if taught else None)
    protocol = resolved(replace(config.protocol, data=data, teacher=teacher), space)
    return replace(config, protocol=protocol)


def _check(config: RunConfig) -> list[str]:
    """Refuse what the training would refuse, before minutes of search.

    Returns:
        Names of all teachers.

    Raises:
        InvalidInput: the teacher does not know these classes or hardly beats chance, it has
            features alone and a loss compares logits, or a number is out of range.
        UnknownName: there is no such recipe.
    """
    data, ways = str(config.protocol.data), named_ways(config.teachers).values()
    usual = way_of(str(config.protocol.teacher))
    names = list(dict.fromkeys([*usual, *(name for way in ways for name in way)]))
    for teacher in names:
        matched(load_teacher(teacher), load_data(data))
        check_teacher(teacher, data, config, cache=config.cache)
    space = get_space(str(config.space))
    for recipe in recipes_to_try(space, config.recipe, config.try_losses, epochs=config.epochs):
        check_taught(recipe, names)
    return names


def _space_for(input_shape: tuple[int, int, int]) -> str:
    """A space that suits images of (C, H, W).

    For one image of 224 pixels ResNets made for CIFAR take up to 4.8 GMACs, students of ``mobile``
    at most 0.6.
    """
    channels, height, width = input_shape
    if channels == 1:
        return "digits-cnn"
    return "mobile" if max(height, width) > SMALL_IMAGE else "resnet"


def _search_config(config: RunConfig) -> search.Config:
    return search.Config(
        out=config.out / "search",
        space=config.space,
        score=config.score,
        **config.limits,
        strategy=config.strategy,
        evaluations=config.evaluations,
        trainings=config.trainings,
        teachers=config.teachers,
        try_losses=config.try_losses,
        without_teacher=config.without_teacher,
        recipe=config.recipe,
        epochs=config.epochs,
        random=1,
        protocol=config.protocol,
        any_teacher=config.any_teacher,
        seed=config.seed,
        **config.options,
        cache=config.cache,
    )


def _distill_config(config: RunConfig, found: Mapping[str, Any]) -> distill.Config:
    # Those that it is compared with learn from a teacher, whatever the chosen one does.
    usual = way_of(str(config.protocol.teacher))
    if not (found["chosen"]["taught"] or config.compare):
        usual = ()
    teacher, *more = found["chosen"].get("teachers") or usual or [NO_TEACHER]
    return distill.Config(
        out=config.out / "distill",
        search=config.out / "search" if config.compare else None,
        space=str(config.space),
        arch=found["chosen"]["arch"],
        teacher=teacher,
        more_teachers=tuple(more),
        data=str(config.protocol.data),
        recipe=config.recipe,
        losses=tuple(found["chosen"].get("losses") or ()) or None,
        epochs=config.epochs,
        seeds=config.seeds,
        vanilla=config.compare,
        device=config.protocol.device,
        any_teacher=config.any_teacher,
        seed=config.seed,
        **config.options,
    )


def _checks(*steps: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What teachers were found to know, each once, whichever step has asked."""
    checks = [check for step in steps for check in step.get("teacher_checks", [])]
    return list({check["teacher"]: check for check in checks}.values())


def _teacher(config: RunConfig, found: Mapping[str, Any]) -> str:
    """Whom the student learns from, or would have learnt from, if labels alone are better."""
    chosen = found["chosen"].get("teachers")
    return teaching.in_words(tuple(chosen)) if chosen else str(config.protocol.teacher)


def _compared(trained: Mapping[str, Any]) -> dict[str, Any]:
    """The largest that fits and a random one, if they were trained."""
    roles = {"largest": "largest", "random 1": "random"}
    return {
        roles[each["role"]]: {name: each[name] for name in ("arch", "accuracy", "params", "macs")}
        for each in trained["students"]
        if each["role"] in roles
    }


def _why(config: RunConfig, found: Mapping[str, Any]) -> list[str]:
    """Why this student, in plain sentences."""
    best, budget = found["chosen"], config.budgets.in_words()
    scores, largest = found["points"]["score"], found["largest"]
    rank = 1 + sum(score > best["score"] for score in scores)
    lines = [
        f"Chosen: {best['arch']} of {brief(found['space'])}, with {best['params']:,} parameters "
        f"and {best['macs']:,} multiply-accumulates per image.",
        f"{_place(rank)} of the {found['within_budget']:,} students "
        + (f"with {budget} " if budget else "")
        + f"that were scored, out of {found['size']:,} that were looked at.",
        *found["why"],
        f"The score is {found['score']}: {_meaning(found['score'])}.",
    ]
    if found["caution"] is not None:
        lines.append(f"{found['caution']}.")
    if found.get("latency_doubt") is not None:
        lines.append(found["latency_doubt"])
    named = largest["called"]
    if largest["params"] <= best["params"]:
        which = "fits" if named.endswith("fits") else "was drawn"
        lines.append(f"No student that {which} is larger.")
    else:
        rank = 1 + sum(score > largest["score"] for score in scores)
        lines.append(
            f"{named.capitalize()}, with {largest['params']:,} parameters, comes out as number "
            f"{rank:,} of {len(scores):,}."
        )
    if found["contest"] is None and len(found["students"]) > 1:
        second = found["students"][1]
        same = " with the same score" if second["score"] == best["score"] else ""
        lines.append(f"The runner-up{same} is {second['arch']}, {second['params']:,} parameters.")
    return lines


def _place(rank: int) -> str:
    return "It has the highest score" if rank == 1 else f"By the score it is number {rank:,}"


def _meaning(name: str) -> str:
    """What a score looks at; of a sum of many formulas, the one that weighs most.

    Weights say which that is only where all terms are quantiles; else the first is told, with which
    a discovery has begun.
    """
    score, terms = score_and_terms(name)
    if not terms:
        return score.description
    scaled = all(term.scaled for term in terms)
    told = max(terms, key=lambda term: abs(term.weight)) if scaled else terms[0]
    words = in_words(told.expression)
    if len(terms) == 1:
        return words
    return (
        f"a weighted sum of {len(terms)} formulas, the {'heaviest' if scaled else 'first'} of "
        f"which is {words} (autodas explain {name} tells of all)"
    )


def _gained(
    config: RunConfig, trained: Mapping[str, Any], checks: Iterable[Mapping[str, Any]]
) -> list[str]:
    """What came out of the training, in plain sentences."""
    teacher, known = config.protocol.teacher, trained["teacher_accuracy"]
    beside = "" if known is None else f"; the teacher reaches {known:.2f} %"
    times = "once" if config.seeds == 1 else f"{config.seeds} times"
    student = trained["students"][0]
    ways = (f"with the teacher {teacher}", "on the labels alone")
    own, other = ways if student["taught"] else reversed(ways)
    lines = [check["sentence"] for check in checks]
    lines += [
        f"Trained {times} on {config.protocol.data} {own}, it reaches "
        f"{trained['accuracy']:.2f} % on test images{beside}."
    ]
    if config.compare:
        known = student["vanilla" if student["taught"] else "with_teacher"]
        lines.append(f"Trained {other} it reaches {float(np.mean(known)):.2f} %.")
        lines += trained["verdict"][1:]
    return lines
