"""What came out, in sentences that a reader without the field's words understands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from autodas.core.intervals import Ends, difference_interval
from autodas.core.text import brief
from autodas.reports.chosen import accuracies_by_way, chosen_student, is_taught
from autodas.reports.read import Run
from autodas.reports.spell import count, difference, duration, interval, number, percent

__all__ = [
    "Finding",
    "Judgement",
    "asked",
    "chosen",
    "cost",
    "gain",
    "gained",
    "is_proxy",
    "judge",
    "largest_called",
]

Judgement = Literal["better", "worse", "open", "failed"]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """A sentence, and whether it is good news.

    Attributes:
        judgement: ``better`` or ``worse`` if the interval of the difference leaves out zero,
            ``open`` if it does not, ``failed`` if nothing could be computed.
        text: The sentence.
    """

    judgement: Judgement
    text: str


def judge(row: Row) -> Judgement:
    """How a score compares with #params: by the interval of the paired difference, and not by luck.

    Of many rows some leave out zero by chance; a run that knows so says ``open`` of them.
    """
    low, high = row.get("delta_params_low"), row.get("delta_params_high")
    if row["tau"] is None:
        return "failed"
    if row.get("significance") == "open":
        return "open"
    if low is not None and low > 0:
        return "better"
    if high is not None and high < 0:
        return "worse"
    return "open"


def largest_called(student: Row) -> str:
    """The largest that fits, or of a part of the space the largest in it."""
    return str(student.get("called") or "the largest that fits")


def is_proxy(row: Row) -> bool:
    """Whether a row is about a discovered formula."""
    # A discovery may call its proxy anything, and says which row is about it.
    return bool(row.get("discovered")) or str(row["score"]).partition(":")[0] == "proxy"


def asked(run: Run) -> str:
    """What the run was for."""
    parts = []
    for step in run.of("discover"):
        spaces = _listed(pair["space"] for pair in step.results.get("pairs", []))
        parts.append(
            f"find a formula that ranks the students of {spaces} by the accuracy they would reach "
            "after distillation, without training them"
        )
    for step in run.of("benchmark"):
        spaces = _listed(row["space"] for row in step.results.get("rows", []))
        parts.append(f"see which scores rank the students of {spaces} well")
    for step in run.of("ablate"):
        parts.append(f"see what {_listed(step.results['studies'])} are worth to discovery")
    for step in run.of("explain"):
        parts.append(f"explain what {step.results['score']} says of {step.results['space']}")
    for step in run.of("teachers"):
        named = _listed(each["name"] for each in step.results["teachers"])
        parts.append(f"choose for students of {step.results['space']} among {named}")
    if searches := run.of("search"):
        parts.append("pick students " + _listed(_budget(step.results) for step in searches))
    for taught, how in ((True, "with their teachers"), (False, "from labels alone")):
        distilled = [
            step.results["space"]
            for step in run.of("distill")
            if is_taught(step.results["students"][0]) == taught
        ]
        if distilled:
            parts.append(f"train the chosen students of {_listed(distilled)} {how}")
    return _sentence("; ".join(parts))


def _budget(results: Row) -> str:
    limits = results.get("budgets") or {}
    words = {
        "max_params": lambda limit: f"{count(limit)} parameters",
        "max_macs": lambda limit: f"{count(limit)} multiply-accumulates per image",
        "max_memory": lambda limit: f"{limit / 2**20:.4g} MiB memory",
        "max_latency_ms": lambda limit: f"{limit:.4g} ms latency",
    }
    within = " and ".join(f"at most {words[name](limit)}" for name, limit in limits.items())
    return f"of {results['space']}" + (f" with {within}" if within else "")


def chosen(run: Run) -> str:
    """What the run came up with."""
    parts = []
    for step in run.of("discover"):
        proxy = step.results["proxy"]
        terms = len(proxy.get("terms") or ())
        what = f"a sum of {count(terms)} formulas with" if terms > 1 else "a formula of"
        tried = count(step.results.get("evaluations"))
        parts.append(
            f"{what} {count(proxy['nodes'])} nodes over {_listed(proxy['leaves'])}, "
            + (f"out of {tried} that were tried" if terms > 1 else f"the best of {tried} tried")
        )
    for step in run.of("explain"):
        formula = step.results["formula"]
        if formula is not None:
            leaves = _listed(leaf["name"] for leaf in formula["leaves"])
            parts.append(f"the formula has {count(formula['nodes'])} nodes over {leaves}")
    for step in run.of("search"):
        parts.append(_chosen_by(step.results))
        if step.results.get("caution"):
            parts.append(step.results["caution"])
    return _sentence("; ".join(parts))


def _chosen_by(results: Row) -> str:
    best, contest = chosen_student(results), results.get("contest")
    start = (
        f"on {results['space']} the student {best['arch']} with {count(best['params'])} parameters"
    )
    within = f"of {count(results['within_budget'])} within the budget"
    if not contest or not contest["rungs"]:
        return f"{start}, first {within}"
    how = "with the teacher" if is_taught(best) else "from labels alone"
    rank = 1 + sum(score > best["score"] for score in results["points"]["score"])
    tried = "trainings" if contest["rungs"][-1].get("duel") else "short trainings"
    return (
        f"{start}, to be trained {how}: the best of {count(len(contest['arms']))} ways to get a "
        f"student that {tried} tried, by the score number {count(rank)} {within}"
    )


def gain(run: Run) -> str:
    """What came of it over #params and random ones, in one sentence."""
    parts = []
    for step in run.of("discover", "benchmark"):
        taus = [_tau_gain(row) for row in step.results["rows"] if is_proxy(row)]
        if taus:
            parts.append(f"rank correlation {_listed(taus)}, where a random order has τ = 0")
    for step in run.of("ablate"):
        parts += step.results["verdict"]
    for step in run.of("explain"):
        parts += step.results["verdict"][:1]
    parts += [_choice(step.results) for step in run.of("search") if step.results.get("regret")]
    for step in run.of("distill"):
        parts += _accuracy_gain(step.results)
    return _sentence("; ".join(part.rstrip(".") for part in parts))


