"""Which teacher is chosen, and what the student loses to the best, by rules and by a contest.

On tables of pairs everybody chooses, for every student, one of the ways to teach; regret is what
the student loses in points to the way that was best for it by the mean of its trainings. Students
are unseen: a contest looks at nothing but short trainings of the student itself, on a validation
part. Intervals are over students, drawn again within each table; which seed of a rung somebody saw
is drawn anew ``DRAWS`` times.

Accuracies of teachers are those that are stated for them, on test images, as users know them; of
several teachers the mean of what is stated.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from autodas.core.errors import AutodasError, MissingData
from autodas.core.results import Ok
from autodas.core.rng import derive
from autodas.data.validation import VALIDATION_SHARE
from autodas.evolution import SuccessiveHalving
from autodas.spaces import get_space
from autodas.tables.labels import NO_TEACHER
from autodas.tables.pairs import PairTable, pairs_of
from autodas.workbench.arms import Ladder
from autodas.workbench.decisions import BY_ACCURACY, BY_LOSS
from autodas.workbench.ground_truth import load_table
from autodas.workbench.teacher_contest import plan_for_all
from autodas.workbench.teacher_facts import facts_of
from autodas.workbench.teacher_features import NeuralCollapse, ncti
from benchmarks.teachers_page import write_page
from benchmarks.teachers_published import published
from benchmarks.teachers_regret import Loss, interval, lost, lost_crossed, share

PAGE = Path("docs") / "teachers.md"
TABLES = ("digits-pairs-cnn", "digits-pairs-vit", "fashion-pairs-cnn", "fashion-pairs-vit")
TRAININGS = 3  # the final one included
DRAWS = 20
SOFTENED = ("mixup", "smoothed")  # teachers of softened labels, which are right and unsure


@dataclass(frozen=True, eq=False)
class Pairs:
    """A table of pairs with what is known of its students and teachers."""

    table: PairTable

    @cached_property
    def mean(self) -> Any:
        """``(A, T)`` accuracy of full trainings."""
        return self.table.mean

    @cached_property
    def params(self) -> Any:
        """``(A,)`` of the students."""
        space = get_space(str(self.table.meta["space"]))
        return np.array([space.cost(space.decode(a)).params for a in self.table.students])

    def fact(self, name: str) -> Any:
        """``(T,)`` a number of each way to teach; NaN of none.

        Raises:
            AutodasError: the table does not say it, and the teachers are not on this machine.
        """
        ways = range(len(self.table.teachers))
        known = any(name in self.facts(way) for way in ways)
        said = [(self.facts(way) if known else self.measured(way)).get(name) for way in ways]
        return np.array([np.nan if each is None else each for each in said])

    def facts(self, number: int) -> Mapping[str, Any]:
        """What the table says of a way to teach."""
        return self.table.facts[self.table.teachers[number]].get("facts", {})

    def measured(self, number: int) -> Mapping[str, Any]:
        """The same, measured now; nothing of labels alone."""
        members = self.table.facts[self.table.teachers[number]]["members"]
        if not members:
            return {}
        way = tuple(each["name"] for each in members)
        recipe = self.table.meta["recipe"]
        return facts_of(way, str(self.table.meta["dataset"]), recipe["temperature"]).to_json()

    @property
    def ncti(self) -> Any:
        """``(T,)`` nearness to neural collapse among the ways there are."""
        return ncti(
            np.stack([self.fact(f"ncti_{each}") for each in NeuralCollapse._fields], axis=1)
        )

    @cached_property
    def accuracy(self) -> Any:
        """``(T,)`` what is stated; NaN of none."""
        members = [self.table.facts[each]["members"] for each in self.table.teachers]
        return np.array(
            [np.mean([m["accuracy"] for m in some]) if some else np.nan for some in members]
        )

    @cached_property
    def none(self) -> int:
        """Number of the way without a teacher."""
        return self.table.teachers.index(NO_TEACHER)

    @property
    def data(self) -> str:
        """Name of the data set, whatever part of it."""
        return str(self.table.meta["dataset"]).partition("@")[0]

    @property
    def images(self) -> int:
        """How many images the students learn from."""
        return int(str(self.table.meta["dataset"]).partition("/")[2] or 200)

    @property
    def judged(self) -> int:
        """How many of them short trainings leave out and are judged on."""
        return round(VALIDATION_SHARE * self.images)

    @cached_property
    def ladder(self) -> Ladder:
        """As the command plans it, on the rungs that there are."""
        recipe = self.table.meta["recipe"]
        steps = recipe["epochs"] * -(-self.images // recipe["batch_size"])
        return Ladder.priced({each.fidelity: each.cost for each in self.table.rungs}, steps)

    def rung(self, what: str, fidelity: Fraction) -> Any:
        """``(A, T, S)`` what was measured at a rung."""
        return getattr(next(r for r in self.table.rungs if r.fidelity == fidelity), what)


def leaving_out(pairs: Pairs, names: Sequence[str]) -> Pairs:
    """The same without some ways to teach."""
    kept = [t for t, name in enumerate(pairs.table.teachers) if name not in names]
    return Pairs(pairs.table.of_teachers(kept))


Rule = Callable[[Pairs], Any]
"""Gives the number of the way chosen for each student, ``(A,)``."""


def extreme(values: Callable[[Pairs], Any], sign: int = 1) -> Rule:
    """The way with the highest of some numbers, the same for all students."""
    return lambda pairs: np.full(len(pairs.params), int(np.nanargmax(sign * values(pairs))))


def nearest_larger(pairs: Pairs) -> Any:
    """The smallest teacher that is larger than the student; if none is, the largest."""
    sizes = pairs.fact("params")
    found = []
    for size in pairs.params:
        larger = np.where(sizes > size, sizes, np.nan)
        found.append(np.nanargmin(larger) if np.isfinite(larger).any() else np.nanargmax(sizes))
    return np.array(found)


def same_for_all(pairs: Pairs) -> Any:
    """The way that is best on average for all other students, by their full trainings."""
    total = pairs.mean.sum(axis=0)
    return np.array([int(np.argmax(total - own)) for own in pairs.mean])


RULES: Mapping[str, Rule] = {
    "most accurate": extreme(lambda p: p.accuracy),
    "least accurate": extreme(lambda p: p.accuracy, -1),
    "nearest larger": nearest_larger,
    "largest": extreme(lambda p: p.fact("params")),
    "best calibrated": extreme(lambda p: p.fact("ece"), -1),
    "lowest calibrated cross-entropy": extreme(lambda p: p.fact("calibrated_cross_entropy"), -1),
    "highest entropy of wrong classes": extreme(lambda p: p.fact("entropy")),
    "largest margin": extreme(lambda p: p.fact("margin")),
    "highest LogME": extreme(lambda p: p.fact("log_me")),
    "highest H-score": extreme(lambda p: p.fact("h_score")),
    "highest NCTI": extreme(lambda p: p.ncti),
    "none": lambda p: np.full(len(p.params), p.none),
    "the same for all": same_for_all,
}

Decider = Callable[[Mapping[str, Any]], Any]
"""Of what was measured of some ways, ``(W,)`` each, and ``images``, how good each is, ``(W,)``."""


def one_standard_error(seen: Mapping[str, Any]) -> Any:
    """Calibrated cross-entropy among those within one standard error of the best accuracy.

    After Breiman et al., "Classification and Regression Trees", 1984, section 3.4.3.
    """
    share, images = seen["accuracy"].max() / 100, seen["images"]
    # Of images that are all right or all wrong, half of one is not.
    error = 100 * np.sqrt(max(share * (1 - share), 1 / (4 * images)) / images)
    near = seen["accuracy"] >= seen["accuracy"].max() - error
    return np.where(near, 1000, seen["accuracy"]) - 1e-4 * seen["calibrated_cross_entropy"]


DECIDERS: Mapping[str, Decider] = {
    "cross-entropy": lambda seen: -seen["cross_entropy"],
    "accuracy": lambda seen: seen["accuracy"],
    "accuracy, then cross-entropy": lambda seen: seen["accuracy"] - 1e-4 * seen["cross_entropy"],
    "accuracy, within one standard error calibrated": one_standard_error,
    "Brier score": lambda seen: -seen["brier"],
    "calibrated cross-entropy": BY_LOSS.score,
    "accuracy, then calibrated": BY_ACCURACY.score,
}
USUAL = "accuracy, then calibrated"  # what autodas teachers goes by
MEASURED = ("accuracy", "cross_entropy", "calibrated_cross_entropy", "brier")


def in_order(pairs: Pairs) -> list[int]:
    """None first, then by accuracy, as the command asks them."""
    order = np.argsort(
        -np.where(np.isfinite(pairs.accuracy), pairs.accuracy, np.inf), kind="stable"
    )
    return [int(t) for t in order]


def contest(
    pairs: Pairs,
    student: int,
    decider: Decider,
    rng: np.random.Generator,
    *,
    everyone: bool = True,
    trainings: Fraction = Fraction(TRAININGS),
    lead: float = 0.0,
) -> int:
    """The way that short trainings of one student choose.

    Args:
        pairs: The table.
        student: Its number.
        decider: What is best of what was measured at a rung.
        rng: Draws which seed of a rung is seen, the same for all ways that have it.
        everyone: Try all ways, as autodas teachers does; else as many as a contest of finalists
            would.
        trainings: What it may cost with the final training.
        lead: By how much the winner must be ahead of the most accurate teacher, times the
            square root of how many images say so; else that one is taken.
    """
    arms = in_order(pairs)
    plan = (plan_for_all if everyone else Ladder.plan)(pairs.ladder, trainings, len(arms))
    luck = rng.random()

    def scores(ways: Sequence[int], fidelity: Fraction, again: int = 0) -> Any:
        runs = pairs.rung("accuracy", fidelity)[student, ways]
        there = [np.flatnonzero(np.isfinite(each)) for each in runs]
        seeds = [each[(int(luck * len(each)) + again) % len(each)] for each in there]
        seen = {what: pairs.rung(what, fidelity)[student, ways, seeds] for what in MEASURED}
        return decider(seen | {"images": pairs.judged})

    halving = SuccessiveHalving(arms, plan.bracket, key=str)
    while requests := halving.ask():
        fidelity = requests[0].fidelity
        for each, value in zip(
            requests, scores([each.arm for each in requests], fidelity), strict=True
        ):
            halving.tell(each.key, fidelity, Ok(float(value)))
    if not isinstance(halving.winner, Ok):
        raise ValueError("no arm of a table fails")
    if lead:
        return _or_most_accurate(pairs, halving, lead / np.sqrt(pairs.judged))
    if not plan.again:
        return halving.winner.value
    best = [each.arm for each in halving.ranking[: plan.again]]
    last = halving.history[-1].fidelity
    return best[int(np.argmax(scores(best, last) + scores(best, last, 1)))]


def _or_most_accurate(pairs: Pairs, halving: SuccessiveHalving[int], lead: float) -> int:
    """The winner, or the most accurate where that is not further behind on their last rung."""
    winner, usual = halving.winner.value, int(np.nanargmax(pairs.accuracy))
    known = [dict(zip(each.arms, each.results, strict=True)) for each in halving.history]
    last = next(each for each in reversed(known) if {str(winner), str(usual)} <= each.keys())
    return winner if last[str(winner)].value - last[str(usual)].value > lead else usual


def usable_rules(rows: Sequence[Pairs]) -> list[str]:
    """Names of the rules that can be followed on all tables: some facts need the teachers."""
    found = []
    for name, rule in RULES.items():
        with contextlib.suppress(AutodasError):
            _ = [rule(row) for row in rows]
            found.append(name)
    return found


def choices(pairs: Pairs, draws: int, rules: Sequence[str]) -> dict[str, Any]:
    """Chooser -> ``(D, A)`` numbers of the ways chosen for each student, by draw."""
    found = {name: RULES[name](pairs)[None] for name in rules}
    students = range(len(pairs.params))
    found["random"] = np.repeat(np.arange(len(pairs.table.teachers))[:, None], len(students), 1)
    contests: dict[str, tuple[str, dict[str, Any]]] = {
        f"contest by {name}": (name, {}) for name in DECIDERS
    }
    contests["the same, as among finalists"] = (USUAL, {"everyone": False})
    contests["the same, at six trainings"] = (USUAL, {"trainings": Fraction(6)})
    for lead in (0.25, 1.0):
        contests[f"calibrated cross-entropy, if ahead of the most accurate by {lead:g}/√images"] = (
            "calibrated cross-entropy",
            {"lead": lead},
        )
    for label, (name, options) in contests.items():
        found[label] = np.array(
            [
                [
                    contest(pairs, a, DECIDERS[name], derive(d, "teachers", a), **options)
                    for a in students
                ]
                for d in range(draws)
            ]
        )
    return found


def regrets(pairs: Pairs, chosen: Mapping[str, Any], loss: Loss = lost) -> dict[str, Any]:
    """Chooser -> ``(A,)`` mean regret of each student."""
    accuracy = pairs.table.accuracy
    return {
        name: np.mean([loss(accuracy, each) for each in draws], axis=0)
        for name, draws in chosen.items()
    }


def beside_most_accurate(rows: Sequence[Pairs], chosen: Sequence[Mapping[str, Any]]) -> Any:
    """Data set -> what the usual contest loses, the most accurate, and the share in percent."""
    found: dict[str, Any] = {}
    for data in dict.fromkeys(row.data for row in rows):
        own = [(r, c) for r, c in zip(rows, chosen, strict=True) if r.data == data]
        for name, loss in (("best by all trainings", lost), ("best by others", lost_crossed)):
            each = [regrets(row, some, loss) for row, some in own]
            parts = [[e[who] for e in each] for who in (f"contest by {USUAL}", "most accurate")]
            found.setdefault(data, {})[name] = {
                "contest": interval(parts[0]),
                "most accurate": interval(parts[1]),
                "share": share(*parts),
            }
    return found


def shares(pairs: Pairs) -> dict[str, float]:
    """What of the sum of squares of all pairs students and ways to teach explain, in percent.

    The rest is what suits one student and not another, and noise.
    """
    centred = pairs.mean - pairs.mean.mean()
    whole = float((centred**2).sum())
    students = float((centred.mean(axis=1) ** 2).sum()) * centred.shape[1]
    ways = float((centred.mean(axis=0) ** 2).sum()) * centred.shape[0]
    parts = {"students": students, "ways": ways, "rest": whole - students - ways}
    return {name: 100.0 * part / whole for name, part in parts.items()}


def main(tables: Sequence[str] = TABLES, draws: int = DRAWS) -> dict[str, Any]:
    """Regret by chooser and table, differences from the most accurate teacher, published pairs."""
    rows = [Pairs(pairs_of(load_table(name))) for name in tables]
    rules = usable_rules(rows)
    chosen = [choices(row, draws, rules) for row in rows]
    each = {r.table.name: regrets(r, c) for r, c in zip(rows, chosen, strict=True)}
    fewer = [leaving_out(row, SOFTENED) for row in rows]
    others = [regrets(row, choices(row, draws, rules)) for row in fewer]
    names = list(next(iter(each.values())))
    results: dict[str, Any] = {
        "students": {row.table.name: len(row.params) for row in rows},
        "ways": {row.table.name: len(row.table.teachers) for row in rows},
        "shares": {row.table.name: shares(row) for row in rows},
        "rules that need the teachers": sorted(set(RULES) - set(rules)) or "all followed",
        "regret": {
            name: {"all": interval([found[name] for found in each.values()])}
            | {table: interval([found[name]]) for table, found in each.items()}
            for name in names
        },
        "without softened teachers": {
            name: interval([found[name] for found in others]) for name in names
        },
        "more than the most accurate": {
            name: interval([found[name] - found["most accurate"] for found in each.values()])
            for name in names
        },
        "beside the most accurate": beside_most_accurate(rows, chosen),
    }
    try:
        results["published"] = published()
    except MissingData as why:
        results["left out"] = str(why)
    if PAGE.exists():
        write_page(results, PAGE)
    return results
