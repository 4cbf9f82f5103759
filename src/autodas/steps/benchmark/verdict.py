"""What an honest table says, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["verdict"]


def verdict(
    rows: Sequence[Mapping[str, Any]], name: str, *, called: str = "the proxy", unseen: bool = True
) -> list[str]:
    """One sentence per (space, target): does a score beat the number of parameters?

    Args:
        rows: Rows of the honest table.
        name: The score to judge.
        called: What the sentences call it.
        unseen: Whether nobody chose anything by looking at these architectures.
    """
    which = "unseen architectures" if unseen else "architectures"
    return [_sentence(row, called, which) for row in rows if row["score"] == name]


def _sentence(row: Mapping[str, Any], called: str, which: str) -> str:
    where = f"On {row['space']} ({row['target']}, {row['n']} {which})"
    if row["tau"] is None:
        return f"{where} {called} gives no ranking: {row['failed']}."
    delta, low, high = (row[f"delta_params{end}"] for end in ("", "_low", "_high"))
    if None in (delta, low, high):
        return f"{where} {called} reaches τ {row['tau']:.2f}; #params gives no ranking there."
    size = row["tau"] - delta
    if low > 0:
        judged = f"{called} beats #params"
    elif high < 0:
        judged = f"{called} is worse than #params"
    elif delta > 0:
        judged = f"{called} is not shown to beat #params"
    else:
        judged = f"{called} does not beat #params"
    return (
        f"{where} {judged}: τ {row['tau']:.2f} against {size:.2f} for #params "
        f"(difference {delta:+.2f}, 95 % interval {low:+.2f} to {high:+.2f})."
    )
