"""Size-controlled correlations on data of which the truth is known."""

import os

import numpy as np
import pytest
import scipy.stats

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed
from autodas.fitness import (
    Yardstick,
    budgets_of,
    correlate,
    tau_given_size,
    tau_within_bins,
    top1_regret,
)
from autodas.fitness.bootstrap import Resamples
from autodas.fitness.size_control import GivenSize
from autodas.tables import load_table


def world(seed, n=120, hidden=1.0):
    """Truth = size + hidden signal + noise; MACs go along with #params."""
    rng = np.random.default_rng(seed)
    size = rng.normal(size=n)
    signal = rng.normal(size=n)
    truth = 2.0 * size + hidden * signal + 0.3 * rng.normal(size=n)
    return np.exp(size), np.exp(size + 0.3 * rng.normal(size=n)), signal, truth


def test_a_function_of_size_has_nothing_left():
    params, macs, _, truth = world(0)
    for score in (params, -1.0 / params, np.sqrt(macs)):
        assert abs(correlate(score, truth).value.value) > 0.5
        found = tau_given_size(score, truth, params, macs).value
        assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_size_with_noise_has_nothing_significant_left():
    outside = 0
    for seed in range(60):
        params, macs, _, truth = world(seed)
        noise = np.random.default_rng(seed + 1000).normal(size=len(params))
        score = np.log(params) + 0.3 * noise
        found = tau_given_size(score, truth, params, macs, n_boot=200).value
        outside += not found.low <= 0.0 <= found.high
    assert outside <= 8


def test_a_hidden_signal_shows_when_size_is_accounted_for():
    params, macs, signal, truth = world(1)
    for score in (signal, signal + 5.0 * np.log(params), signal - 5.0 * np.log(params)):
        found = tau_given_size(score, truth, params, macs).value
        assert found.value > 0.5
        assert found.low > 0.35
    # ... which the plain correlation gets wrong in sign
    assert correlate(signal - 5.0 * np.log(params), truth).value.value < -0.3


def test_the_partial_tau_equals_a_regression_written_out():
    params, macs, signal, truth = world(2, n=50)
    score = signal + np.log(params)
    ranks = [scipy.stats.rankdata(each) for each in (score, truth, params, macs)]
    design = np.column_stack([np.ones(50), ranks[2], ranks[3]])
    left = [each - design @ np.linalg.lstsq(design, each, rcond=None)[0] for each in ranks[:2]]
    expected = scipy.stats.kendalltau(*left).statistic
    assert tau_given_size(score, truth, params, macs).value.value == pytest.approx(expected)


def test_resampled_partial_taus_equal_a_regression_of_the_drawn_rows():
    rng = np.random.default_rng(3)
    x, y, p, m = rng.integers(6, size=(4, 15)).astype(float)
    weights = Resamples(15, 10).weights.astype(float)
    given = GivenSize(y, p, m, n_boot=10, seed=0)
    taus = given._resampled(given._residuals.of(x))
    for weight, found in zip(weights, taus, strict=True):
        rows = np.repeat(np.arange(15), weight.astype(int))
        ranks = [scipy.stats.rankdata(each[rows]) for each in (x, y, p, m)]
        design = np.column_stack([np.ones(15), ranks[2], ranks[3]])
        left = [r - design @ np.linalg.lstsq(design, r, rcond=None)[0] for r in ranks[:2]]
        expected = scipy.stats.kendalltau(*(np.round(each, 6) for each in left)).statistic
        assert found == pytest.approx(expected, abs=1e-9)


def test_sizes_of_equal_rank_or_of_one_value_do_no_harm():
    params, _, signal, truth = world(4)
    same = tau_given_size(signal, truth, params, params**2).value.value
    assert same > 0.5
    constant = np.full_like(params, 7.0)
    plain = correlate(signal, truth).value.value
    assert tau_given_size(signal, truth, constant, constant).value.value == pytest.approx(plain)


def test_large_tables_use_the_same_rule():
    params, macs, signal, truth = world(5, n=400)
    small = tau_given_size(signal, truth, params, macs, n_boot=5).value
    assert small.value > 0.5
    assert tau_given_size(params, truth, params, macs, n_boot=5).value.high == 0.0


