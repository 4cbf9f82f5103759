"""Intervals: equal to a plain bootstrap, and as sure as they claim."""

import warnings

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed
from autodas.fitness import Yardstick, bootstrap, row
from autodas.fitness.bootstrap import ROWS_AT_ONCE, Resamples, interval_of


def honest_row(score, truth, params, macs, **options):
    return Yardstick(truth, params, macs, **options).row(score)


def bootstrap_tau(x, y, n_boot=1000, seed=0):
    value = float(Resamples.whole(len(x)).taus(x, y)[0])
    return interval_of(value, Resamples(len(x), n_boot, seed).taus(x, y))


def plain(resamples, x, y, measure=scipy.stats.kendalltau):
    """τ of every resample by drawing its rows and asking scipy."""
    found = []
    for weights in resamples.weights:
        rows = np.repeat(np.arange(len(x)), weights.astype(int))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(measure(x[rows], y[rows]).statistic)
    return np.array(found)


def weighted(x, y):
    best_first = scipy.stats.rankdata(-y, method="ordinal") - 1
    return scipy.stats.weightedtau(x, y, rank=best_first.astype(int))


small = st.integers(-3, 3).map(float)


@given(st.lists(st.tuples(small, small), min_size=3, max_size=20))
def test_resampled_taus_equal_scipys_with_any_ties(rows):
    x, y = np.array(rows).T
    resamples = Resamples(len(x), 20, seed=1)
    np.testing.assert_allclose(resamples.taus(x, y), plain(resamples, x, y), atol=1e-12)


def test_resampled_taus_equal_scipys_over_several_blocks():
    rng = np.random.default_rng(0)
    n = 2 * ROWS_AT_ONCE + 7
    y = rng.integers(200, size=n).astype(float)
    x = y + 50 * rng.normal(size=n)
    resamples = Resamples(n, 3)
    np.testing.assert_allclose(resamples.taus(x, y), plain(resamples, x, y), atol=1e-12)


@given(st.lists(st.tuples(small, small), min_size=3, max_size=20))
def test_resampled_rhos_and_weighted_taus_equal_scipys_with_any_ties(rows):
    x, y = np.array(rows).T
    resamples = Resamples(len(x), 20, seed=1)
    expected = plain(resamples, x, y, scipy.stats.spearmanr)
    np.testing.assert_allclose(resamples.rhos(x, y), expected, atol=1e-12)
    expected = plain(resamples, x, y, weighted)
    np.testing.assert_allclose(resamples.weighted_taus(x, y), expected, atol=1e-12)


def test_large_tables_are_sorted_and_give_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    y = rng.integers(9, size=60).astype(float)
    x = y + rng.integers(9, size=60)
    resamples = Resamples(60, 20)
    by_matrix = [resamples.taus(x, y), resamples.weighted_taus(x, y)]
    monkeypatch.setattr(bootstrap, "LARGEST_MATRIX", 10)
    monkeypatch.setattr(bootstrap, "_agreement", None)  # not to be used
    np.testing.assert_allclose([resamples.taus(x, y), resamples.weighted_taus(x, y)], by_matrix)


def test_resamples_draw_n_of_n_and_depend_on_the_seed():
    first, again, other = (Resamples(30, 50, seed).weights for seed in (0, 0, 1))
    assert (first.sum(axis=1) == 30).all()
    assert (first == again).all()
    assert (first != other).any()
    # about 1/e of the architectures are left out of a resample
    assert (first == 0).mean() == pytest.approx(np.exp(-1), abs=0.03)


def test_resamples_that_order_nothing_are_undefined_and_warn_nobody():
    resamples = Resamples(3, 200, 0)
    x, y = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0])
    nothing = [len(set(y[weights > 0])) == 1 for weights in resamples.weights]
    assert 0 < sum(nothing) < 200
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for found in (resamples.taus(x, y), resamples.rhos(x, y), resamples.weighted_taus(x, y)):
            assert np.isnan(found).tolist() == nothing


def test_the_interval_is_that_of_the_percentiles():
    interval = interval_of(0.5, np.append(np.linspace(0.0, 1.0, 1001), np.nan))
    assert (interval.value, interval.low, interval.high) == pytest.approx((0.5, 0.025, 0.975))
    empty = interval_of(0.5, np.array([np.nan]))
    assert np.isnan([empty.low, empty.high]).all()


def test_the_estimate_is_scipys_and_lies_in_its_interval():
    rng = np.random.default_rng(3)
    y = rng.normal(size=60)
    x = y + rng.normal(size=60)
    found = bootstrap_tau(x, y)
    assert found.value == pytest.approx(scipy.stats.kendalltau(x, y).statistic, abs=1e-12)
    assert found.low < found.value < found.high
    assert 0.1 < found.high - found.low < 0.4


