"""What an honest table says, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["verdict"]


def verdict(rows: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    """One sentence per (space, target): does ``name`` beat the number of parameters?

    Args:
        rows: Rows of the honest table.
        name: The score to judge.
    """
    return [_sentence(row, rows) for row in rows if row["score"] == name]


def _sentence(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    where = f"On {row['space']} ({row['target']}, {row['n']} unseen architectures)"
    if row["tau"] is None:
        return f"{where} the proxy gives no ranking: {row['failed']}."
    low, high = row["delta_params_low"], row["delta_params_high"]
    size = next(
        r["tau"]
        for r in rows
        if r["score"] == "params" and (r["space"], r["target"]) == (row["space"], row["target"])
    )
    compared = f"τ {row['tau']:.2f} against {size:.2f} for #params"
    interval = f"difference {row['delta_params']:+.2f}, 95 % interval {low:+.2f} to {high:+.2f}"
    if low > 0:
        judged = "the proxy beats #params"
    elif high < 0:
        judged = "the proxy is worse than #params"
    elif row["delta_params"] > 0:
        judged = "the proxy is not shown to beat #params"
    else:
        judged = "the proxy does not beat #params"
    return f"{where} {judged}: {compared} ({interval})."
