"""Boosting of terms, and the one-standard-error rule."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from autodas.core.errors import InvalidInput
from autodas.fitness.combine import FamilyFeatures, boosted, simplest


def ranks(values: np.ndarray) -> np.ndarray:
    return scipy.stats.rankdata(values, axis=0) / len(values) - 0.5 - 0.5 / len(values)


def made(seed: int, n: int = 80, noise: float = 0.1) -> FamilyFeatures:
    """Accuracy is 2·(term 3) − (term 7) and noise; term 5 is a blurred copy of term 3."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 12))
    features[:, 5] = features[:, 3] + 0.5 * rng.normal(size=n)
    truth = 2 * features[:, 3] - features[:, 7] + noise * rng.normal(size=n)
    return FamilyFeatures(ranks(features), truth, f"space {seed}")


def test_the_terms_that_matter_are_found_with_their_signs():
    path = boosted([made(0), made(1)], 2, rate=0.5)
    assert path[0].chosen == (3,)
    assert set(path[-1].chosen) == {3, 7}
    weights = dict(zip(path[-1].chosen, path[-1].weights, strict=True))
    assert weights[3] > 1.4 * -weights[7] > 0


def test_every_step_moves_the_weight_that_explains_most_by_a_share_of_its_fit():
    part = made(4, n=30, noise=2.0)
    path = boosted([part], 12, rate=0.3, steps=6)
    left = ranks(part.truth)
    before = np.zeros(12)
    for each in path:
        fits = [np.linalg.lstsq(part.features[:, [n]], left, rcond=None) for n in range(12)]
        best = min(range(12), key=lambda n: fits[n][1][0])
        after = np.zeros(12)
        after[list(each.chosen)] = each.weights
        moved = after - before
        assert np.flatnonzero(moved).tolist() == [best]
        assert moved[best] == pytest.approx(0.3 * fits[best][0][0])
        left = left - part.features @ moved
        before = after


def test_what_rounding_leaves_of_equal_terms_does_not_choose_among_them():
    """Terms 0 to 5 are the same as terms 6 to 11 but for noise as of another processor."""
    exact = made(6, noise=1.0)
    features = np.concatenate([exact.features[:, :6]] * 2, axis=1)
    found = []
    for seed in range(10):
        noise = 1 + 1e-14 * np.random.default_rng(seed).normal(size=features.shape)
        path = boosted([FamilyFeatures(features * noise, exact.truth, "a")], 6, steps=30)
        found.append([dict(zip(each.chosen, each.weights, strict=True)) for each in path])
        assert max(path[-1].chosen) < 6
    assert found == [found[0]] * 10


def slope_of(target: np.ndarray, values: np.ndarray) -> float:
    return max(0.0, float(target @ values) / float(values @ values)) if values.any() else 1.0


def test_with_slopes_every_step_is_the_best_under_the_slopes_of_the_families():
    near, far = made(4, n=30, noise=2.0), made(5, n=50, noise=2.0)
    parts = [near, FamilyFeatures(far.features * 7.0, far.truth, "wider", weight=2.0)]
    weighed = [
        (p.features * np.sqrt(w / len(p.truth)), ranks(p.truth) * np.sqrt(w / len(p.truth)))
        for p, w in zip(parts, (1 / 3, 2 / 3), strict=True)
    ]
    before = np.zeros(12)
    for each in boosted(parts, 12, rate=0.3, steps=6, slopes=True):
        slopes = [slope_of(y, x @ before) for x, y in weighed]
        stacked = np.concatenate([b * x for b, (x, _) in zip(slopes, weighed, strict=True)])
        left = np.concatenate(
            [y - b * (x @ before) for b, (x, y) in zip(slopes, weighed, strict=True)]
        )
        fits = [np.linalg.lstsq(stacked[:, [n]], left, rcond=None) for n in range(12)]
        best = min(range(12), key=lambda n: fits[n][1][0])
        after = np.zeros(12)
        after[list(each.chosen)] = each.weights
        assert np.flatnonzero(after - before).tolist() == [best]
        assert (after - before)[best] == pytest.approx(0.3 * fits[best][0][0])
        before = after


