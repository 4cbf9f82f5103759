"""The top of the list, and what a discovery may maximise, against counting by hand."""

import itertools

import numpy as np
import pytest

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok
from autodas.fitness import MEASURES, Goal, Objective, check_measure, top_of_list
from autodas.fitness.goodness import Goodness
from autodas.fitness.measures import judge_of

TRUTH = np.array([90.0, 92.0, 91.0, 85.0, 60.0, 10.0, 91.0, 50.0])


def by_hand(order, k):
    """nDCG, precision, best and regret of one ranking without ties, best first."""
    gains = 2.0 ** (TRUTH - TRUTH.max())
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.sort(gains)[::-1][:k] @ discounts
    least = np.sort(TRUTH)[-k]
    chosen = TRUTH[list(order[:k])]
    return (
        gains[list(order[:k])] @ discounts / ideal,
        min(1.0, np.mean(chosen >= least)),
        chosen.max(),
        TRUTH.max() - chosen.max(),
    )


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_the_top_is_what_counting_says(k):
    rng = np.random.default_rng(k)
    for _ in range(20):
        score = rng.permutation(len(TRUTH)).astype(float)
        found = top_of_list(score, TRUTH, k).value
        expected = by_hand(np.argsort(-score), k)
        assert (found.ndcg, found.precision, found.best, found.regret) == pytest.approx(expected)
        assert found.k == k


def test_a_perfect_score_has_all_and_a_point_less_counts_half():
    found = top_of_list(TRUTH, TRUTH, 3).value
    assert (found.ndcg, found.precision, found.regret) == pytest.approx((1, 1, 0))
    # The second best, a point below the best, at the one place there is.
    assert top_of_list([0, 0, 1, 0, 0, 0, 0, 0], TRUTH, 1).value.ndcg == pytest.approx(0.5)


def test_ties_are_the_mean_of_all_their_orders():
    score = np.array([3.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0])
    orders = [(0, *middle, *range(4, 8)) for middle in itertools.permutations((1, 2, 3))]
    expected = np.mean([by_hand(order, 3) for order in orders], axis=0)
    found = top_of_list(score, TRUTH, 3).value
    assert (found.ndcg, found.precision, found.best, found.regret) == pytest.approx(tuple(expected))


def test_a_list_is_half_of_what_is_known_at_most():
    unknown = np.array([*TRUTH[:5], np.nan, np.nan, np.nan])
    assert top_of_list(np.arange(8), unknown, 10).value.k == 2
    assert top_of_list(np.arange(8), TRUTH, 10).value.k == 4
    assert isinstance(top_of_list(np.ones(8), TRUTH), Failed)
    with pytest.raises(InvalidInput, match="at least 1 place, got 0"):
        top_of_list(TRUTH, TRUTH, 0)


def test_regret_is_counted_from_what_random_ones_lose():
    judge = judge_of("regret", TRUTH)
    assert judge(TRUTH).value == pytest.approx(1)
    score = np.array([1.0, 0, 0, 2, 3, 4, 0, 5])  # of the four, 85 is the best: 7 points lost
    subsets = list(itertools.combinations(TRUTH, 4))
    at_random = np.mean([92 - max(chosen) for chosen in subsets])
    assert judge(score).value == pytest.approx(max(-1, 1 - 7 / at_random))
    assert judge(-TRUTH).value >= -1


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_likes_the_truth_best(measure):
    rng = np.random.default_rng(0)
    goodness = Goodness(TRUTH, measure=measure)
    best = goodness(TRUTH + 1e-6 * np.arange(8)).value
    assert best > 0.95
    assert all(goodness(rng.normal(size=8)).value <= best + 0.05 for _ in range(30))
    assert isinstance(goodness(np.ones(8)), Failed)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_formula_may_be_turned_over_whatever_is_maximised(measure):
    objective = Objective([Goal("a", TRUTH)], measure=measure)
    upright, yes = objective.either_way({"a": TRUTH}).value
    turned, no = objective.either_way({"a": -TRUTH}).value
    assert (yes, no) == (True, False)
    assert turned.value == upright.value == objective({"a": TRUTH}).value.value


