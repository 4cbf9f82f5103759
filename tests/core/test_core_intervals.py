"""Intervals over seeds: Student's of means, Welch's of differences."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from autodas.core.intervals import difference_interval, mean_interval


def test_intervals_of_means_are_those_of_student():
    mean, low, high = mean_interval([1.0, 2.0, 3.0, 4.0])
    expected = stats.t.interval(0.95, 3, loc=2.5, scale=stats.sem([1, 2, 3, 4]))
    assert (mean, low, high) == pytest.approx((2.5, *expected))
    assert mean_interval([1.0]) == (1.0, None, None)
    assert mean_interval([]) == (None, None, None)
    assert not math.isnan(mean_interval([0.5, 0.5])[1] or 0.0)


def test_intervals_of_differences_are_those_of_welch():
    # Variances 0.04 and 0.02: standard error sqrt(0.04/3 + 0.02/2) = 0.15275 with
    # 0.023333^2 / (0.013333^2/2 + 0.01^2/1) = 2.88235 degrees of freedom, quantile 3.2562.
    found = difference_interval([96.0, 96.2, 96.4], [95.0, 95.2])
    assert found == pytest.approx((1.1, 1.1 - 0.4974, 1.1 + 0.4974), abs=2e-4)
    assert difference_interval([2.0, 2.0], [1.0, 1.0]) == (1.0, 1.0, 1.0)
    # One side alone does not vary: standard error sqrt(0.5/2) = 0.5, one degree of freedom, 12.706.
    for ours, theirs in (([2.0, 2.0], [0.5, 1.5]), ([1.5, 2.5], [1.0, 1.0])):
        found = difference_interval(ours, theirs)
        assert found == pytest.approx((1.0, 1.0 - 6.353, 1.0 + 6.353), abs=2e-3)


@pytest.mark.parametrize(("ours", "theirs"), [([3.0], [1.0, 2.0]), ([3.0, 3.0], [1.5])])
def test_a_single_training_has_no_interval(ours, theirs):
    assert difference_interval(ours, theirs) == (1.5, None, None)
