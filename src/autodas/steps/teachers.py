"""Teachers: which of several candidates a student should learn from, or whether from none."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autodas.backends.workers import Workers
from autodas.core.errors import InvalidInput
from autodas.core.progress import Progress, Silent
from autodas.core.runs import RunDirectory, deciding
from autodas.data import load_data
from autodas.evolution import Bracket
from autodas.networks import parameters
from autodas.spaces import Space, get_space
from autodas.teachers import load_teacher, matched
from autodas.workbench.arms import Ladder, Plan, arms_of
from autodas.workbench.budgets import Amount
from autodas.workbench.contest import Contest, ContestRun
from autodas.workbench.decisions import BY_ACCURACY, CALIBRATED
from autodas.workbench.devices import check_device
from autodas.workbench.feature_check import only_features
from autodas.workbench.measuring import space_sample
from autodas.workbench.recipes import recipe_for
from autodas.workbench.teacher_check import AnyTeacher, check_teacher
from autodas.workbench.teacher_contest import SHOWN_BELOW, Placing, placings, plan_for_all
from autodas.workbench.teacher_facts import TeacherFacts, facts_of
from autodas.workbench.teacher_features import ncti
from autodas.workbench.training import CHECKPOINTS, Where
from autodas.workbench.trainings import Trainings, seconds_of_a_training
from autodas.workbench.ways import NO_TEACHER, Way, named_ways, refuse_twins

__all__ = ["Config", "TeachersConfig", "run"]

PROBE = Fraction(1, 9)  # of a training, to see how long one takes
CROSSING = " Longer trainings may turn that round."  # docs/results.md, on CIFAR-10
COLUMNS = (
    *("stated", "accuracy", "ece", "entropy", "margin"),
    *("log_me", "h_score", "ncti", "params", "macs"),
)
POOL = 64  # students from which those in the middle are taken


@dataclass(frozen=True)
class TeachersConfig(Workers, AnyTeacher):
    """Among whom to choose, and for which students."""

    out: Path = field(default=Path("runs/teachers"), metadata={"decides": False})
    """Run directory; an interrupted run in it is continued."""
    space: str = "digits-cnn"
    """Search space of the students."""
    data: str = "digits"
    """Data set of the students; NAME@SIDE/IMAGES for smaller and fewer images."""
    candidates: tuple[str, ...] = ()
    """Teachers: names or files, several at once joined by +, and none for labels alone."""
    arch: tuple[str, ...] = ()
    """Students to choose for; by default some of middling size."""
    students: int = 1
    """How many, where --arch names none."""
    trainings: Amount = 1.0
    """What the choice may cost, in full trainings of one student, the final one included, or in
    minutes here (20m); 1: what is known of the teachers decides, more: short distillations do."""
    recipe: str | None = None
    """Recipe whose schedule short trainings shrink; by default one that suits the space."""
    epochs: int | None = None
    """Passes over the training images of a full training, in place of the recipe's."""
    seed: int = 0
    """Seed of students and trainings."""
    device: str = "cpu"
    """Where to train: cpu, cuda or one GPU such as cuda:1."""

    def __post_init__(self) -> None:
        """Refuse what cannot be read before anything is done."""
        super().__post_init__()
        object.__setattr__(self, "trainings", Trainings.parsed(self.trainings).to_option())
        if self.students < 1:
            raise InvalidInput(f"students must be at least 1, got {self.students}")


Config = TeachersConfig


