"""Rank correlations: equal to scipy's, with rules for what scipy leaves open."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok
from autodas.fitness import TauAgainst, correlate, gaps_last
from autodas.fitness.correlation import LARGEST_MASK, best_first

small = st.integers(-3, 3).map(float)
pairs = st.lists(st.tuples(small, small), min_size=3, max_size=40)


@given(pairs)
def test_the_fast_tau_equals_scipys_with_any_ties(rows):
    x, y = np.array(rows).T
    found = TauAgainst(y)(x)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert isinstance(found, Failed)
    else:
        assert found.value == pytest.approx(scipy.stats.kendalltau(x, y).statistic, abs=1e-12)


@given(pairs)
def test_both_taus_agree_about_failures_too(rows):
    x, y = np.array(rows).T
    slow, fast = correlate(x, y), TauAgainst(y)(x)
    if isinstance(slow, Failed):
        assert fast == slow
    else:
        assert fast.value == pytest.approx(slow.value.value, abs=1e-12)


@pytest.mark.parametrize("n", [LARGEST_MASK, LARGEST_MASK + 1, 3 * LARGEST_MASK])
def test_large_tables_give_the_same_tau(n):
    rng = np.random.default_rng(0)
    y = rng.integers(50, size=n).astype(float)
    x = y + rng.normal(size=n) * 20
    expected = scipy.stats.kendalltau(x, y).statistic
    assert TauAgainst(y)(x).value == pytest.approx(expected, abs=1e-12)


def test_perfect_orders_are_exactly_one():
    for n in range(3, 60):
        y = np.random.default_rng(n).permutation(n).astype(float)
        assert TauAgainst(y)(np.exp(y / n)) == Ok(1.0)
        assert TauAgainst(y)(-y) == Ok(-1.0)


def test_measures_equal_scipys():
    rng = np.random.default_rng(1)
    y = rng.integers(8, size=40).astype(float)
    x = y + rng.normal(size=40)
    assert correlate(x, y).value.value == scipy.stats.kendalltau(x, y).statistic
    assert correlate(x, y, "spearman").value.value == scipy.stats.spearmanr(x, y).statistic


def test_the_weighted_tau_counts_the_truly_best_most():
    y = np.arange(20.0)
    wrong_at_the_top, wrong_at_the_bottom = y.copy(), y.copy()
    wrong_at_the_top[[18, 19]] = 19.0, 18.0
    wrong_at_the_bottom[[0, 1]] = 1.0, 0.0
    top = correlate(wrong_at_the_top, y, "weighted_kendall").value.value
    bottom = correlate(wrong_at_the_bottom, y, "weighted_kendall").value.value
    assert top < bottom < 1.0
    expected = scipy.stats.weightedtau(wrong_at_the_top, y, rank=np.arange(19, -1, -1)).statistic
    assert top == pytest.approx(expected)
    rng = np.random.default_rng(3)
    x = rng.normal(size=20)
    expected = scipy.stats.weightedtau(x, y, rank=np.arange(19, -1, -1)).statistic
    assert correlate(x, y, "weighted_kendall").value.value == pytest.approx(expected)


def test_gaps_in_the_truth_are_left_out_and_counted():
    rng = np.random.default_rng(2)
    y, x = rng.normal(size=30), rng.normal(size=30)
    y[[3, 7, 20]] = np.nan
    x[3] = np.nan  # unknown truth: what the score says there does not matter
    known = np.isfinite(y)
    expected = scipy.stats.kendalltau(x[known], y[known]).statistic
    found = correlate(x, y)
    assert found.value.n == 27
    assert found.value.value == pytest.approx(expected, abs=1e-12)
    assert TauAgainst(y).n == 27
    assert TauAgainst(y)(x).value == pytest.approx(expected, abs=1e-12)


def both(x, y):
    return [correlate(x, y), correlate(x, y, "spearman"), TauAgainst(y)(x)]


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        ([1, 1, 1, 1], [1, 2, 3, 4], "constant score"),
        ([1, 2, 3, 4], [5, 5, 5, 5], "constant truth"),
        ([1, 2], [1, 2], "fewer than 3 architectures"),
        ([1, 2, 3, 4], [1, 2, np.nan, np.nan], "fewer than 3 architectures"),
        ([], [], "fewer than 3 architectures"),
        ([1, np.nan, 3, 4], [1, 2, 3, 4], "score is not finite everywhere"),
        ([1, np.inf, 3, 4], [1, 2, 3, 4], "score is not finite everywhere"),
        ([1, 1, 1, 2], [1, 2, 3, np.nan], "constant score"),
    ],
)
def test_what_has_no_correlation_fails_with_a_reason(x, y, reason):
    for found in both(x, y):
        assert isinstance(found, Failed)
        assert found.reason == reason


def test_a_large_table_has_the_same_rules():
    y = np.arange(LARGEST_MASK + 1.0)
    assert TauAgainst(y)(np.ones_like(y)).reason == "constant score"
    assert TauAgainst(np.ones_like(y))(y).reason == "constant truth"


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInput, match=r"one shape \(A,\), got \(3,\) and \(4,\)"):
        correlate([1, 2, 3], [1, 2, 3, 4])
    with pytest.raises(InvalidInput, match=r"must have the shape \(4,\), got \(3,\)"):
        TauAgainst([1, 2, 3, 4])([1, 2, 3])
    with pytest.raises(InvalidInput, match=r"shape \(A,\), got \(2, 2\)"):
        TauAgainst([[1, 2], [3, 4]])
    with pytest.raises(InvalidInput, match="unknown measure 'pearson'"):
        correlate([1, 2, 3], [1, 2, 3], "pearson")


def test_gaps_can_be_put_last():
    ranked = gaps_last([5.0, np.nan, -1e300, np.inf, 7.0])
    assert np.argsort(ranked[[2, 0, 4]]).tolist() == [0, 1, 2]
    assert ranked[1] == ranked[3] < ranked[2]
    assert gaps_last([3.0, 1.0]).tolist() == [3.0, 1.0]
    assert np.isnan(gaps_last([np.nan, np.nan])).all()


def test_the_score_is_not_changed():
    x = np.array([1.0, np.nan, 2.0])
    gaps_last(x)
    assert np.isnan(x[1])


def test_the_best_has_the_first_rank_and_equal_ones_keep_their_order():
    assert best_first(np.array([2.0, 5.0, 2.0, 7.0])).tolist() == [2, 1, 3, 0]