def _choice(results: Row) -> str:
    found = results["regret"]
    lost = [found["oracle"] - found[key] for key in ("chosen", "largest", "random")]
    ours, largest, random = (number(each) for each in lost)
    return (
        f"among the {count(found['n'])} labelled students of {results['space']} the choice by "
        f"score loses {ours} points to the best, the largest that fits {largest}, a random one "
        f"{random} (one choice, no interval)"
    )


def _tau_gain(row: Row) -> str:
    if row["tau"] is None or row.get("delta_params") is None:
        return f"without comparison to #params on {row['space']}"
    shown = {"better": "shown", "worse": "a loss", "open": "not shown"}[judge(row)]
    gap = f"{difference(row['delta_params'])} to #params"
    between = interval(row, "delta_params", signed=True)
    how_sure = f"95 % interval {between}" if between else "no interval"
    return f"τ = {number(row['tau'])} on {row['space']} ({gap}, {how_sure}, {shown})"


def _accuracy_gain(results: Row) -> list[str]:
    first = results["students"][0]
    random = [s for s in results["students"] if s["role"].startswith("random")]
    others = [
        ([student], largest_called(student))
        for student in results["students"][1:]
        if student["role"] == "largest"
    ] + ([(random, "random ones")] if random else [])
    parts = []
    for students, called in others:
        if _is_same(first, students[0]):
            parts.append(f"nothing over {called}, which it is")
            continue
        theirs = [value for student in students for value in student["accuracies"]]
        ends = difference_interval(first["accuracies"], theirs)
        same = ""
        if _is_itself(first, students[0]):
            same = f", the same student {_way(students[0])}"
            ends = _other_way(first) or ends
        parts.append(f"{difference(ends[0], 1)} points over {called}{same} ({_between(ends)})")
    if not parts:
        return []
    return [f"the student of {results['space']} gains {' and '.join(parts)}"]


def gained(run: Run) -> list[Finding]:
    """What is better, or is not, than the plain alternatives."""
    findings = []
    for step in run.of("discover", "benchmark"):
        known = " that the search never saw" if step.command == "discover" else ""
        rows = [row for row in step.results["rows"] if is_proxy(row)]
        findings += [_against_params(row, known) for row in rows]
    for step in run.of("distill"):
        findings += _against_students(step.results)
    return findings


def _against_params(row: Row, which: str) -> Finding:
    where = f"On {brief(row['space'])}"
    if row["tau"] is None:
        return Finding("failed", f"{where} the proxy gives no ranking: {row.get('failed')}.")
    if row.get("delta_params") is None:
        return Finding("open", f"{where} the proxy ranks with τ = {number(row['tau'])}.")
    size = row["tau"] - row["delta_params"]
    verdict = {
        "better": "ranks better than the number of parameters alone",
        "worse": "ranks worse than the number of parameters alone",
        "open": "is not shown to rank better than the number of parameters alone",
    }[judge(row)]
    between = interval(row, "delta_params", signed=True)
    shown = f"{difference(row['delta_params'])}, 95 % interval {between}"
    return Finding(
        judge(row),
        f"{where} the proxy {verdict}: τ = {number(row['tau'])} against {number(size)} on "
        f"{row['n']} architectures{which} (difference {shown}).",
    )


