"""Many comparisons at once: how many of those called better are so by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["controlled", "false_discovery_rates", "two_sided_p"]

LEVEL = 0.05


def false_discovery_rates(p_values: Sequence[float]) -> npt.NDArray[np.float64]:
    """``(m,)`` the least rate of false discoveries at which each comparison is one.

    Source: Benjamini and Hochberg, JRSS B 57, 1995; it holds for the positively dependent
    comparisons of scores on the same architectures (Benjamini and Yekutieli, 2001).

    Args:
        p_values: ``(m,)`` in (0, 1].
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    ranks = np.arange(len(p), 0, -1)
    found = np.empty(len(p))
    found[order] = np.minimum.accumulate(p[order] * len(p) / ranks)
    return found


def two_sided_p(samples: npt.NDArray[np.float64]) -> float | None:
    """Bootstrap p-value of a difference of 0: twice the share of resamples beyond 0, never 0.

    Source: Davison and Hinkley, "Bootstrap Methods and their Application", 1997.

    Args:
        samples: ``(R,)`` differences of resamples; NaN where undefined.

    Returns:
        In (0, 1]; None if all that are defined are 0.
    """
    defined = samples[np.isfinite(samples)]
    if not defined.any():
        return None
    beyond = min(int((defined <= 0.0).sum()), int((defined >= 0.0).sum()))
    return min(1.0, 2.0 * (1 + beyond) / (len(defined) + 1))


def controlled(rows: Sequence[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    """Rows of one run, of which only so many are called better or worse that at most 5 % of them
    are expected to be so by chance.

    Args:
        rows: With ``{name}_p`` and ``significance`` (better, worse or open) where there is a
            difference of that name.
        name: Of the difference.

    Returns:
        Copies, with the rate of each as ``{name}_q``.
    """
    tested = [i for i, row in enumerate(rows) if row.get(f"{name}_p") is not None]
    rates = false_discovery_rates([rows[i][f"{name}_p"] for i in tested])
    found = [dict(row) for row in rows]
    for i, rate in zip(tested, rates, strict=True):
        found[i][f"{name}_q"] = float(rate)
        if rate > LEVEL:
            found[i]["significance"] = "open"
    return found