def test_too_few_architectures_cannot_be_controlled():
    found = tau_given_size(*np.random.default_rng(0).normal(size=(4, 7)))
    assert found == Failed("fewer than 8 architectures to control for size")


@pytest.mark.parametrize("bad", [np.ones(3), np.array([1.0] * 9 + [np.nan])])
def test_sizes_must_fit_and_be_known(bad):
    x = np.arange(10.0)
    with pytest.raises(InvalidInput, match="params must"):
        tau_given_size(x, x, bad, x)
    with pytest.raises(InvalidInput, match="macs must"):
        tau_given_size(x, x, x, bad)


def test_within_bins_a_signal_remains_and_size_shrinks():
    params, _, signal, truth = world(6, n=400)
    found = tau_within_bins(signal, truth, params).value
    assert found.value > correlate(signal, truth).value.value + 0.2
    assert (found.bins, found.n) == (10, 400)
    size = tau_within_bins(params, truth, params).value.value
    assert size < 0.4 < correlate(params, truth).value.value


def test_bins_by_hand():
    # Two bins of eight: the first ordered perfectly, the second backwards but for its size.
    params = np.repeat([1.0, 2.0], 8)
    truth = np.arange(16.0)
    score = np.concatenate([np.arange(8.0), -np.arange(8.0)])
    found = tau_within_bins(score, truth, params).value
    assert (found.value, found.bins, found.n) == (0.0, 2, 16)
    flat = np.concatenate([np.arange(8.0), np.zeros(8)])
    assert tau_within_bins(flat, truth, params).value.value == pytest.approx(0.5)


def test_bins_count_by_their_pairs():
    # Eight in order and sixteen backwards, of which equal sizes stay together.
    params = np.repeat([1.0, 2.0], (8, 16))
    truth = np.arange(24.0)
    score = np.concatenate([np.arange(8.0), -np.arange(16.0)])
    found = tau_within_bins(score, truth, params).value
    assert (found.bins, found.n) == (2, 24)
    assert found.value == pytest.approx((28 - 120) / (28 + 120))


def test_no_bin_is_made_of_too_few():
    x = np.arange(7.0)
    assert tau_within_bins(x, x, x) == Failed("no bin of at least 8 architectures")
    with pytest.raises(InvalidInput, match="at least 2"):
        tau_within_bins(x, x, x, least=1)


def test_regret_by_hand():
    truth = [np.nan, 70.0, 72.0, 71.0, 75.0]
    cost = [0.1, 1.0, 2.0, 3.0, 4.0]
    score = [5.0, 0.0, 1.0, 2.0, -1.0]
    found = top1_regret(score, truth, cost, [0.5, 2.0, 3.0, 100.0]).value
    assert [each.budget for each in found] == [2.0, 3.0, 100.0]
    assert [each.n for each in found] == [2, 3, 4]
    assert [each.oracle for each in found] == [72.0, 72.0, 75.0]
    assert [each.score for each in found] == [0.0, 1.0, 4.0]
    assert [each.largest for each in found] == [0.0, 1.0, 0.0]
    assert [each.random for each in found] == pytest.approx([1.0, 1.0, 3.0])
    assert found[0].to_json()["oracle"] == 72.0


def test_ties_in_the_score_cost_their_mean():
    found = top1_regret([1.0, 1.0, 0.0], [70.0, 74.0, 71.0], [1.0, 2.0, 3.0], [3.0]).value
    assert found[0].score == 2.0


def test_default_budgets_are_those_a_share_fits_in():
    cost = np.arange(1.0, 9.0)
    found = top1_regret(cost, cost, cost).value
    assert [each.n for each in found] == [2, 4, 6, 8]
    assert [each.budget for each in found] == [*budgets_of(cost), 8.0] == [2.0, 4.0, 6.0, 8.0]
    with pytest.raises(InvalidInput, match=r"shares must lie in \(0, 1\]"):
        budgets_of(cost, (0.0,))
    with pytest.raises(InvalidInput, match="cost must have the shape"):
        top1_regret(cost, cost, cost[:3])
    assert top1_regret(np.ones(8), cost, cost) == Failed("constant score")


