"""What a training has shown: what the teacher adds, and how the chosen student compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autodas.core.intervals import Ends, difference_interval, mean_interval
from autodas.core.text import brief

__all__ = ["OTHER", "gain_of", "verdict_of"]

OTHER = {True: "with-teacher", False: "without-teacher"}
"""Folder of the chosen student that was trained the other way, by whether that has the teacher."""


def gain_of(
    taught: Sequence[float] | None, vanilla: Sequence[float] | None
) -> dict[str, Any] | None:
    """What the teacher adds: mean difference of trainings of the same seeds, in points.

    Args:
        taught: Accuracies with the teacher, by seed; None if there are none.
        vanilla: Without, by the same seeds; None if there are none.

    Returns:
        ``mean``, ``seeds``, and with two seeds or more ``low`` and ``high``: the interval of
        Student's t for the mean difference, 95 %; None without one of both.
    """
    if not taught or not vanilla:
        return None
    return _found(mean_interval(np.subtract(taught, vanilla).tolist()), len(taught))


def _gap_of(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """By how much the chosen student is ahead of others, which are other networks: unpaired."""
    return _found(difference_interval(ours, theirs), len(ours))


def _found(ends: Ends, seeds: int) -> dict[str, Any]:
    mean, low, high = ends
    return {"mean": mean, "seeds": seeds} | ({} if low is None else {"low": low, "high": high})


def verdict_of(space: str, students: Sequence[dict[str, Any]]) -> list[str]:
    """What came out, in plain sentences; the first of the students is the chosen one."""
    chosen = students[0]
    space = brief(space)
    lines = [f"{space}: the chosen student reaches {chosen['accuracy']:.2f} %{_ways(chosen)}"]
    lines += [f"{space}: {line}" for line in [*_worse(chosen), *_compared(chosen, students)]]
    return lines


def _ways(chosen: Mapping[str, Any]) -> str:
    """With the teacher and without, as far as both are known."""
    with_teacher, without, gain = (chosen[name] for name in ("with_teacher", "vanilla", "gain"))
    if gain is None:
        return "" if chosen["taught"] else " from labels alone"
    words = f" with the teacher, {np.mean(without):.2f} % without"
    if not chosen["taught"]:
        words = f" without the teacher, {np.mean(with_teacher):.2f} % with it"
    return words + f" ({gain['mean']:+.2f} points by the teacher, {_within(gain)})"


def _within(gain: Mapping[str, Any]) -> str:
    """The interval of a difference, and whether it leaves the sign open."""
    if "low" not in gain:
        return "one seed, no interval"
    note = ", includes 0" if _is_open(gain) else ""
    return (
        f"95 % interval {gain['low']:+.2f} to {gain['high']:+.2f} over {gain['seeds']} seeds{note}"
    )


def _is_open(gain: Mapping[str, Any]) -> bool:
    """Whether seeds leave the sign of a difference open; a single one does not tell."""
    return "low" in gain and bool(gain["low"] <= 0 <= gain["high"])


def _worse(chosen: Mapping[str, Any]) -> Iterator[str]:
    """Where the way that was chosen turned out to be the worse one, beyond chance or within."""
    taught, gain = chosen["taught"], chosen["gain"]
    if gain is None or (gain["mean"] >= 0) == taught or not gain["mean"]:
        return
    away, other = ("with", "from labels alone") if taught else ("without", "with it")
    if _is_open(gain):
        told = f"{other} the student is as good, as far as {gain['seeds']} seeds can tell, and"
    else:
        told = (
            f"{away} the teacher the student comes out worse, by {abs(gain['mean']):.2f} points "
            f"({_within(gain)}); the one that learnt {'from labels alone' if taught else 'from it'}"
        )
    yield f"{told} is exported, too (folder {OTHER[not taught]})"


def _compared(chosen: Mapping[str, Any], students: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for largest in (s for s in students if s["role"] == "largest"):
        called = largest.get("called") or "the largest that fits"
        if not _is_itself(chosen, largest):
            yield _far_from(called, chosen, [largest])
            continue
        same = (
            f"the same student {'with the teacher' if largest['taught'] else 'from labels alone'}"
        )
        if chosen["gain"] is None:
            yield _far_from(f"{called}, {same}", chosen, [largest])
        else:  # how far, paired by seed, was told with what the teacher adds
            yield f"{called} is {same}"
    random = [s for s in students if s["role"].startswith("random")]
    if random:
        yield _far_from("random students", chosen, random)


def _is_itself(chosen: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether another student is the chosen architecture, trained the other way."""
    return bool(chosen["taught"] != other["taught"] and chosen["arch"] == other["arch"])


def _far_from(role: str, chosen: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> str:
    gap = _gap_of(chosen["accuracies"], [a for each in others for a in each["accuracies"]])
    mean = chosen["accuracy"] - gap["mean"]
    if not gap["mean"]:
        return f"as good as {role} ({mean:.2f} %)"
    far = f"{abs(gap['mean']):.2f} points {'above' if gap['mean'] > 0 else 'below'}"
    return f"{far} {role} ({mean:.2f} %; {_within(gap)})"
