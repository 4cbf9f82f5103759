"""Many comparisons at once: how many of those called better are so by chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["LEVEL", "false_discovery_rates"]

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
    found[order] = np.minimum(1.0, np.minimum.accumulate(p[order] * len(p) / ranks))
    return found