def resnet_size(arch):
    """#params and MACs of a CIFAR ResNet, widths 16, 32, 64, with 1x1 shortcuts, 100 classes."""
    params, macs, last = 3 * 16 * 9 + 32, 3 * 16 * 9 * 32 * 32, 16
    for stage, blocks in enumerate(int(d) for d in arch.split("-")):
        width, pixels = 16 << stage, (32 >> stage) ** 2
        for _ in range(blocks):
            weights = 9 * last * width + 9 * width * width
            params += weights + 4 * width
            macs += weights * pixels
            if last != width:
                params += last * width + 2 * width
                macs += last * width * pixels
            last = width
    return params + 64 * 100 + 100, macs + 64 * 100


@pytest.mark.skipif("AUTODAS_DATA" not in os.environ, reason="AUTODAS_DATA is not set")
def test_what_is_known_of_the_public_resnets():
    table = load_table("s0")
    distilled, vanilla = (table.target(name).values for name in ("kd_acc", "cls_acc"))
    params, macs = np.array([resnet_size(a) for a in table.architectures], dtype=float).T
    assert params[table.architectures.index("7-1-3")] == 259_892
    yardstick = Yardstick(distilled, params, macs)
    size = yardstick.row(params).value
    assert size.tau == pytest.approx(0.873, abs=5e-4)
    assert size.rho == pytest.approx(0.968, abs=5e-4)
    assert size.tau_given_size == size.delta_params == 0.0
    assert yardstick.row(macs).value.tau == pytest.approx(0.657, abs=5e-4)
    assert correlate(vanilla, distilled).value.value == pytest.approx(0.836, abs=5e-4)
    budgets = [150e3, 200e3, 300e3, 400e3, 500e3, 600e3]
    lost = [each.largest for each in top1_regret(params, distilled, params, budgets).value]
    assert lost == pytest.approx([0.0, 0.45, 0.0, 0.44, 0.38, 0.0], abs=1e-9)


@pytest.mark.parametrize("n", [60, 300])
@pytest.mark.parametrize("way", [1, -1])
def test_small_and_large_tables_in_order_are_in_order_in_every_resample(n, way):
    same, ordered = np.ones(n), np.arange(float(n))[::way]
    for sign in (1.0, -1.0):
        found = tau_given_size(sign * ordered, ordered, same, same, n_boot=5).value
        assert (found.value, found.low, found.high) == pytest.approx((sign,) * 3)


@pytest.mark.parametrize("n", [8, 30])
def test_eight_architectures_can_be_controlled_and_a_score_alone_gets_what_its_row_says(n):
    score, truth, params, macs = np.random.default_rng(n).normal(size=(4, n))
    found = tau_given_size(score, truth, params, macs).value
    row = Yardstick(truth, params, macs).row(score).value
    assert (found.value, found.low, found.high) == (
        row.tau_given_size, row.tau_given_size_low, row.tau_given_size_high
    )  # fmt: skip


@pytest.mark.parametrize(("n", "bins"), [(8, 1), (15, 1), (16, 2), (200, 10)])
def test_there_are_as_many_bins_as_can_be_filled_but_ten_at_most(n, bins):
    x = np.random.default_rng(n).permutation(np.arange(float(n)))
    found = tau_within_bins(x, x, x).value
    assert (found.value, found.bins, found.n) == (pytest.approx(1.0), bins, n)


def test_a_bin_may_be_of_two():
    truth = np.arange(4.0)
    found = tau_within_bins([0.0, 1.0, 3.0, 2.0], truth, [1.0, 2.0, 3.0, 4.0], least=2).value
    assert (found.value, found.bins, found.n) == (0.0, 2, 4)


def test_a_bin_that_says_nothing_does_not_end_the_others():
    # Five are too few, nine larger ones are equally accurate, twelve larger yet are in order.
    params = np.repeat([1.0, 2.0, 3.0], [5, 9, 12])
    truth = np.concatenate([np.arange(5.0), np.full(9, 7.0), np.arange(12.0)])
    found = tau_within_bins(np.arange(26.0), truth, params).value
    assert (found.value, found.bins, found.n) == (1.0, 1, 12)
