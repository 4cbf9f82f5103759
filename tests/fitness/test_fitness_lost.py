"""Intervals of what a choice loses: resamples in which somebody else is the best that was drawn."""

import warnings

import numpy as np
import pytest

from autodas.fitness import lost_by_top, lost_on_average, top1_regret, top_of_list
from autodas.fitness.bootstrap import Resamples


def drawn(*weights):
    found = Resamples.whole(len(weights[0]))
    found.weights = np.array(weights, dtype=np.float32)
    return found


def test_each_resample_chooses_among_those_that_it_has_drawn():
    score, truth = [3.0, 2.0, 2.0, 1.0], [70.0, 80.0, 76.0, 90.0]
    regrets = top1_regret(score, truth, [1.0, 1, 1, 1], [1.0]).value
    # All once: 70 is taken of a best of 90 and a mean of 79. Without the first: the mean of the
    # two that tie, one of them twice, 236/3 of 90, mean 326/4. Only the last: nothing is lost.
    resamples = drawn([1, 1, 1, 1], [0, 2, 1, 1], [0, 0, 0, 4])
    for name, value, samples in (
        ("lost", 20.0, [20.0, 90 - 236 / 3, 0.0]),
        ("lost_top5", 20.0, [20.0, 90 - 236 / 3, 0.0]),  # one of twenty
        ("over_random", -9.0, [-9.0, 236 / 3 - 326 / 4, 0.0]),
        ("largest_lost", 11.0, [11.0, 90 - 326 / 4, 0.0]),  # all are as large
        ("random_lost", 11.0, [11.0, 90 - 326 / 4, 0.0]),
    ):
        found = lost_on_average(score, truth, [1.0, 1, 1, 1], regrets, resamples)[name]
        assert found.value == value
        assert (found.low, found.high) == pytest.approx(np.quantile(samples, [0.025, 0.975]))


@pytest.mark.parametrize(
    ("score", "lost"),
    [
        # The best two: 80 of 90. One is drawn thrice, and takes both places. The last, twice.
        ([4.0, 3.0, 2.0, 1.0], [10.0, 20.0, 0.0]),
        # The second place is anybody's: 80, or 76 beside 70. Copies of the first take both places.
        # Two of the third and two of the last: both places are among the former.
        ([4.0, 3.0, 3.0, 1.0], [90 - (80 + 76) / 2, 20.0, 14.0]),
    ],
)
def test_the_best_of_the_first_k_is_that_of_the_first_k_drawn(score, lost):
    truth = [70.0, 80.0, 76.0, 90.0]
    resamples = drawn(
        [1, 1, 1, 1], [3, 0, 0, 1], [0, 0, 2, 2] if score[1] == 3 == score[2] else [0, 0, 0, 4]
    )
    top = top_of_list(score, truth, 2).value
    assert top.regret == lost[0]
    found = lost_by_top(score, truth, top, resamples)
    assert found.value == lost[0]
    assert (found.low, found.high) == pytest.approx(np.quantile(lost, [0.025, 0.975]))


def test_with_and_without_ties_come_to_the_same():
    """A hair's breadth between equal scores decides them as one of both orders would."""
    rng = np.random.default_rng(1)
    truth, score = rng.normal(70, 5, size=50), rng.permutation(50).astype(float)
    top, resamples = top_of_list(score, truth, 7).value, Resamples(50)
    tied = np.concatenate([score, [score.min() - 1] * 2])  # two more, last and equal
    worst = np.concatenate([truth, [0.0, 0.0]])
    more = Resamples.whole(52)
    more.weights = np.concatenate([resamples.weights, np.zeros((1000, 2), np.float32)], axis=1)
    assert lost_by_top(tied, worst, top, more) == lost_by_top(score, truth, top, resamples)


def test_means_over_budgets_are_those_of_the_table_and_lie_within():
    rng = np.random.default_rng(0)
    truth, size = rng.normal(70, 5, size=60), rng.uniform(1, 2, size=60)
    truth[3] = np.nan
    score = truth + rng.normal(0, 4, size=60)
    score[3] = 0.0
    regrets = top1_regret(score, truth, size).value
    found = lost_on_average(score, truth, size, regrets, Resamples(59))
    assert found["lost"].value == pytest.approx(np.mean([each.score for each in regrets]))
    gap = [each.random - each.score for each in regrets]
    assert found["over_random"].value == pytest.approx(np.mean(gap))
    for each in found.values():
        assert each.low < each.value < each.high
    assert lost_on_average(np.full(60, np.nan), truth, size, regrets, Resamples(59)) == {}


def test_a_resample_without_anybody_who_fits_is_left_out_and_warns_nobody():
    score, truth, cost = [1.0, 3.0, 2.0, 4.0], [70.0, 80.0, 76.0, 90.0], [1.0, 2.0, 3.0, 4.0]
    regrets = top1_regret(score, truth, cost, [2.0, 4.0]).value
    # All: 80 of the cheap two, whose mean is 75, and 90 of all, whose mean is 79. Of the cheap two
    # the first only: 70, and 90 of all, the third twice among them, whose mean is 78.
    resamples = drawn([0, 0, 2, 2], [1, 1, 1, 1], [1, 0, 2, 1], [0, 0, 0, 4])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = lost_on_average(score, truth, cost, regrets, resamples)
    for name, samples in (
        ("lost", [0.0, 0.0]),
        ("over_random", [(5.0 + 11.0) / 2, (0.0 + 12.0) / 2]),
        ("random_lost", [(5.0 + 11.0) / 2, (0.0 + 12.0) / 2]),
        ("largest_lost", [0.0, 0.0]),
    ):
        ends = np.quantile(samples, [0.025, 0.975])
        assert (found[name].low, found[name].high) == pytest.approx(ends)
    assert lost_on_average(score, truth, cost, [], resamples) == {}
