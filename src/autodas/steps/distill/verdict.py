"""What a training has shown: what the teacher adds, and how the chosen student compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

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
    difference = np.subtract(taught, vanilla)
    found: dict[str, Any] = {"mean": float(difference.mean()), "seeds": len(difference)}
    if len(difference) > 1:
        error = float(difference.std(ddof=1)) / len(difference) ** 0.5
        reach = float(stats.t.ppf(0.975, len(difference) - 1)) * error
        found |= {"low": found["mean"] - reach, "high": found["mean"] + reach}
    return found


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
    if "low" in gain:
        words += (
            f" ({gain['mean']:+.2f} points by the teacher, 95 % interval {gain['low']:+.2f} to "
            f"{gain['high']:+.2f} over {gain['seeds']} seeds)"
        )
    return words


def _worse(chosen: Mapping[str, Any]) -> Iterator[str]:
    """Where the way that was chosen turned out to be the worse one."""
    taught, gain = chosen["taught"], chosen["gain"]
    if gain is None or (gain["mean"] >= 0) == taught or not gain["mean"]:
        return
    seeds = f"{gain['seeds']} {'seed' if gain['seeds'] == 1 else 'seeds'}"
    yield (
        f"{'with' if taught else 'without'} the teacher the student is worse, by "
        f"{abs(gain['mean']):.2f} points over {seeds}; the one that learnt "
        f"{'from labels alone' if taught else 'from it'} is exported, too (folder "
        f"{OTHER[not taught]})"
    )


def _compared(chosen: Mapping[str, Any], students: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    largest = [s for s in students if s["role"] == "largest"]
    for role, others in (
        ((largest[0].get("called") if largest else "") or "the largest that fits", largest),
        ("random students", [s for s in students if s["role"].startswith("random")]),
    ):
        if others:
            mean = float(np.mean([s["accuracy"] for s in others]))
            gap = chosen["accuracy"] - mean
            far = (
                f"{abs(gap):.2f} points {'above' if gap > 0 else 'below'}" if gap else "as good as"
            )
            yield f"{far} {role} ({mean:.2f} %)"