def run(config: TeachersConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Rank the candidates.

    Every teacher is asked about training images before anything is distilled from it. Without short
    trainings they rank by their accuracy: the stated one where there is one, since what is measured
    is measured on images that they may have been trained on.

    Returns:
        ``teachers``, best first: ``teacher``, ``name``, ``accuracy`` (percent of the validation
        part), ``score`` (higher is better: the share of the others that it beats in short
        trainings, else its accuracy in percent; None where nothing is known), ``stated``, ``ece``,
        ``entropy``, ``margin``, ``log_me``, ``h_score``, ``ncti``, ``params``, ``macs`` and
        ``short``, what its short trainings reached;
        ``students``, ``cost`` in full trainings, ``why`` in sentences, ``teacher_checks``.

    Raises:
        InvalidInput: there are no candidates, one does not know the classes or hardly beats chance,
            or the budget leaves nothing to compare.
    """
    check_device(config.device)
    ways = _ways(config)
    named = _named_students(get_space(config.space), config)
    start = time.perf_counter()
    members = dict.fromkeys(name for way in ways.values() for name in way)
    checks = [check_teacher(each, config.data, config, progress=progress) for each in members]
    with RunDirectory(
        config.out, "teachers", deciding(config), folders=(CHECKPOINTS,)
    ) as directory:
        space = get_space(config.space)
        recipe = recipe_for(space, config.recipe, epochs=config.epochs)
        taught = {name: way for name, way in ways.items() if way}
        facts = {n: facts_of(way, config.data, recipe.temperature) for n, way in taught.items()}
        order = sorted(ways, key=lambda name: -(_by_facts(facts.get(name), ways[name]) or 0.0))
        if NO_TEACHER in order:  # whether to distil at all is asked first
            order = [NO_TEACHER, *(name for name in order if name != NO_TEACHER)]
        found, cost = _contests(config, [ways[name] for name in order], named, directory, progress)
        teachers = _ranked(order, ways, facts, found)
        results: dict[str, Any] = {
            "space": config.space,
            "data": config.data,
            "students": list(found),
            "teachers": teachers,
            "cost": cost,
            "why": list(_sentences(teachers, ways, found)),
            "teacher_checks": [check.to_json() for check in checks if check is not None],
            "seconds": time.perf_counter() - start,
        }
        directory.write_results(results)
    return results | {"summary": [*_table(teachers), *results["why"]]}


def _ways(config: TeachersConfig) -> dict[str, Way]:
    if not config.candidates:
        raise InvalidInput(
            "name the teachers to choose among: --candidates T1 T2 none; "
            "autodas list teachers shows some"
        )
    ways = named_ways(config.candidates)
    data = load_data(config.data)
    names = sorted({name for way in ways.values() for name in way})
    if not names:
        raise InvalidInput(
            f"there is no teacher among the candidates: name one beside {NO_TEACHER!r}; "
            "autodas list teachers shows some"
        )
    if silent := only_features(names):
        raise InvalidInput(
            f"candidates are compared by what they answer, and {silent[0]!r} has features alone; "
            "let short trainings try it: autodas run --teachers … --try-losses at=1000"
        )
    for name in names:
        matched(load_teacher(name), data)
    refuse_twins(names)
    return ways


def _named_students(space: Space, config: TeachersConfig) -> list[str]:
    """As the space writes them.

    Raises:
        InvalidInput: a text is none of the space, or two are one student, which would count twice.
    """
    found: dict[str, str] = {}
    for text in config.arch:
        arch = space.canonical(text)
        if arch in found:
            raise InvalidInput(f"--arch names one student twice, {found[arch]} and {text}")
        found[arch] = text
    return list(found)


def _by_facts(facts: TeacherFacts | None, way: Way) -> float | None:
    """Accuracy in percent: stated, of several the mean of what is stated, else measured."""
    if facts is None:
        return None
    stated = [load_teacher(name).accuracy for name in way]
    known = [each for each in stated if each is not None]
    return float(np.mean(known)) if len(known) == len(stated) else facts.accuracy


Placings = dict[str, dict[Way, Placing]]
"""Student -> way -> how it did."""


def _contests(
    config: TeachersConfig,
    ways: Sequence[Way],
    named: Sequence[str],
    directory: RunDirectory,
    progress: Progress,
) -> tuple[Placings, float]:
    """A contest for each student, which share what may be spent; none if nothing may be."""
    trainings = Trainings.parsed(config.trainings)
    if not trainings.chooses:
        return {}, 0.0
    space, data = get_space(config.space), load_data(config.data)
    recipe = recipe_for(space, config.recipe, epochs=config.epochs)
    students = named or _middling(space, config)
    at_once = 1 if config.workers.alone else config.jobs
    found: Placings = {}
    cost, budget = 0.0, None
    for arch in students:
        arms = arms_of([arch], ways)
        contest = Contest(
            space.known_as,
            config.data,
            recipe,
            arms,
            Plan(Bracket()),
            config.seed,
            where=Where(config.device),
            decision=BY_ACCURACY,
        )
        if budget is None:
            seconds = None
            if trainings.number is None:
                seconds = seconds_of_a_training(contest.unit(arms[0], PROBE), directory.journal)
            budget = trainings.for_rungs(seconds, at_once) / len(students)
        plan = plan_for_all(Ladder.of(data, recipe), 1 + budget, len(arms))
        if not plan.bracket.rungs:
            raise InvalidInput(
                f"{float(budget):.2g} full trainings for each of {len(students)} students cannot "
                f"pay for all {len(arms)} candidates; give more --trainings or fewer of either"
            )
        contest = replace(contest, plan=plan)
        runner = config.workers.runner(device=config.device)
        contest_run = ContestRun(contest, directory.path, directory.journal, runner, progress)
        results = contest_run.run()
        wrong, luck = contest_run.losses()
        by_way = {arm.teachers: wrong[arm.key] for arm in arms if arm.key in wrong}
        found[arch] = placings(results, ways, by_way, luck)
        cost += float(plan.cost)
    return found, cost


def _middling(space: Space, config: TeachersConfig) -> list[str]:
    """Students around the median of #params, as it is in a sample of the space."""
    pool = space_sample(space, POOL, config.seed)
    with torch.device("meta"):
        sizes = [parameters(space.build(space.decode(text))) for text in pool]
    order = [int(i) for i in np.argsort(sizes, kind="stable")]
    first = max(0, (len(order) - config.students) // 2)
    return [pool[i] for i in order[first : first + config.students]]


def _ranked(
    order: Sequence[str],
    ways: Mapping[str, Way],
    facts: Mapping[str, TeacherFacts],
    found: Placings,
) -> list[dict[str, Any]]:
    """The candidates, best first."""
    teachers = []
    near = dict(zip(facts, ncti([each.collapse for each in facts.values()]), strict=True))
    for name in order:
        known = {"teacher": NO_TEACHER}
        if name in facts:
            known = facts[name].to_json() | {"ncti": round(float(near[name]), 6)}
        mine = {arch: places[ways[name]] for arch, places in found.items()}
        score = _by_facts(facts.get(name), ways[name])
        if mine:
            score = float(np.mean([each.beaten for each in mine.values()]))
        short = [
            {
                "arch": arch,
                "place": s.place,
                "fidelity": s.fidelity,
                "accuracy": s.accuracy,
                CALIBRATED: s.calibrated_cross_entropy,
                "at_first": s.at_first,
            }
            for arch, s in mine.items()
        ]
        usual = dict.fromkeys(COLUMNS)
        teachers.append({**usual, **known, "name": name, "score": score, "short": short})
    return sorted(teachers, key=lambda each: -1.0 if each["score"] is None else -each["score"] - 1)


def _sentences(
    teachers: Sequence[Mapping[str, Any]], ways: Mapping[str, Way], found: Placings
) -> Iterator[str]:
    """Who comes first, whether that is shown beside the most accurate, and if distilling helps."""
    taught = [each for each in teachers if ways[each["name"]]]
    if not found or not taught:
        yield (
            "Nothing was distilled: they rank by accuracy, which says little of who teaches best; "
            "--trainings 3 lets short distillations decide."
        )
        return
    yield _who_comes_first(teachers[0])
    accurate = max(taught, key=lambda each: each["stated"] or each["accuracy"])["name"]
    best = taught[0]["name"]
    if best == accurate:
        yield f"No teacher is shown to be better than the most accurate one, {accurate}."
    else:
        shown = _shown(found, ways[best], ways[accurate])
        verb = "is shown" if shown else "comes out first and is not shown"
        yield f"The teacher {best} {verb} to be better than the most accurate one, {accurate}."
    if NO_TEACHER in ways:
        if _shown(found, ways[best], ()):
            yield (
                f"Distilling is shown to help at {_length(found)} of a training: {best} beats "
                f"learning from labels alone.{CROSSING}"
            )
        elif _shown(found, (), ways[best]):
            yield (
                f"Distilling is shown to do harm at {_length(found)} of a training: learning from "
                f"labels alone beats {best}.{CROSSING}"
            )
        else:
            yield "That distilling helps is not shown, nor that it does harm."


def _who_comes_first(best: Mapping[str, Any]) -> str:
    """By what, and for how many students."""
    short = best["short"]
    alone = best["name"] == NO_TEACHER
    who = "Learning from labels alone" if alone else f"The teacher {best['name']}"
    if len(short) == 1:
        return (
            f"{who} comes first: after the longest short training no other student has more "
            f"validation images right than its {short[0]['accuracy']:.1f} %."
        )
    won = sum(each["place"] == 1 for each in short)
    return (
        f"{who} comes first: by the accuracy of {len(short)} students on validation images, "
        "between equals by calibrated cross-entropy, it beats "
        f"{100 * best['score']:.0f} % of the others on average, and all of them for {won}."
    )


def _length(found: Placings) -> str:
    """Of the longest short training."""
    lengths = {each.fidelity for places in found.values() for each in places.values()} - {None}
    return str(max(Fraction(str(each)) for each in lengths))


def _shown(found: Placings, better: Way, other: Way) -> bool:
    """Whether one is better for most students beyond the doubt that their images leave.

    A way that was left behind on a lower rung was beaten there by one that went on.
    """
    won = 0
    for places in found.values():
        chance = places[better].chance_over(places[other])
        won += chance is not None and chance > 1.0 - SHOWN_BELOW
    return 2 * won > len(found)


def _table(teachers: Sequence[Mapping[str, Any]]) -> list[str]:
    columns = ("score", *COLUMNS)
    width = max(len(each["name"]) for each in teachers)
    lines = [f"{'teacher':<{width}} " + " ".join(f"{name:>9}" for name in columns) + "  short"]
    for each in teachers:
        cells = [_cell(each[name]) for name in columns]
        short = ", ".join(
            f"{s['accuracy']:.1f} % at {s['fidelity']}" if s["fidelity"] else "not tried"
            for s in each["short"]
        )
        numbers = " ".join(f"{cell:>9}" for cell in cells)
        lines.append(f"{each['name']:<{width}} {numbers}  {short}")
    return [line.rstrip() for line in lines]


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"
