"""LIBRA: which three scores it takes, and what it makes of them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from autodas.scores.libra import Libra, binned, information_gain

N = 64


def ranks(*values):
    return np.column_stack([rankdata(each) / len(each) for each in values])


def noisy(values, noise, seed):
    return values + noise * np.random.default_rng(seed).normal(size=len(values))


@pytest.fixture
def truth():
    return np.random.default_rng(0).normal(size=N)


def test_the_first_orders_best_and_what_is_far_behind_is_not_taken(truth):
    size, best, opposite = noisy(truth, 3.0, 1), noisy(truth, 0.1, 2), -truth
    libra = Libra().fit(ranks(size, best, opposite), truth)
    assert libra.chosen == [1], "no other is within 0.1 of it"


def test_the_second_says_least_that_is_new(truth):
    size = noisy(truth, 4.0, 1)
    best, other = noisy(truth, 0.2, 2), noisy(truth, 0.25, 3)
    echo = noisy(best, 0.01, 4)
    libra = Libra().fit(ranks(size, other, best, echo), truth)
    assert sorted(libra.chosen[:2]) == [2, 3], "an echo of the best rather than another view"
    assert libra.chosen[2] == 1


def test_the_third_is_as_close_to_size_as_the_accuracies_are(truth):
    """Of two that order accuracies alike, the one that does not lean on size where they do not."""
    size = np.random.default_rng(1).normal(size=N)
    best = noisy(truth, 0.15, 2)
    lean, plain = truth + 0.3 * size, noisy(truth, 0.3, 3)
    x = ranks(size, lean, best, noisy(best, 0.01, 4), plain)
    libra = Libra().fit(x, truth)
    assert sorted(libra.chosen[:2]) == [2, 3]
    bias = spearmanr(size, truth).statistic
    far = {h: abs(bias - spearmanr(size, x[:, h]).statistic) for h in (1, 4)}
    assert libra.chosen[2] == min(far, key=far.get)


def test_predictions_are_accuracies_in_the_order_of_the_summed_logarithms(truth):
    x = ranks(noisy(truth, 4.0, 1), *(noisy(truth, 0.3, seed) for seed in (2, 3, 4)))
    libra = Libra().fit(x[:40], 50 + truth[:40])
    assert len(libra.chosen) == 3
    found = libra.predict(x[40:])
    summed = sum(np.log(x[40:, h]) for h in libra.chosen)
    assert np.argsort(found).tolist() == np.argsort(summed).tolist()
    assert np.abs(found - 50 - truth[40:]).mean() < 0.7


def test_the_information_gain_is_that_of_a_table_by_hand():
    """Two bits that decide a third together, and nothing alone."""
    one, other = np.array([0, 0, 1, 1] * 2), np.array([0, 1, 0, 1] * 2)
    together = one ^ other
    assert information_gain(together, one, other) == pytest.approx(np.log(2))
    assert information_gain(together, one, one) == pytest.approx(0.0, abs=1e-12)
    assert information_gain(one, one, other) == pytest.approx(0.0, abs=1e-12)
    # 6 of 8 known from `given`; of the other two, `new` says which.
    of = np.array([0, 0, 0, 0, 1, 1, 0, 1])
    given, new = np.array([0, 0, 0, 0, 1, 1, 2, 2]), np.array([0, 0, 0, 0, 0, 0, 0, 1])
    assert information_gain(of, given, new) == pytest.approx(2 / 8 * np.log(2))


def test_bins_hold_equally_many_and_equal_values_share_theirs():
    values = np.random.default_rng(0).permutation(64).astype(float)
    found = binned(values)
    assert found.max() == 6, "seven bins of 64"
    assert (np.bincount(found) >= 9).all()
    assert (np.diff(found[np.argsort(values)]) >= 0).all()
    assert len(set(binned(np.array([1.0, 1.0, 1.0, 5.0]))[:3])) == 1


def test_a_score_that_does_not_vary_is_no_error(truth):
    flat = np.full(N, 0.5)
    libra = Libra().fit(np.column_stack([flat, ranks(truth)]), truth)
    assert libra.chosen == [1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        equal = Libra().fit(ranks(truth, truth), np.full(N, 3.0))
    assert equal.chosen == [0, 1], "none orders them better than another"
    assert equal.predict(ranks(truth, truth)) == pytest.approx(np.full(N, 3.0))


def test_the_unit_of_accuracies_is_of_no_account(truth):
    x = ranks(noisy(truth, 4.0, 1), *(noisy(truth, 0.3, seed) for seed in (2, 3, 4)))
    shares = (truth - truth.min()) / np.ptp(truth)
    assert np.ptp(shares) == 1.0
    assert Libra().fit(x, shares).chosen == Libra().fit(x, 100 * shares).chosen
