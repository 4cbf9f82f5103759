"""What a distillation run says: accuracies, what the teacher adds, plain sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

__all__ = ["gain_of", "verdict_of"]


def gain_of(taught: Sequence[float], vanilla: Sequence[float] | None) -> dict[str, Any] | None:
    """What the teacher adds: mean difference of trainings of the same seeds, in points.

    Args:
        taught: Accuracies with the teacher, by seed.
        vanilla: Without, by the same seeds; None if there are none.

    Returns:
        ``mean``, ``seeds``, and with two seeds or more ``low`` and ``high``: the interval of
        Student's t for the mean difference, 95 %; None without ``vanilla``.
    """
    if not vanilla:
        return None
    difference = np.subtract(taught, vanilla)
    found: dict[str, Any] = {"mean": float(difference.mean()), "seeds": len(difference)}
    if len(difference) > 1:
        error = float(difference.std(ddof=1)) / len(difference) ** 0.5
        reach = float(stats.t.ppf(0.975, len(difference) - 1)) * error
        found |= {"low": found["mean"] - reach, "high": found["mean"] + reach}
    return found


def verdict_of(space: str, students: Sequence[dict[str, Any]]) -> list[str]:
    """What came out, in plain sentences."""
    chosen = students[0]
    lines = [f"{space}: the chosen student reaches {chosen['accuracy']:.2f} %"]
    if chosen["vanilla"]:
        lines[0] += f" with the teacher, {np.mean(chosen['vanilla']):.2f} % without"
    gain = chosen.get("gain")
    if gain is not None and "low" in gain:
        lines[0] += (
            f" ({gain['mean']:+.2f} points, 95 % interval {gain['low']:+.2f} to "
            f"{gain['high']:+.2f} over {gain['seeds']} seeds)"
        )
    for role, others in (
        ("the largest that fits", [s for s in students if s["role"] == "largest"]),
        ("random students", [s for s in students if s["role"].startswith("random")]),
    ):
        if others:
            mean = float(np.mean([s["accuracy"] for s in others]))
            gap = chosen["accuracy"] - mean
            far = (
                f"{abs(gap):.2f} points {'above' if gap > 0 else 'below'}" if gap else "as good as"
            )
            lines.append(f"{space}: {far} {role} ({mean:.2f} %)")
    return lines
