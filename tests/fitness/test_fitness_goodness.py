"""What a discovery may ask of a score on one family, and how families are put together."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok
from autodas.fitness import BeyondSize, Goal, Goodness, Objective, tau_given_size


def world(seed: int, n: int = 40):
    rng = np.random.default_rng(seed)
    params = np.round(rng.uniform(1, 9, n), 1)
    macs = np.round(params * rng.uniform(0.5, 2, n), 1)
    hidden = rng.normal(size=n)
    truth = scipy.stats.rankdata(params) / n + 0.3 * hidden
    return params, macs, hidden, truth


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.booleans())
def test_the_fast_size_controlled_tau_is_the_honest_tables(seed, gaps, ties):
    params, macs, hidden, truth = world(seed)
    score = np.round(params + hidden, 0 if ties else 6)
    if gaps:
        truth[::5] = np.nan
    slow = tau_given_size(score, truth, params, macs, n_boot=2)
    fast = BeyondSize(truth, [params, macs])(score)
    assert isinstance(slow, Ok)
    assert isinstance(fast, Ok)
    assert fast.value == pytest.approx(slow.value.value, abs=1e-12)


def test_size_itself_knows_nothing_beyond_size():
    params, macs, _, truth = world(1)
    judge = BeyondSize(truth, [params, macs])
    assert judge(np.log(params)) == Ok(0.0)
    assert judge(np.ones(40)) == Ok(0.0)


def test_size_control_mixes_plain_and_partial_correlation():
    params, macs, hidden, truth = world(2)
    sizes = np.array([params, macs])
    plain = Goodness(truth)(hidden).value
    beyond = BeyondSize(truth, sizes)(hidden).value
    assert beyond > plain + 0.2
    for share in (0.0, 0.3, 1.0):
        mixed = Goodness(truth, sizes, size_control=share)(hidden).value
        assert mixed == pytest.approx((1 - share) * plain + share * beyond)


def test_spearman_is_spearman():
    _, _, hidden, truth = world(3)
    found = Goodness(truth, measure="rho")(hidden)
    assert found.value == pytest.approx(scipy.stats.spearmanr(hidden, truth).statistic)


def test_lift_is_what_is_above_params():
    params, macs, hidden, truth = world(4)
    goal = Goal("a", truth, sizes=np.array([params, macs]))
    lift = Objective([goal], lift=True)
    plain = Objective([goal])
    of_params = plain({"a": params}).value.value
    assert lift({"a": params}).value.value == pytest.approx(0.0)
    found = lift({"a": params + hidden}).value
    assert found.value == pytest.approx(plain({"a": params + hidden}).value.value - of_params)
    assert found.parts["a"] == pytest.approx(found.value + of_params)


def test_the_lift_of_the_worst_family_decides_under_min():
    goals, scores = [], {}
    for seed in (5, 6):
        params, macs, hidden, truth = world(seed)
        goals.append(Goal(str(seed), truth, sizes=np.array([params, macs])))
        scores[str(seed)] = params + (hidden if seed == 5 else -hidden)
    worst = Objective(goals, "min", lift=True)(scores).value
    alone = Objective(goals[1:], lift=True)(scores).value
    assert worst.value == alone.value < 0


@pytest.mark.parametrize("combine", ["mean", "min"])
@pytest.mark.parametrize("lift", [False, True])
def test_a_score_upside_down_is_as_good_as_upright(combine, lift):
    params, macs, hidden, truth = world(7)
    goal = Goal("a", truth, sizes=np.array([params, macs]))
    objective = Objective([goal], combine, size_control=0.5, lift=lift)
    upright, yes = objective.either_way({"a": params + hidden}).value
    turned, no = objective.either_way({"a": -(params + hidden)}).value
    assert (yes, no) == (True, False)
    assert upright == turned
    assert upright.value == objective({"a": params + hidden}).value.value


def test_a_score_that_is_as_good_upside_down_stays_upright():
    truth = np.arange(5.0)
    found, upright = (
        Objective([Goal("a", truth), Goal("b", truth)]).either_way({"a": truth, "b": -truth}).value
    )
    assert (found.value, found.parts, upright) == (0.0, {"a": 1.0, "b": -1.0}, True)


def test_rows_select_sizes_as_well():
    params, macs, hidden, truth = world(8)
    rows = np.arange(10, 35)
    sizes = np.array([params, macs])
    part = Objective([Goal("a", truth, rows, sizes=sizes)], size_control=1.0)
    alone = Objective([Goal("a", truth[rows], sizes=sizes[:, rows])], size_control=1.0)
    assert part({"a": hidden}) == alone({"a": hidden[rows]})


def test_a_failure_keeps_its_reason_and_nonsense_is_refused():
    params, macs, hidden, truth = world(9)
    goal = Goal("a", truth, sizes=np.array([params, macs]))
    failed = Objective([goal], size_control=0.5).either_way({"a": np.full(40, np.nan)})
    assert isinstance(failed, Failed)
    assert "finite" in failed.reason
    assert isinstance(BeyondSize(truth[:7], [params[:7]])(hidden[:7]), Failed)
    assert isinstance(BeyondSize(truth[:8], [params[:8]])(hidden[:8]), Ok)
    for share in (-0.1, 1.1):
        with pytest.raises(InvalidInput, match=str(share)):
            Goodness(truth, np.array([params, macs]), size_control=share)
    with pytest.raises(InvalidInput, match="sizes"):
        Goodness(truth, lift=True)
    with pytest.raises(InvalidInput, match="sizes"):
        BeyondSize(truth, params)


def test_sizes_that_are_not_asked_for_change_nothing():
    params, macs, hidden, truth = world(10)
    few = Goodness(truth[:5], np.array([params, macs])[:, :5])
    assert few(hidden[:5]) == Goodness(truth[:5])(hidden[:5])
    assert few.floor == 0.0


def test_where_all_are_of_one_size_lift_is_counted_from_nothing():
    _, _, hidden, truth = world(11)
    same = Goodness(truth, np.ones((2, 40)), lift=True)
    assert same.floor == 0.0
    assert same(hidden) == Goodness(truth)(hidden)