def test_slopes_make_the_unit_of_a_family_a_matter_of_indifference():
    near, far = made(0), made(1)
    wider = FamilyFeatures(far.features * 50.0, far.truth, "wider")
    same = [boosted([near, p], 2, rate=0.5, slopes=True, start=3)[-1] for p in (far, wider)]
    assert same[0].chosen == same[1].chosen == (3, 7)
    ratio = [each.weights[1] / each.weights[0] for each in same]
    assert ratio[0] == pytest.approx(ratio[1], rel=0.2)
    plain = [boosted([near, p], 2, rate=0.5)[-1] for p in (far, wider)]
    assert plain[1].weights[0] < 0.1 * plain[0].weights[0]  # the wider one alone decides


def test_a_sum_starts_with_what_it_is_given():
    part = made(0)
    path = boosted([part], 3, start=5)
    assert (path[0].chosen, path[0].weights.tolist()) == ((5,), [1.0])
    assert all(each.chosen[0] == 5 for each in path)
    assert len(path[-1].chosen) == 3


def test_a_family_that_the_sum_misorders_has_no_say_in_its_slope():
    part = made(0)
    flipped = FamilyFeatures(part.features, -part.truth, "other")
    path = boosted([part, flipped], 3, slopes=True, start=3, steps=1)
    alone = boosted([part], 3, slopes=True, start=3, steps=1)
    assert path[-1].chosen == alone[-1].chosen
    assert path[-1].weights == pytest.approx(alone[-1].weights)


def test_many_steps_come_to_least_squares():
    part = made(3)
    features = part.features[:, :4]
    path = boosted([FamilyFeatures(features, part.truth, "a")], 4, rate=1.0, steps=2000)
    fitted = np.linalg.lstsq(features, ranks(part.truth), rcond=None)[0]
    weights = np.zeros(4)
    weights[list(path[-1].chosen)] = path[-1].weights
    assert np.allclose(weights, fitted, atol=1e-3)


def test_families_count_by_weight_and_not_by_size():
    large, small = made(0, n=400), made(1, n=40)
    flipped = FamilyFeatures(small.features, -small.truth, "other", weight=9.0)
    assert boosted([large, flipped], 1)[0].weights[0] < 0
    light = FamilyFeatures(small.features, -small.truth, "other", weight=0.1)
    assert boosted([large, light], 1)[0].weights[0] > 0


def test_unknown_accuracies_are_left_out():
    part = made(0)
    truth = part.truth.copy()
    truth[:20] = np.nan
    gaps = boosted([FamilyFeatures(part.features, truth, "a")], 2)
    without = boosted([FamilyFeatures(part.features[20:], truth[20:], "a")], 2)
    assert gaps[-1].chosen == without[-1].chosen
    assert np.allclose(gaps[-1].weights, without[-1].weights)


def test_the_path_ends_before_it_would_need_another_term():
    part = made(0)
    for terms in (1, 2, 3):
        path = boosted([part], terms)
        assert len(path[-1].chosen) == terms
    assert boosted([FamilyFeatures(np.zeros((80, 3)), part.truth, "flat")], 3) == []


@pytest.mark.parametrize(
    ("parts", "terms", "rate"), [([], 1, 0.1), (0, 0, 0.1), (0, 1, 0.0), (0, 1, 1.1)]
)
def test_nonsense_is_refused(parts, terms, rate):
    with pytest.raises(InvalidInput):
        boosted([made(0)] if parts == 0 else parts, terms, rate=rate)


def test_the_simplest_of_equals_is_taken_and_a_clear_winner_kept():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=60)
    part = FamilyFeatures(np.zeros((60, 1)), truth, "a")
    good = truth + 0.3 * rng.normal(size=60)
    almost = good + 0.02 * rng.normal(size=60)
    bad = truth + 5.0 * rng.normal(size=60)
    assert simplest([part], [[almost], [good]])[0] == 0
    number, means, errors = simplest([part], [[bad], [good]])
    assert number == 1
    assert means[1] > means[0] + errors[0]
    assert errors[1] == 0.0
    assert simplest([part], [[bad], [good], [almost]])[0] == 1


