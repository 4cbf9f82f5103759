"""How sure a mean over seeds, or the difference of two, is: 95 % intervals of Student's t."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from scipy import stats

__all__ = ["CONFIDENCE", "Ends", "difference_interval", "mean_interval"]

CONFIDENCE = 0.95
Ends: TypeAlias = tuple[float | None, float | None, float | None]
"""A value with the lower and the upper end of its interval; None of what there is not."""


def mean_interval(values: Sequence[float]) -> Ends:
    """The mean of values with its interval; no ends for a single value.

    Of differences of trainings with the same seeds it is the paired interval.
    """
    if not values:
        return None, None, None
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return mean, None, None
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(values) - 1)) * error
    return mean, mean - half, mean + half


def difference_interval(ours: Sequence[float], theirs: Sequence[float]) -> Ends:
    """The difference of two means with its interval (Welch, 1947); no ends for single values.

    Args:
        ours: At least one value.
        theirs: At least one value; variance and number may be others.
    """
    gap = float(np.mean(ours) - np.mean(theirs))
    if len(ours) < 2 or len(theirs) < 2:
        return gap, None, None
    if np.ptp(ours) == 0 and np.ptp(theirs) == 0:
        return gap, gap, gap
    between = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(CONFIDENCE)
    return gap, float(between.low), float(between.high)
