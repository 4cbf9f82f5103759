"""A term is worth what it gains on spaces that did not choose its weight."""

from __future__ import annotations

import numpy as np
import pytest

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