def spread_of_difference(truth: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
    """Standard error of the difference of two τ on the same architectures, by a plain bootstrap."""
    rng, found = np.random.default_rng(1), []
    for _ in range(1000):
        rows = rng.integers(0, len(truth), len(truth))
        taus = [scipy.stats.kendalltau(each[rows], truth[rows]).statistic for each in (one, other)]
        found.append(taus[0] - taus[1])
    return float(np.std(found))


@pytest.mark.parametrize(("blur", "within"), [(0.33, True), (0.41, False)])
def test_good_enough_is_what_lies_within_one_standard_error(blur, within):
    rng = np.random.default_rng(0)
    truth = rng.normal(size=60)
    part = FamilyFeatures(np.zeros((60, 1)), truth, "a")
    good = truth + 0.3 * rng.normal(size=60)
    simple = truth + blur * rng.normal(size=60)
    number, means, errors = simplest([part], [[simple], [good]])
    error = spread_of_difference(truth, good, simple)
    assert means == pytest.approx(
        [scipy.stats.kendalltau(each, truth).statistic for each in (simple, good)]
    )
    assert errors[0] == pytest.approx(error, rel=0.1)
    gap = (means[1] - means[0]) / error
    assert (0.5 < gap < 0.9) if within else (1.1 < gap < 2.0)
    assert number == (0 if within else 1)
    told = simplest([part], [[simple], [good]], resamples=400, seed=0)
    assert told == (number, means, errors)
    assert simplest([part], [[simple], [good]], seed=1)[2] != errors


def test_families_count_by_weight_when_sums_are_compared():
    parts = [made(0), FamilyFeatures(made(1).features, made(1).truth, "other", weight=3.0)]
    sums = [[part.features[:, n] for part in parts] for n in (3, 7)]
    _, means, _ = simplest(parts, sums, resamples=2)
    for values, mean in zip(sums, means, strict=True):
        taus = [
            scipy.stats.kendalltau(own, part.truth).statistic
            for own, part in zip(values, parts, strict=True)
        ]
        assert mean == pytest.approx((taus[0] + 3.0 * taus[1]) / 4.0)


def test_by_default_there_are_two_hundred_steps_of_a_fifth_of_the_fit():
    part = made(4, noise=2.0)
    path = boosted([part], 12)
    assert len(path) == 200
    fits = [
        np.linalg.lstsq(part.features[:, [n]], ranks(part.truth), rcond=None) for n in range(12)
    ]
    assert path[0].weights == pytest.approx(fits[path[0].chosen[0]][0] / 5)


def test_a_constant_sum_counts_as_knowing_nothing():
    truth = np.arange(20.0)
    part = FamilyFeatures(np.zeros((20, 1)), truth, "a")
    number, means, _ = simplest([part], [[np.ones(20)], [truth]])
    assert (number, means[0]) == (1, 0.0)


def test_nothing_to_choose_from_is_refused():
    with pytest.raises(InvalidInput):
        simplest([made(0)], [])


def test_ranks_are_centred_so_that_a_constant_explains_nothing_of_them():
    for truth in (np.arange(7.0), np.array([3.0, 1.0, 1.0, 2.0])):
        assert boosted([FamilyFeatures(np.ones((len(truth), 1)), truth, "a")], 1) == []


def test_two_architectures_can_be_fitted_and_one_cannot():
    features = np.array([[-0.5], [0.5]])
    # Their ranks are -1/4 and 1/4.
    (found,) = boosted([FamilyFeatures(features, np.array([1.0, 9.0]), "a")], 1, rate=1.0)
    assert found.weights == pytest.approx([0.5])
    with pytest.raises(InvalidInput, match="at least two architectures"):
        boosted([FamilyFeatures(features, np.array([1.0, np.nan]), "a")], 1)


@pytest.mark.parametrize("one", [0, 11])
def test_every_architecture_may_be_drawn_again(one):
    truth = np.arange(12.0)
    other = truth.copy()
    other[one] = 5.5
    part = FamilyFeatures(np.zeros((12, 1)), truth, "a")
    # Both sums say the same of all architectures but one.
    _, _, errors = simplest([part], [[other], [truth]], resamples=100)
    assert errors[0] > 0.01


def test_families_of_one_table_are_drawn_together():
    rng = np.random.default_rng(0)
    truth, one, other = rng.normal(size=(3, 40))
    for group, alike in (("a", True), ("b", False)):
        parts = [
            FamilyFeatures(np.zeros((40, 1)), truth, "a"),
            FamilyFeatures(np.zeros((40, 1)), -truth, group),
        ]
        # What a sum gains in one family it loses in the other, where the same rows are drawn.
        _, means, errors = simplest(parts, [[one, one], [other, other]], resamples=50)
        assert means == pytest.approx([0.0, 0.0])
        assert (max(errors) < 1e-9) == alike