def _against_students(results: Row) -> Iterator[Finding]:
    by_role = {student["role"]: student for student in results["students"]}
    first = by_role.get("chosen", results["students"][0])
    random = [student for role, student in by_role.items() if role.startswith("random")]
    others = {}
    largest = by_role.get("largest")
    other = _other_way(first)
    itself = largest is not None and _is_itself(first, largest)
    if largest is not None and not _is_same(first, largest) and not (itself and other):
        same = f", the same student {_way(largest)}," if itself else ""
        others[f"{largest_called(largest)}{same} reaches"] = [largest]
    others["random ones that fit reach"] = random
    taught = is_taught(first)
    start = (
        f"The chosen student of {results['space']}{'' if taught else ', from labels alone,'} "
        f"reaches {percent(first['accuracy'])} (teacher {percent(results.get('teacher_accuracy'))})"
    )
    if largest is not None and _is_same(first, largest):
        yield Finding("open", f"{start}; it is {largest_called(largest)}.")
    for name, students in others.items():
        if students:
            theirs = [value for student in students for value in student["accuracies"]]
            ends = difference_interval(first["accuracies"], theirs)
            yield _against(start, name, float(np.mean(theirs)), ends)
    if other:
        name = f"{'without a' if taught else 'with the'} teacher it reaches"
        if largest is not None and itself:
            start += f"; it is {largest_called(largest)}"
        yield _against(start, name, first["accuracy"] - other[0], other)


def _other_way(student: Row) -> Ends | None:
    """How far a student is ahead of itself trained the other way; None if it was not.

    The run paired the trainings by seed: an interval of ours would contradict it.
    """
    taught = is_taught(student)
    other = accuracies_by_way(student)[taught]
    if not other:
        return None
    gain = student.get("gain") or {}
    low, high = gain.get("low"), gain.get("high")
    if not taught and low is not None and high is not None:
        low, high = -high, -low  # the gain is that of the teacher
    return student["accuracy"] - float(np.mean(other)), low, high


def _way(student: Row) -> str:
    return "with the teacher" if is_taught(student) else "from labels alone"


def _is_itself(student: Row, other: Row) -> bool:
    """Whether two students are one, trained the other way."""
    return student["arch"] == other["arch"] and is_taught(student) != is_taught(other)


def _is_same(student: Row, other: Row) -> bool:
    """Whether two students are one, trained in one way; its chance differences say nothing."""
    return student["arch"] == other["arch"] and is_taught(student) == is_taught(other)


def _against(start: str, name: str, theirs: float, ends: Ends) -> Finding:
    gap, low, high = ends
    judgement: Judgement = "open"
    if low is not None and high is not None and (low > 0 or high < 0):
        judgement = "better" if low > 0 else "worse"
    text = f"{start}, {name} {percent(theirs)}: {difference(gap, 1)} points ({_between(ends)})."
    return Finding(judgement, text)


def _between(ends: Ends) -> str:
    _, low, high = ends
    if low is None or high is None:
        return "one seed, no interval"
    return f"95 % interval [{difference(low, 1)}, {difference(high, 1)}]"


def cost(run: Run) -> str:
    """What the run took."""
    networks = sum(int(step.results.get("networks_measured") or 0) for step in run.steps)
    seconds = run.results.get("seconds")
    total = seconds.get("total") if isinstance(seconds, Mapping) else seconds
    trained = sum(
        len(way)
        for step in run.of("distill")
        for student in step.results["students"]
        for way in accuracies_by_way(student)
    )
    contests = [step.results.get("contest") or {} for step in run.of("search")]
    rungs = [rung for each in contests for rung in each.get("rungs", [])]
    short = sum(len(rung["results"]) for rung in rungs if not rung.get("duel"))
    whole = sum(len(rung["results"]) for rung in rungs if rung.get("duel"))
    parts = [f"{duration(total)} in all"] if total is not None else []
    if networks:
        parts.append(f"{count(networks)} networks measured by one forward and backward pass each")
    if short:
        parts.append(f"{count(short)} short trainings of finalists")
    if whole:
        parts.append(f"{count(whole)} whole ones, with a teacher and without")
    if trained:
        parts.append(f"{count(trained)} final training{'s' if trained != 1 else ''}")
    return _sentence("; ".join(parts))


def _listed(names: Any) -> str:  # noqa: ANN401 - any iterable of strings
    once = list(dict.fromkeys(names))
    return ", ".join(once[:-1]) + (" and " if len(once) > 1 else "") + "".join(once[-1:])


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." if text else ""
