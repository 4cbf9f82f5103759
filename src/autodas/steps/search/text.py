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
        lines.append(f"chosen by short trainings: {chosen['arch']}, to be trained {how}")
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
    arms, rungs, winner = contest["arms"], contest["rungs"], contest["winner"]
    trained = ", then ".join(map(_tried, rungs))
    last = {each["arm"]: each for each in rungs[-1]["results"]}
    best = last[winner]
    return [
        f"{len(arms)} ways to get a student were tried, {trained} ({contest['cost']:.3g} full "
        f"trainings in all): {_named(arms[winner], contest)} had the lowest calibrated "
        f"cross-entropy on validation images, {best['calibrated_cross_entropy']:.3g}, and "
        f"{best['accuracy']:.1f} % of them right.",
        *_instead(contest),
        *_doubted(contest),
    ]


def _tried(rung: Mapping[str, Any]) -> str:
    count = len(rung["results"])
    if rung.get("again"):
        return f"the best {count} once more from another seed"
    return f"{count} for {rung['fidelity']} of a training"


def _named(arm: Mapping[str, Any], contest: Mapping[str, Any]) -> str:
    several = len({tuple(each["teachers"]) for each in contest["arms"]} - {()}) > 1
    losses = f" by {' and '.join(arm['losses'])}" if arm["losses"] else ""
    return f"{arm['arch']} {_taught(arm['teachers'], several=several)}{losses}"


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
    for rung in reversed(contest["rungs"]):
        found = {each["arm"]: each["accuracy"] for each in rung["results"]}
        if found.get(first) is not None and found.get(winner) is not None:
            gap = found[winner] - found[first]
            far = f"{abs(gap):.1f} points {'fewer' if gap > 0 else 'more'}" if gap else "as many"
            yield (
                f"The score alone would have taken {_named(contest['arms'][first], contest)}: at "
                f"{rung['fidelity']} of a training it has {far} of the validation images right."
            )
            return
    named = _named(contest["arms"][first], contest)
    yield f"The score alone would have taken {named}, which failed."


def _doubted(contest: Mapping[str, Any]) -> Iterator[str]:
    if contest["doubts"]:
        doubt = contest["doubts"][0]
        last = contest["rungs"][-1]
        twice = last.get("again", False)
        yield (
            f"The chance that {_named(contest['arms'][doubt['arm']], contest)} is better at "
            f"{last['fidelity']} of a training is {100 * doubt['chance']:.0f} %, by the validation "
            "images"
            + (" and by two seeds." if twice else "; what luck the seeds had is not in it.")
        )
