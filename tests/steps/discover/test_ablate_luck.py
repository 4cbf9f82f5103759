"""Differences of discoveries, and how much of them is luck of seeds and of architectures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from autodas.steps.discover.ablate.luck import interval_and_p, scores_of, spread, spread_of_mean


def test_without_architectures_it_is_the_t_test_of_the_seeds():
    # Mean 0.04, standard error 0.01 / sqrt(3): t = 6.928 with two degrees of freedom.
    values = [0.03, 0.04, 0.05]
    (mean, low, high), p = interval_and_p(values, 0.0)
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 2, mean, stats.sem(values)))
    assert p == pytest.approx(0.0202, abs=1e-4)
    assert interval_and_p([0.1], 0.3) == ((0.1, None, None), None)
    assert interval_and_p([], 0.0) == ((None, None, None), None)
    assert interval_and_p([0.1, 0.1], 0.0) == ((0.1, 0.1, 0.1), 0.0)
    assert interval_and_p([0.0, 0.0], 0.0)[1] == 1.0


def test_both_kinds_of_luck_add_up_as_variances():
    # Of the seeds 0.01^2 / 3, of the architectures 0.05^2: 2.5333e-3, its root 0.050332, with
    # (2.5333e-3)^2 / ((3.3333e-5)^2 / 2) = 11552 degrees of freedom, quantile 1.9602.
    (mean, low, high), p = interval_and_p([0.03, 0.04, 0.05], 0.05)
    assert (mean, low, high) == pytest.approx((0.04, 0.04 - 0.09866, 0.04 + 0.09866), abs=1e-5)
    assert p == pytest.approx(2 * stats.norm.sf(0.04 / 0.050332), abs=1e-3)
    # Seeds that agree leave the architectures alone.
    (_, low, _), _ = interval_and_p([0.1, 0.1], 0.02)
    assert low == pytest.approx(0.1 - 1.959964 * 0.02)


@pytest.mark.parametrize("score", [None, [None, None]])
def test_a_proxy_that_is_not_defined_on_a_table_says_nothing_of_it(score):
    cloud = {"space": "s", "target": "t", "architectures": ["a", "b"], "score": score}
    cloud |= {"part": ["report", "report"], "accuracy": [50.0, 60.0]}
    assert scores_of({"scatter": [cloud]}, "s", "t") == {}


def test_architectures_are_drawn_for_both_sides_alike():
    rng = np.random.default_rng(0)
    accuracy = rng.normal(size=30)
    names = [f"a{i}" for i in range(30)]

    def scores(noise: float, seed: int) -> dict[str, tuple[float, float]]:
        drawn = accuracy + noise * np.random.default_rng(seed).normal(size=30)
        return dict(zip(names, zip(drawn, accuracy, strict=True), strict=True))

    good, other = {0: scores(0.3, 1), 1: scores(0.3, 2)}, {0: scores(2.0, 3), 1: scores(2.0, 4)}
    assert spread(good, good) == 0.0, "nothing differs, whoever is drawn"
    found = spread(good, other)
    # Drawn by hand, with the formula of scipy.
    rng, hand = np.random.default_rng(7), []
    for _ in range(300):
        rows = rng.integers(0, 30, 30)
        each = [
            stats.kendalltau(*np.array([mine[names[i]] for i in rows]).T).statistic
            for mine in (*good.values(), *other.values())
        ]
        hand.append((each[0] + each[1] - each[2] - each[3]) / 2)
    assert found == pytest.approx(np.std(hand), rel=0.2)
    # Only what both have, whatever its order; only seeds of both.
    fewer = {0: dict(list(other[0].items())[::-1]), 1: other[1], 2: {}}
    assert spread(good, fewer) == found
    assert spread(good, {0: {"b": (0.0, 1.0)}}) is None
    assert spread(good, {5: other[0]}) is None


def test_tables_of_one_space_share_their_luck():
    assert spread_of_mean([("a", 0.3), ("b", 0.4)]) == pytest.approx(0.25)
    assert spread_of_mean([("a", 0.3), ("a", 0.4)]) == pytest.approx(0.35)
    assert spread_of_mean([("a", None)]) == 0.0
    assert spread_of_mean([]) == 0.0


def test_scores_are_those_of_the_report_part_of_the_table():
    cloud = {
        "space": "s",
        "target": "t",
        "architectures": ["a", "b", "c", "d"],
        "part": ["report", "search", "report", "report"],
        "score": [1.0, 2.0, None, 4.0],
        "accuracy": [10.0, 20.0, 30.0, 40.0],
    }
    results = {"scatter": [cloud | {"target": "u", "score": [0.0] * 4}, cloud]}
    assert scores_of(results, "s", "t") == {"a": (1.0, 10.0), "d": (4.0, 40.0)}
    assert scores_of(results, "s", "v") == scores_of({}, "s", "t") == {}
