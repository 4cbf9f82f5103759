"""Scaling logits: what confidence costs is taken away, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from autodas.distill.calibration import best_scale, brier_score, calibrated_losses


def made_up(seed: int, *, images: int = 60, classes: int = 5, skill: float = 1.0):
    rng = np.random.default_rng(seed)
    labels = torch.from_numpy(rng.integers(classes, size=images))
    logits = torch.from_numpy(rng.normal(size=(images, classes)))
    logits[torch.arange(images), labels] += skill
    return logits, labels


def mean_loss(scale: float, logits, labels) -> float:
    """Written out, for one scale."""
    total = 0.0
    for row, label in zip((scale * logits).tolist(), labels.tolist(), strict=True):
        total += math.log(sum(math.exp(each) for each in row)) - row[label]
    return total / len(labels)


@pytest.mark.parametrize("seed", range(3))
def test_the_scale_is_the_one_that_a_general_minimiser_finds(seed):
    logits, labels = made_up(seed)
    logits = 3 * logits
    there = minimize_scalar(
        lambda scale: mean_loss(scale, logits, labels), bounds=(0, 1), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    assert best_scale(logits, labels) == pytest.approx(there.x, abs=1e-5)
    assert float(calibrated_losses(logits, labels).mean()) == pytest.approx(there.fun, abs=1e-9)


@given(seed=st.integers(0, 50), factor=st.floats(3.0, 30.0))
def test_how_much_too_sure_a_network_is_does_not_matter(seed, factor):
    logits, labels = made_up(seed)
    expected = calibrated_losses(3 * logits, labels).mean()
    found = calibrated_losses(factor * logits, labels).mean()
    assert float(found) == pytest.approx(float(expected), rel=1e-9)


def test_one_that_is_not_sure_enough_is_taken_as_it_is():
    logits, labels = made_up(3, skill=4.0)
    assert best_scale(logits / 10, labels) == 1.0
    expected = mean_loss(1.0, logits / 10, labels)
    assert float(calibrated_losses(logits / 10, labels).mean()) == pytest.approx(expected)


def test_one_that_is_sure_and_wrong_costs_what_guessing_costs():
    labels = torch.tensor([0, 1, 2, 3])
    wrong = 8.0 * torch.eye(4, dtype=torch.float64)[[1, 2, 3, 0]]
    assert best_scale(wrong, labels) == 0.0
    assert calibrated_losses(wrong, labels).tolist() == pytest.approx([math.log(4)] * 4)


def test_a_better_one_that_is_too_sure_stays_better():
    logits, labels = made_up(7, images=400)
    better, _ = made_up(7, images=400, skill=2.0)
    plain = torch.nn.functional.cross_entropy
    # Confidence alone turns the order of plain cross-entropy round.
    assert plain(15 * better, labels) > plain(logits, labels)
    assert calibrated_losses(15 * better, labels).mean() < calibrated_losses(logits, labels).mean()


def test_brier_scores_worked_by_hand():
    logits = torch.log(torch.tensor([[0.7, 0.2, 0.1], [0.2, 0.2, 0.6]]))
    by_hand = ((0.3**2 + 0.2**2 + 0.1**2) + (0.2**2 + 0.8**2 + 0.6**2)) / 2
    assert brier_score(logits, torch.tensor([0, 1])) == pytest.approx(by_hand)
    sure = torch.tensor([[50.0, 0.0], [0.0, 50.0]])
    assert brier_score(sure, torch.tensor([0, 1])) == pytest.approx(0.0, abs=1e-12)
    assert brier_score(sure, torch.tensor([1, 0])) == pytest.approx(2.0)
