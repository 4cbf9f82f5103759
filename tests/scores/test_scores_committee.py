"""Two regressors that learn an order from few accuracies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau, norm, rankdata

from autodas.scores.committee import Committee, boosted_trees


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


def normal_scores(y: np.ndarray) -> np.ndarray:
    return norm.ppf((rankdata(y) - 0.5) / len(y))


def test_the_process_is_a_smooth_one_by_hand():
    """Matérn of 5/2 and noise on standardised features, of normal scores."""
    (x, y), (unseen, _) = made(30, 0), made(10, 1)
    process = Committee(0).fit(x, y)._process
    height, length, noise = np.exp(process.kernel_.theta)
    known, asked = ((each - x.mean(0)) / x.std(0) for each in (x, unseen))

    def covariance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        far = np.sqrt(5.0) * np.linalg.norm(a[:, None] - b[None], axis=2) / length
        return height * (1.0 + far + far**2 / 3.0) * np.exp(-far)

    weights = np.linalg.solve(
        covariance(known, known) + noise * np.eye(len(known)), normal_scores(y)
    )
    np.testing.assert_allclose(process.predict(asked), covariance(asked, known) @ weights, 1e-5)


def test_far_from_all_that_is_known_the_process_predicts_their_mean():
    """Where many are equally bad, the mean score is not that of the middle rank."""
    x, y = made(20, 0)
    y[:12] = 10.0
    mean = normal_scores(y).mean()
    assert abs(mean) > 0.01
    process = Committee(0).fit(x, y)._process
    assert process.predict(np.full((1, 6), 1e12)) == pytest.approx([mean], rel=1e-6)


def test_a_prediction_is_the_accuracy_of_the_mean_score_of_both():
    (x, y), (unseen, _) = made(30, 0), made(40, 1)
    committee = Committee(3).fit(x, y)
    trees = boosted_trees(3).fit(x, normal_scores(y)).predict(unseen)
    process = committee._process.predict((unseen - x.mean(0)) / x.std(0))
    score = (trees + process) / 2.0
    levels, known = np.sort(normal_scores(y)), np.sort(y)
    within = (levels[0] < score) & (score < levels[-1])
    assert within.sum() > 20
    found = committee.predict(unseen)
    np.testing.assert_allclose(found[within], np.interp(score[within], levels, known), rtol=1e-6)


def test_beyond_what_was_learnt_accuracies_go_on_with_the_mean_slope():
    x, y = made(40, 0)
    committee, levels = Committee(0).fit(x, y), normal_scores(y)
    slope = (y.max() - y.min()) / (levels.max() - levels.min())
    asked = np.array([levels.min() - 2.0, levels.min(), levels.max(), levels.max() + 0.5])
    expected = [y.min() - 2.0 * slope, y.min(), y.max(), y.max() + 0.5 * slope]
    np.testing.assert_allclose(committee._accuracy(asked), expected)
