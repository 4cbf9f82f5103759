"""What is lost to the best of noisy trainings, and how sure that is."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.teachers_regret import interval, lost, lost_crossed, share


def test_what_is_lost_is_beside_the_best_mean():
    accuracy = np.array([[[10.0, 20.0], [30.0, 10.0]], [[50.0, 50.0], [40.0, 44.0]]])
    assert lost(accuracy, np.array([0, 1])).tolist() == [5.0, 8.0]


def test_crossed_the_best_of_one_training_is_judged_by_the_other():
    accuracy = np.array([[[10.0, 20.0], [30.0, 10.0]], [[50.0, 50.0], [40.0, 44.0]]])
    # Of the first student each training likes the way that is worse in the other.
    assert lost_crossed(accuracy, np.array([0, 1])).tolist() == [-5.0, 8.0]


def test_three_trainings_are_judged_by_each_in_turn():
    accuracy = np.array([[[1.0, 2.0, 9.0], [4.0, 4.0, 4.0]]])
    # Best by the last two (5.5 and 4) the first, by 1 and 9 the first, by 1 and 2 the second.
    assert lost_crossed(accuracy, np.array([1]))[0] == pytest.approx((-3 - 2 + 0) / 3)


def test_one_training_cannot_be_crossed():
    with pytest.raises(ValueError, match="two trainings"):
        lost_crossed(np.zeros((3, 2, 1)), np.zeros(3, int))


def test_luck_flatters_the_best_mean_and_not_the_crossed():
    rng = np.random.default_rng(0)
    equal = rng.normal(50, 2, (4000, 11, 2))  # all ways are as good
    chosen = np.zeros(4000, int)
    assert lost(equal, chosen).mean() > 1.5
    assert abs(lost_crossed(equal, chosen).mean()) < 0.2  # six deviations of the mean


def test_an_interval_is_over_students():
    assert interval([np.full(9, 2.0), np.full(5, 4.0)]) == [3.0, 3.0, 3.0]
    mean, low, high = interval([np.array([0.0, 10.0] * 8)])
    assert (mean, low) == (5.0, pytest.approx(2.5, abs=0.7))
    assert high == pytest.approx(7.5, abs=0.7)


def test_a_share_draws_the_same_students_of_both():
    whole = np.array([1.0, 2.0, 30.0, 4.0])
    assert share([whole / 2], [whole]) == pytest.approx([50.0, 50.0, 50.0])
    mean, low, high = share([whole, whole[:2]], [2 * whole, np.full(2, 1.5)])
    assert mean == pytest.approx(100 * (9.25 + 1.5) / (18.5 + 1.5))
    assert low < mean < high
