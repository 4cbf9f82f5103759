"""Two regressors that learn an order from few accuracies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from autodas.scores.committee import Committee


def made(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of which two decide, and accuracies from 10 to 90 percent."""
    x = np.random.default_rng(seed).normal(size=(rows, 6))
    order = x[:, 0] + np.abs(x[:, 1])
    return x, 10.0 + 80.0 * np.exp(order) / (1.0 + np.exp(order))


def test_accuracies_are_predicted_in_their_order_and_range():
    (x, y), (unseen, truth) = made(80, 0), made(200, 1)
    found = Committee(0).fit(x, y).predict(unseen)
    assert kendalltau(found, truth).statistic > 0.75
    assert np.abs(found - truth).mean() < 6.0


def test_the_order_of_accuracies_alone_decides_the_order_of_predictions():
    """A network that has learnt nothing is the last one, however far behind it is."""
    (x, y), (unseen, _) = made(60, 0), made(50, 1)
    far = np.where(y == y.min(), 0.001, y**3)
    found, other = (Committee(0).fit(x, each).predict(unseen) for each in (y, far))
    assert np.argsort(found).tolist() == np.argsort(other).tolist()


def test_beyond_the_best_that_was_learnt_from_better_stays_better():
    committee = Committee(0).fit(*made(40, 0))
    levels = np.linspace(-6.0, 6.0, 50)
    assert (np.diff(committee._accuracy(levels)) > 0).all()


def test_a_seed_decides_it_and_what_is_learnt_from_is_left_alone():
    x, y = made(40, 0)
    before = x.copy(), y.copy()
    found = [Committee(seed).fit(x, y).predict(x).tolist() for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    assert np.array_equal(x, before[0])
    assert np.array_equal(y, before[1])


def test_equal_accuracies_are_no_error():
    x, y = made(20, 0)
    y[:12] = 10.0
    assert np.isfinite(Committee(0).fit(x, y).predict(x)).all()
    assert Committee(0).fit(x, np.full(20, 50.0)).predict(x) == pytest.approx(np.full(20, 50.0))