def test_measures_of_ones_own_are_functions_of_scores_and_accuracies(tmp_path, monkeypatch):
    (tmp_path / "my_fitness_21.py").write_text(
        "def first(score, truth):\n    return float(truth[score.argmax()])\n"
        "def broken(score, truth):\n    return 1 / 0\n"
        "def nothing(score, truth):\n    return float('nan')\n"
    )
    monkeypatch.chdir(tmp_path)
    assert judge_of("my_fitness_21:first", TRUTH)(-TRUTH) == Ok(10.0)
    with pytest.raises(InvalidInput, match=r"'my_fitness_21:broken' fails \(ZeroDivisionError"):
        judge_of("my_fitness_21:broken", TRUTH)(TRUTH)
    assert judge_of("my_fitness_21:nothing", TRUTH)(TRUTH).reason.endswith("is not finite")
    with pytest.raises(InvalidInput, match="my_fitness_21 has no function 'second'"):
        check_measure("my_fitness_21:second")
    with pytest.raises(InvalidInput, match=r"one of tau, rho, .* got 'kendal'"):
        check_measure("kendal")
    with pytest.raises(InvalidInput, match="'no_such_module' cannot be imported"):
        check_measure("no_such_module:f")


@pytest.mark.parametrize("k", [1, 3, 4])
def test_the_regret_of_random_ones_is_the_mean_over_all_of_their_sets(k):
    lost = [92.0 - max(chosen) for chosen in itertools.combinations(TRUTH, k)]
    assert top_of_list(TRUTH, TRUTH, k).value.random == pytest.approx(np.mean(lost))


def test_the_share_gained_back_is_of_what_random_ones_lose():
    truth = [0.0, 0.0, 0.0, 0.0, 2.0, 8.0]
    judge = judge_of("regret", truth)
    # Of 20 sets of three ten have the 8, six have the 2 without it, and four have neither.
    at_random = (6 * 6.0 + 4 * 8.0) / 20
    assert judge([3.0, 2.0, 1.0, 0.0, 4.0, 0.0]).value == pytest.approx(1 - 6.0 / at_random)
    assert judge([3.0, 2.0, 4.0, 0.0, 1.0, 0.0]).value == -1.0  # 1 - 8 / 3.4 is less
    most_are_best = judge_of("regret", [1.0, 1.0, 1.0, 0.0])([1.0, 2.0, 3.0, 4.0])
    assert most_are_best == Failed("the best of random ones is the best of all")


def test_ten_are_looked_at_unless_more_or_fewer_are_asked_for():
    rng = np.random.default_rng(0)
    truth, score = rng.normal(size=(2, 60))
    assert top_of_list(score, truth).value == top_of_list(score, truth, 10).value
    assert top_of_list(score, truth).value.k == 10
    lost = truth.max() - truth[np.argsort(-score)[:10]].max()
    assert top_of_list(score, truth).value.regret == pytest.approx(lost)


@pytest.mark.parametrize(
    "name",
    ["json", "json:", ":loads", "json.:loads", ".json:loads", "json:a.b", "j-n:loads", "a b:c"],
)
def test_what_is_no_name_of_a_function_is_not_looked_for(name):
    with pytest.raises(InvalidInput, match=r"must be one of tau, rho, .* or module:function, got"):
        check_measure(name)


def test_of_an_error_of_ones_own_measure_the_first_line_is_told(tmp_path, monkeypatch):
    (tmp_path / "my_fitness_22.py").write_text(
        "def wordy(score, truth):\n    raise ValueError('what is wrong\\nwhere\\nwhy')\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match=r"fails \(ValueError: what is wrong\)$"):
        judge_of("my_fitness_22:wordy", TRUTH)(TRUTH)
