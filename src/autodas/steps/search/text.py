"""What a search tells people: the best students, and how finalists were decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autodas.core.text import brief
from autodas.steps.search.config import SearchConfig
from autodas.workbench.ways import in_words

__all__ = ["contest_in_words", "summary_of"]


def summary_of(config: SearchConfig, results: Mapping[str, Any]) -> list[str]:
    """What people are told at the end."""
    best, within_budget = results["students"][0], results["within_budget"]
    budget = config.budgets.in_words()
    lines = [
        f"best of {within_budget:,} students of {brief(results['space'])}"
        + (f" with {budget}" if budget else "")
        + f" by {config.score}: {best['arch']} "
        f"({best['params']:,} parameters, {best['macs']:,} MACs)"
    ]
    if config.pareto is not None:
        count = len(results["students"])
        lines.append(f"{count} students that none beats in both score and {config.pareto}")
    if regret := results.get("regret"):
        lines.append(
            f"of {regret['scored']:,} students of known accuracy the score takes "
            f"{regret['chosen']:.2f} %; of all {regret['n']:,} that fit, the best has "
            f"{regret['oracle']:.2f} %, the largest {regret['largest']:.2f} %, the mean is "
            f"{regret['random']:.2f} %"
        )
    elif config.table is not None:
        lines.append(f"no student that was scored has a known accuracy in {config.table}")
    lines += results["why"]
    if results["contest"] is not None:
        chosen = results["chosen"]
        how = _taught(chosen["teachers"], several=bool(config.teachers))
        how += f" by {' and '.join(chosen['losses'])}" if chosen["losses"] else ""
        lines.append(f"chosen by trainings of finalists: {chosen['arch']}, to be trained {how}")
    lines += [f"finalist {i + 1}: {arch}" for i, arch in enumerate(results["finalists"])]
    lines += [check["sentence"] for check in results["teacher_checks"]]
    doubts = (results["caution"], results.get("latency_doubt"))
    return [*lines, *(doubt for doubt in doubts if doubt is not None)]


def contest_in_words(contest: Mapping[str, Any] | None) -> list[str]:
    """Why this finalist, what the score alone would have taken, and how sure that is."""
    if contest is None:
        return []
    if not contest["rungs"]:
        return ["The trainings that are allowed leave none to compare: the score alone decides."]
    return [*_compared(contest), *_duelled(contest), *_instead(contest), *_doubted(contest)]


def _compared(contest: Mapping[str, Any]) -> Iterator[str]:
    """How short trainings chose."""
    rungs = _short(contest)
    if not rungs:
        return
    (best,) = (each for each in rungs[-1]["results"] if each["arm"] == rungs[-1]["promoted"][0])
    cost = sum(rung["cost"] for rung in rungs)
    yield (
        f"{len(rungs[0]['results'])} ways to get a student were tried, "
        f"{', then '.join(map(_tried, rungs))} (as much as {cost:.3g} of full length): "
        f"{_named(contest['arms'][best['arm']], contest)} had the lowest "
        f"calibrated cross-entropy on validation images, {best['calibrated_cross_entropy']:.3g}, "
        f"and {best['accuracy']:.1f} % of them right."
    )


def _short(contest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [rung for rung in contest["rungs"] if not rung.get("duel")]


def _duelled(contest: Mapping[str, Any]) -> Iterator[str]:
    """Whether the student needs a teacher, and how that was decided."""
    arms, last = contest["arms"], contest["rungs"][-1]
    if last.get("duel"):
        yield (
            f"Whether {arms[contest['winner']]['arch']} needs a teacher was decided by "
            "full trainings on the images that are not of the validation part "
            f"({last['cost']:.3g} in all): "
            + ", ".join(_outcome(each, contest) for each in last["results"])
            + "."
        )
    elif len({bool(arm["teachers"]) for arm in arms}) > 1:
        yield (
            f"Whether it needs a teacher was decided at {last['fidelity']} of a training, which is "
            "often wrong at its end; 4 trainings or more (--trainings 4) decide it by full ones."
        )


def _outcome(result: Mapping[str, Any], contest: Mapping[str, Any]) -> str:
    how = _how(contest["arms"][result["arm"]], contest)
    if result["accuracy"] is None:
        return f"{how} it failed ({result['reason']})"
    return (
        f"{how} it has {result['accuracy']:.1f} % of the validation images right and a calibrated "
        f"cross-entropy of {result['calibrated_cross_entropy']:.3g}"
    )


def _tried(rung: Mapping[str, Any]) -> str:
    count = len(rung["results"])
    if rung.get("again"):
        return f"the best {count} once more from another seed"
    return f"{count} for {rung['fidelity']} of a training"


def _named(arm: Mapping[str, Any], contest: Mapping[str, Any]) -> str:
    return f"{arm['arch']} {_how(arm, contest)}"


def _how(arm: Mapping[str, Any], contest: Mapping[str, Any]) -> str:
    several = len({tuple(each["teachers"]) for each in contest["arms"]} - {()}) > 1
    losses = f" by {' and '.join(arm['losses'])}" if arm["losses"] else ""
    return f"{_taught(arm['teachers'], several=several)}{losses}"


def _taught(teachers: Sequence[str], *, several: bool) -> str:
    if not teachers:
        return "from labels alone"
    return f"with {in_words(tuple(teachers))}" if several else "with the teacher"


def _instead(contest: Mapping[str, Any]) -> Iterator[str]:
    """What would have been taken without a contest, on the highest rung that both have seen."""
    first, winner = contest["first"], contest["winner"]
    if first == winner:
        yield "The score alone would have taken the same."
        return
    named, last = _named(contest["arms"][first], contest), None
    for rung in reversed(contest["rungs"]):
        found = {each["arm"]: each["accuracy"] for each in rung["results"]}
        last = found.get(first) if last is None else last
        if found.get(first) is not None and found.get(winner) is not None:
            gap = found[winner] - found[first]
            far = f"{abs(gap):.1f} points {'fewer' if gap > 0 else 'more'}" if gap else "as many"
            yield (
                f"The score alone would have taken {named}: {_when(rung)} it has {far} of the "
                f"validation images right ({_seeds(rung)}, no interval)."
            )
            return
    failed = ", which failed" if last is None else ""
    yield f"The score alone would have taken {named}{failed}."


def _doubted(contest: Mapping[str, Any]) -> Iterator[str]:
    if contest["doubts"]:
        doubt = contest["doubts"][0]
        last = contest["rungs"][-1]
        twice = last.get("again", False)
        yield (
            f"The chance that {_named(contest['arms'][doubt['arm']], contest)} is better "
            f"{_when(last)} is {100 * doubt['chance']:.0f} %, by the validation images"
            + (" and by two seeds." if twice else "; what luck the seeds had is not in it.")
        )


def _seeds(rung: Mapping[str, Any]) -> str:
    return "mean of two seeds" if rung.get("again") else "one seed"


def _when(rung: Mapping[str, Any]) -> str:
    if rung.get("duel"):
        return "at the end of a training"
    return f"at {rung['fidelity']} of a training"
