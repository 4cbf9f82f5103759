"""Scores that follow the last digits of their statistics are refused, others rounded."""

from __future__ import annotations

import numpy as np
import pytest

from autodas.core.results import Failed, Ok
from autodas.core.values import Column, Kind, Layout, Type
from autodas.expressions import Evaluator, parse, trembling

ARCHITECTURES = 40
VECTOR = Type(Kind.VECTOR, "layer")
GRAM = Type(Kind.GRAM, "layer", "sample")


def vector(values) -> Column:
    data = np.asarray(values, dtype=np.float64)
    per = data.shape[1]
    layout = Layout.of_segments([[()] * per] * len(data), [[1.0] * per] * len(data))
    return Column(VECTOR, data.reshape(-1), layout)


def grams(values) -> Column:
    layout = Layout.of_segments([[each.shape] for each in values], [[each.size] for each in values])
    return Column.of_arrays(GRAM, layout, list(values))


def draws(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal((ARCHITECTURES, *shape))


def judged(formula: str, **columns: Column):
    changed = {name: trembling(column, name) for name, column in columns.items()}
    return Evaluator(columns, double=True, trembling=Evaluator(changed)).evaluate(parse(formula))


def test_a_trembling_column_differs_a_little_and_only_where_it_is_not_whole():
    values = np.array([[0.0, 1.0, -7.0, 1024.0, 0.3, -0.3, 1e-9, 0.3]])
    changed = trembling(vector(values), "x").data
    assert changed[:4].tolist() == values[0, :4].tolist()
    moved = np.abs(changed / np.where(values[0] == 0, 1, values[0]) - 1)[4:]
    assert (moved > 0).all()
    assert (moved < 2.4e-10).all()
    assert changed[4] == -changed[5] == changed[7]


def moves(values, name="x"):
    return trembling(vector(values), name).data / values.reshape(-1) - 1


def test_changes_are_spread_evenly_and_other_ones_for_other_statistics():
    values = draws(500)
    changed, other = moves(values), moves(values, "y")
    for each in (changed, other, moves(2 * values)):
        assert abs(each.mean()) < 5e-12
        assert each.std() == pytest.approx(2.0**-32 / 3**0.5, rel=0.1)
        assert np.abs(each).max() < 2.4e-10
    assert abs(np.corrcoef(changed, other)[0, 1]) < 0.02


def test_the_last_digits_decide_little_of_a_change_but_something():
    values = draws(500)
    apart = moves(values * (1 + 1e-13)) - moves(values)
    assert np.mean(np.abs(apart) < 3e-11) > 0.99
    assert np.median(np.abs(apart)) > 1e-12


@pytest.mark.parametrize(
    "formula",
    [
        "layers_mean(x)",
        "layers_std(log(x))",
        "layers_sum(sub(x, y))",
        "layers_mean(reciprocal(x))",
        "layers_last(sign(x))",
    ],
)
def test_ordinary_formulas_stand_still(formula):
    assert isinstance(judged(formula, x=vector(draws(5)), y=vector(draws(5, seed=1))), Ok)


@pytest.mark.parametrize(
    "formula",
    [
        "layers_mean(sub(x, y))",  # nothing but what the last digits leave
        "layers_mean(log(sub(x, y)))",
        "layers_mean(sign(sub(x, y)))",
    ],
)
def test_differences_of_what_is_equal_but_for_rounding_are_refused(formula):
    values = draws(5)
    other = values * (1 + 2e-10 * draws(5, seed=1))
    assert judged(formula, x=vector(values), y=vector(other)) == Failed("decided by rounding")


def test_a_score_far_from_the_others_may_move_by_a_share_of_its_distance():
    values = draws(1)
    values[7, 0] = 1e9 / 3
    assert isinstance(judged("layers_last(x)", x=vector(values)), Ok)


def test_sums_that_vanish_in_exact_arithmetic_are_refused():
    values = draws(6)
    values -= values.mean(axis=1, keepdims=True)
    assert judged("layers_sum(x)", x=vector(values)) == Failed("decided by rounding")


def test_what_is_constant_but_for_rounding_has_no_shape():
    """Deviations of one statistic from its own mean, of which nothing is left."""
    values = draws(1) * (1 + 1e-9 * draws(6, seed=1))
    found = judged("div(layers_std(x), layers_mean(abs(x)))", x=vector(values))
    assert found == Failed("decided by rounding")


def test_without_double_precision_nothing_is_refused_or_rounded():
    values = draws(5)
    other = values * (1 + 2e-10 * draws(5, seed=1))
    columns = {"x": vector(values), "y": vector(other)}
    found = Evaluator(columns).evaluate(parse("layers_mean(sub(x, y))"))
    assert found.value == pytest.approx((values - other).mean(axis=1))
    plain = Evaluator(columns).evaluate(parse("layers_mean(x)")).value
    np.testing.assert_array_equal(plain, values.mean(axis=1))


def test_scores_are_in_single_precision_and_next_to_nothing_is_zero():
    values = draws(1)
    values[:3, 0] = 1e-9, -1e-12, 0.0
    found = judged("layers_last(x)", x=vector(values)).value
    assert found[:3].tolist() == [0.0, 0.0, 0.0]
    np.testing.assert_array_equal(found[3:], values[3:, 0].astype(np.float32))


def test_equal_scores_of_other_statistics_stay_equal():
    """2 · 6 channels are 3 · 4 channels, also in logarithms."""
    sizes = np.array([[2.0, 6.0], [3.0, 4.0], [12.0, 1.0]] * 4 + [[5.0, 7.0]] * 2)
    found = judged("layers_geometric_mean(x)", x=vector(sizes)).value
    assert len(set(found)) == 2


@pytest.mark.parametrize(
    "formula",
    [
        "layers_mean(mean(log(spectrum(g))))",
        "layers_mean(effective_rank(g))",
        "layers_mean(nuclear_norm(g))",
        "layers_mean(bures(g, h))",
    ],
)
def test_eigenvalues_beyond_the_rank_of_a_matrix_do_not_decide(formula):
    """Rank-deficient matrices, known to ten digits, have the same scores as if known exactly."""
    found = []
    for noise in (0.0, 1e-11):
        columns = {}
        for seed, name in enumerate("gh"):
            factors, shaken = draws(12, 4, seed=seed), draws(12, 12, seed=9)
            exact = factors @ factors.swapaxes(1, 2)
            columns[name] = grams(exact * (1 + noise * (shaken + shaken.swapaxes(1, 2))))
        found.append(judged(formula, **columns).value)
    np.testing.assert_allclose(*found, rtol=2e-7)
