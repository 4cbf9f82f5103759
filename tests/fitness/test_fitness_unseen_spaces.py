"""A term is worth what it gains on spaces that did not choose its weight."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from autodas.core.errors import InvalidInput
from autodas.fitness.combine import FamilyFeatures, boosted
from autodas.fitness.unseen_spaces import gains_unseen

RATE = 0.3


def made(seed: int, sign: float = 1.0, rows: int = 200) -> FamilyFeatures:
    """Term 0 orders the accuracies everywhere; term 1 more, but with the sign of the space."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=rows)
    features = np.stack(
        [truth + 1.5 * rng.normal(size=rows), sign * truth + 0.1 * rng.normal(size=rows)], axis=1
    )
    features -= features.mean(axis=0)
    return FamilyFeatures(features, truth, f"table {seed}", space=f"space {seed}")


def error_saved(features: np.ndarray, targets: np.ndarray, own: np.ndarray) -> float:
    """By the definition: fitted on all rows but ``own``, what a step saves of the error there."""
    (weight,), *_ = np.linalg.lstsq(features[~own, None], targets[~own], rcond=None)
    before = (targets[own] ** 2).sum()
    return float(before - ((targets[own] - RATE * weight * features[own]) ** 2).sum())


@pytest.mark.parametrize("spaces", [("a", "b", "c"), ("a", "b", "a")])
def test_gains_are_those_on_the_space_that_is_left_out(spaces):
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(3, 20, 5)), rng.normal(size=(3, 20))
    aligned = np.einsum("pan,pa->pn", features, targets)
    scales = (features**2).sum(axis=1)
    names = np.repeat(spaces, 20)
    each = np.array(
        [
            [
                error_saved(features[..., n].ravel(), targets.ravel(), names == space)
                for n in range(5)
            ]
            for space in dict.fromkeys(spaces)
        ]
    )
    worst = gains_unseen(aligned, scales, spaces, RATE, "min")
    assert worst == pytest.approx(each.min(axis=0))
    sure = gains_unseen(aligned, scales, spaces, RATE, "sure")
    assert sure == pytest.approx(each.mean(0) - each.std(0, ddof=1) / np.sqrt(len(each)))


def test_a_term_that_only_one_space_has_gains_nothing_anywhere():
    aligned, scales = np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]])
    for how in ("sure", "min"):
        assert gains_unseen(aligned, scales, ["a", "b"], RATE, how)[0] <= 0


def test_one_space_cannot_be_left_out():
    with pytest.raises(InvalidInput, match="at least two, got only"):
        gains_unseen(np.ones((2, 1)), np.ones((2, 1)), ["only", "only"], RATE, "sure")


@pytest.mark.parametrize("how", ["sure", "min"])
def test_what_holds_on_most_spaces_alone_does_not_join_the_sum(how):
    parts = [*(made(seed) for seed in range(4)), made(4, sign=-1.0)]
    assert boosted(parts, 1, steps=1)[0].chosen == (1,)
    assert boosted(parts, 2, unseen=how)[0].chosen == (0,)


def test_boosting_ends_when_nothing_is_gained_on_the_worst_space():
    rng = np.random.default_rng(0)
    parts = [
        FamilyFeatures(rng.normal(size=(30, 20)), rng.normal(size=30), name, space=name)
        for name in "abcdefghijkl"
    ]
    assert len(boosted(parts, 10)) > 1
    assert boosted(parts, 10, unseen="min") == []


def test_gains_do_not_depend_on_the_unit_of_a_term():
    rng = np.random.default_rng(1)
    aligned, scales = rng.normal(size=(3, 4)), rng.uniform(1, 2, size=(3, 4))
    for how in ("sure", "min"):
        found = gains_unseen(aligned, scales, "abc", RATE, how)
        shorter = gains_unseen(aligned / 1e3, scales / 1e6, "abc", RATE, how)
        assert shorter == pytest.approx(found)


def test_noise_on_the_others_is_no_gain_of_a_term_that_only_one_space_has():
    # A constant but for rounding there, which happens to go along with what is left.
    aligned, scales = np.array([[1.0], [1e-7], [1e-7]]), np.array([[1.0], [1e-14], [1e-14]])
    for how in ("sure", "min"):
        assert gains_unseen(aligned, scales, "abc", RATE, how)[0] <= 0


def slope_of(target: np.ndarray, values: np.ndarray) -> float:
    return max(0.0, float(target @ values) / float(values @ values)) if values.any() else 1.0


@pytest.mark.parametrize("how", ["sure", "min"])
def test_with_slopes_gains_on_spaces_left_out_are_those_under_the_slopes_of_the_families(how):
    rng = np.random.default_rng(2)
    n, terms, parts = 40, 6, []
    for unit, name in ((0.3, "a"), (1.0, "b"), (4.0, "c")):
        features = rng.normal(size=(n, terms))
        truth = features @ np.linspace(1.0, 0.2, terms) + rng.normal(size=n)
        features -= features.mean(axis=0)
        parts.append(FamilyFeatures(unit * features, truth, name, space=name))
    share = np.sqrt(1 / (3 * n))  # every family has a third of the weight
    ranks = [(scipy.stats.rankdata(p.truth) - (n + 1) / 2) / n for p in parts]
    weighed = [(share * p.features, share * r) for p, r in zip(parts, ranks, strict=True)]
    names = np.repeat(["a", "b", "c"], n)
    path = boosted(parts, terms, rate=RATE, steps=12, slopes=True, unseen=how)
    before = np.zeros(terms)
    for each in path:
        slopes = [slope_of(y, x @ before) for x, y in weighed]
        stacked = np.concatenate([b * x for b, (x, _) in zip(slopes, weighed, strict=True)])
        left = np.concatenate([y for _, y in weighed]) - stacked @ before
        saved = np.array(
            [[error_saved(stacked[:, t], left, names == s) for s in "abc"] for t in range(terms)]
        )
        surely = saved.mean(1) - saved.std(1, ddof=1) / np.sqrt(3)
        best = int(np.argmax(surely if how == "sure" else saved.min(1)))
        after = np.zeros(terms)
        after[list(each.chosen)] = each.weights
        assert np.flatnonzero(after - before).tolist() == [best]
        fit = np.linalg.lstsq(stacked[:, [best]], left, rcond=None)[0][0]
        assert (after - before)[best] == pytest.approx(RATE * fit)
        before = after
    assert len(path[-1].chosen) > 2