def test_shuffled_labels_give_intervals_around_zero_at_the_nominal_rate():
    covered = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        found = bootstrap_tau(rng.normal(size=50), rng.normal(size=50), n_boot=300, seed=seed)
        covered += found.low <= 0.0 <= found.high
    assert 0.91 <= covered / 300 <= 0.985


def test_a_paired_difference_is_surer_than_two_intervals():
    rng = np.random.default_rng(4)
    y = rng.normal(size=80)
    x = y + rng.normal(size=80)
    nearly_x = x + 0.05 * rng.normal(size=80)
    row = honest_row(x, y, nearly_x, nearly_x).value
    assert row.delta_params == pytest.approx(
        bootstrap_tau(x, y).value - bootstrap_tau(nearly_x, y).value
    )
    assert row.delta_params_low < 0.0 < row.delta_params_high
    alone = row.tau_high - row.tau_low
    assert row.delta_params_high - row.delta_params_low < 0.3 * alone


def test_a_clearly_better_score_differs_significantly():
    rng = np.random.default_rng(5)
    y = rng.normal(size=100)
    other = y + 3 * rng.normal(size=100)
    assert honest_row(y, y, other, other).value.delta_params_low > 0.3
    assert honest_row(y, y, y, y).value.delta_params_high == 0.0


@pytest.mark.parametrize("n_boot", [0, -1])
def test_there_must_be_resamples(n_boot):
    with pytest.raises(InvalidInput, match="at least 1"):
        honest_row([1.0, 2.0, 3.0], *[np.arange(3.0)] * 3, n_boot=n_boot)


def test_failures_are_handed_on():
    y = np.arange(5.0)
    assert honest_row(np.ones(5), y, y, y) == Failed("constant score")


def test_a_row_holds_every_number_of_the_table():
    rng = np.random.default_rng(6)
    n = 90
    params = np.exp(rng.normal(size=n))
    macs = params * np.exp(0.3 * rng.normal(size=n))
    hidden = rng.normal(size=n)
    truth = np.log(params) + hidden
    truth[:10] = np.nan
    row = honest_row(hidden, truth, params, macs).value
    assert row.n == 80
    assert row.tau == pytest.approx(
        scipy.stats.kendalltau(hidden[10:], truth[10:]).statistic, abs=1e-12
    )
    assert row.rho == scipy.stats.spearmanr(hidden[10:], truth[10:]).statistic
    assert row.tau_low < row.tau < row.tau_high
    assert row.tau_given_size_low < row.tau_given_size < row.tau_given_size_high
    assert row.tau_given_size > row.tau
    resamples = Resamples(80, 1000)
    samples = [plain(resamples, each[10:], truth[10:]) for each in (hidden, params)]
    ends = np.quantile(samples[0] - samples[1], [0.025, 0.975])
    np.testing.assert_allclose((row.delta_params_low, row.delta_params_high), ends, atol=1e-12)
    assert set(row.to_json()) == {
        "n", "tau", "tau_low", "tau_high", "rho", "rho_low", "rho_high", "weighted_tau",
        "weighted_tau_low", "weighted_tau_high", "tau_given_size", "tau_given_size_low",
        "tau_given_size_high", "tau_within_bins", "delta_params", "delta_params_low",
        "delta_params_high", "delta_params_p", "significance",
    }  # fmt: skip


def test_a_row_without_room_for_size_control_says_none():
    row = honest_row([1, 2, 4, 3], [1, 2, 3, 4], [5, 5, 5, 5], [1, 2, 3, 4]).value
    assert row.tau == pytest.approx(2 / 3)
    assert row.tau_given_size is None
    assert row.tau_within_bins is None
    assert row.delta_params is None  # equal sizes order nothing


def test_a_row_is_reproducible():
    rng = np.random.default_rng(7)
    data = rng.normal(size=(4, 40))
    assert honest_row(*data, seed=1) == honest_row(*data, seed=1)
    assert honest_row(*data, seed=1) != honest_row(*data, seed=2)


def test_a_row_of_a_failed_score_is_a_failure():
    assert honest_row(np.ones(9), np.arange(9.0), np.arange(9.0), np.arange(9.0)) == Failed(
        "constant score"
    )


def sized(seed, n=60):
    rng = np.random.default_rng(seed)
    params = np.exp(rng.normal(size=n))
    return rng, params, params * np.exp(0.3 * rng.normal(size=n))


