"""What choosing costs: the expected best by enumeration, and rules for ties."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput
from autodas.fitness import budgets_of, expected_best, top1_regret

few = st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 2)), min_size=1, max_size=6)


@given(few, st.data())
def test_the_expected_best_is_that_over_all_ways_to_break_ties(rows, data):
    values, order = np.array(rows, dtype=float).T
    k = data.draw(st.integers(1, len(rows)))
    best = [
        max(values[list(sorted(ranking, key=lambda i: -order[i])[:k])])
        for ranking in itertools.permutations(range(len(rows)))
    ]
    assert expected_best(values, order, k) == pytest.approx(np.mean(best))


@pytest.mark.parametrize("k", [0, 3])
def test_one_can_take_no_more_than_there_are(k):
    with pytest.raises(InvalidInput, match=r"k must lie in \[1, 2\]"):
        expected_best([1.0, 2.0], [1.0, 2.0], k)


def test_the_top_five_percent_by_hand():
    # 40 architectures: two are trained. The score puts the best second.
    truth = np.arange(40.0)
    score = truth.copy()
    score[[39, 5]] = 39.0, 40.0
    size = -truth
    found = top1_regret(score, truth, size, [0.0]).value[0]
    assert (found.score, found.chosen, found.ties) == (34.0, 5, 1)
    assert found.top5.k == 2
    assert found.top5.score == 0.0
    assert found.largest == 39.0
    assert found.top5.largest == 38.0
    pairs = [39.0 - max(a, b) for a, b in itertools.combinations(truth, 2)]
    assert found.top5.random == pytest.approx(np.mean(pairs))
    assert found.random == pytest.approx(19.5)


def test_nobody_chooses_an_architecture_of_unknown_accuracy():
    truth = [np.nan, 70.0, 72.0, 71.0]
    found = top1_regret([9.0, 1.0, 2.0, 2.0], truth, [1.0, 1.0, 1.0, 1.0], [1.0]).value[0]
    assert (found.n, found.chosen, found.ties, found.score) == (3, 2, 2, 0.5)
    assert found.top5.k == 1


def test_a_perfect_score_loses_nothing_and_random_gains_from_trying_more():
    rng = np.random.default_rng(0)
    truth, size = rng.normal(size=200), rng.normal(size=200)
    found = top1_regret(truth, truth, size).value
    assert len(found) >= 4
    for each in found:
        assert each.score == each.top5.score == 0.0
        assert each.top5.random < each.random
        assert each.top5.k == np.ceil(each.n / 20)


def test_all_may_fit_a_budget_and_no_more_than_all():
    cost = np.arange(1.0, 9.0)
    assert budgets_of(cost, (0.01, 1.0)) == [1.0, 8.0]
    with pytest.raises(InvalidInput, match=r"shares must lie in \(0, 1\]"):
        budgets_of(cost, (1.01,))


@pytest.mark.parametrize("k", [1, 2, 3, 7, 9])
def test_of_equals_exactly_their_value_is_expected(k):
    assert expected_best([91.3] * 10, np.zeros(10), k) == 91.3
    # Of any two at least one is among the best three.
    assert expected_best([91.3] * 10 + [4.7], np.zeros(11), k + 1) == 91.3