def test_with_shuffled_labels_no_number_is_shown_to_differ_from_chance():
    """Each 95 % interval leaves out 0 about once in twenty times, and not much more often."""
    outside = dict.fromkeys(("tau", "rho", "weighted_tau", "tau_given_size"), 0)
    runs = 100
    for seed in range(runs):
        rng, params, macs = sized(seed)
        truth = np.log(params) + 0.3 * rng.normal(size=60)
        score = truth + 0.3 * rng.normal(size=60)  # an excellent one, were it not for the labels
        row = honest_row(score, rng.permutation(truth), params, macs, n_boot=200).value.to_json()
        for name in outside:
            outside[name] += not row[f"{name}_low"] <= 0.0 <= row[f"{name}_high"]
    assert all(1 <= times <= 13 for times in outside.values()), outside


@pytest.mark.parametrize(
    ("score", "meaning"),
    [
        (lambda p, y, noise: y + 0.1 * noise, "better"),
        (lambda p, y, noise: -y, "worse"),
        (lambda p, y, noise: np.log(p) + 0.05 * noise, "open"),
        (lambda p, y, noise: np.log(p), None),
    ],
)
def test_significance_is_what_the_interval_says(score, meaning):
    rng, params, macs = sized(8)
    truth = np.log(params) + rng.normal(size=60)
    row = honest_row(score(params, truth, rng.normal(size=60)), truth, params, macs).value
    assert row.significance == meaning
    if meaning is None:
        assert (row.delta_params, row.delta_params_p) == (0.0, None)
    else:
        assert (row.delta_params_p < 0.05) == (meaning != "open")
        assert row.delta_params_p >= 2 / 1001


def test_one_yardstick_serves_many_scores_and_refuses_bad_ones():
    rng, params, macs = sized(9)
    truth = np.log(params) + rng.normal(size=60)
    yardstick = Yardstick(truth, params, macs, seed=3)
    for score in (truth + rng.normal(size=60), params, -macs):
        assert yardstick.row(score) == honest_row(score, truth, params, macs, seed=3)
    assert yardstick.row(np.where(truth > 0, np.nan, truth)).reason.startswith(
        "score is not finite"
    )
    assert Yardstick(np.full(60, np.nan), params, macs).row(truth).reason.startswith("fewer than 3")


def test_no_size_to_compare_with_is_no_failure():
    rng = np.random.default_rng(1)
    truth, same = rng.normal(size=20), np.ones(20)
    row = honest_row(truth, truth, same, same).value
    assert row.tau == pytest.approx(1.0)
    assert (row.delta_params, row.delta_params_p, row.significance) == (None, None, None)


@pytest.mark.parametrize(("n", "resamples"), [(1000, 1000), (1001, 200), (3000, 200), (3001, 100)])
def test_the_more_architectures_the_fewer_resamples(monkeypatch, n, resamples):
    drawn = []

    class Noted(Resamples):
        def __init__(self, n, n_boot, seed):
            drawn.append((n, n_boot))

    monkeypatch.setattr(row, "Resamples", Noted)
    monkeypatch.setattr(row, "GivenSize", lambda *_, n_boot, **__: drawn.append((n, n_boot)))
    # Nothing is computed for a truth that orders nothing.
    row.Yardstick(np.zeros(n), np.ones(n), np.ones(n))
    assert drawn == [(n, resamples)] * 2


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("tau", scipy.stats.kendalltau),
        ("rho", scipy.stats.spearmanr),
        ("weighted_tau", weighted),
    ],
)
def test_every_correlation_of_a_row_has_the_interval_of_its_own_resamples(name, measure):
    rng, params, macs = sized(10, n=30)
    truth = np.log(params) + rng.normal(size=30)
    score = truth + rng.normal(size=30)
    row = honest_row(score, truth, params, macs, n_boot=100).value.to_json()
    samples = plain(Resamples(30, 100), score, truth, measure)
    found = [row[name], row[f"{name}_low"], row[f"{name}_high"]]
    expected = [measure(score, truth).statistic, *np.quantile(samples, [0.025, 0.975])]
    assert found == pytest.approx(expected, abs=1e-12)


def test_one_resample_will_do_such_as_the_sample_itself():
    assert Resamples(5, 1).weights.shape == (1, 5)
    x, y = np.random.default_rng(11).integers(9, size=(2, 30)).astype(float)
    whole = Resamples.whole(30)
    assert whole.rhos(x, y) == pytest.approx([scipy.stats.spearmanr(x, y).statistic])
    assert whole.weighted_taus(x, y) == pytest.approx([weighted(x, y).statistic])
