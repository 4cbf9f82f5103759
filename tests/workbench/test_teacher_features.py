"""Scores of a teacher's features, against plain computations."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from autodas.workbench.teacher_facts import margin
from autodas.workbench.teacher_features import _evidence, collapse, h_score, log_me, ncti

RNG = np.random.default_rng(0)
LABELS = np.repeat([0, 1, 2], 8)


def blobs(apart, width=5, noise=1.0):
    means = apart * np.eye(3, width)
    return means[LABELS] + noise * np.random.default_rng(1).normal(size=(24, width))


@pytest.mark.parametrize("width", [3, 40])
def test_log_me_is_the_largest_evidence_of_a_linear_model(width):
    features = RNG.normal(size=(24, width))
    wanted = features @ RNG.normal(size=width) + RNG.normal(size=24)
    left, singular, _ = np.linalg.svd(features, full_matrices=False)
    best = _evidence(left, singular**2, wanted)

    def plainly(alpha, beta):
        spread = features @ features.T / alpha + np.eye(24) / beta
        return multivariate_normal(np.zeros(24), spread).logpdf(wanted)

    grid = np.geomspace(0.01, 100, 40)
    tried = [plainly(alpha, beta) for alpha in grid for beta in grid]
    assert max(tried) <= best + 1e-6
    assert best == pytest.approx(max(tried), abs=0.05)


def test_log_me_is_the_mean_over_classes_per_image():
    features = blobs(2.0)
    left, singular, _ = np.linalg.svd(features, full_matrices=False)
    each = [_evidence(left, singular**2, (c == LABELS).astype(float)) for c in range(3)]
    assert log_me(features, LABELS) == pytest.approx(sum(each) / 3 / 24)
    assert log_me(blobs(0.0), LABELS) < log_me(blobs(2.0), LABELS) < log_me(blobs(9.0), LABELS)


def test_h_score_of_one_feature_is_the_shrunk_share_of_variance_between_classes():
    features = np.array([[0.0], [2.0], [4.0], [6.0]])
    # All variance is 5; the class means, 1 and 5, vary by 4. One feature is not shrunk.
    assert h_score(features, np.array([0, 0, 1, 1])) == pytest.approx(4 / 5)
    assert h_score(np.ones((4, 2)), np.array([0, 0, 1, 1])) == 0.0
    assert h_score(blobs(0.0), LABELS) < h_score(blobs(2.0), LABELS) < h_score(blobs(9.0), LABELS)


def test_collapsed_features_are_apart_right_and_of_one_answer_each():
    near, far = (collapse(blobs(apart, width=4), LABELS) for apart in (0.5, 30.0))
    assert near.spread < far.spread
    assert near.fit < far.fit == pytest.approx(1.0)
    # Eight equal rows (1, 0, 0) have the nuclear norm √8; three classes.
    assert far.variety == pytest.approx(math.log(3 * math.sqrt(8)))
    assert near.variety > far.variety


def test_features_that_hardly_vary_are_shrunk():
    found = collapse(1e-3 * blobs(2.0), LABELS)
    assert np.isfinite(found).all()
    assert found.fit < collapse(blobs(9.0), LABELS).fit


def test_the_margin_is_that_of_a_hand_computation():
    logits = torch.log(torch.tensor([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1]]))
    assert margin(logits, torch.tensor([0, 1])) == pytest.approx((0.5 - 0.1) / 2, abs=1e-6)


def test_ncti_is_relative_to_the_candidates():
    found = ncti([[1.0, 0.5, 3.0], [3.0, 0.7, 2.0], [2.0, 0.5, 1.0], [np.nan] * 3])
    assert found[:3] == pytest.approx([0 + 0 - 1, 1 + 1 - 0.5, 0.5 + 0 - 0])
    assert np.isnan(found[3])
    assert ncti([[1.0, 0.5, 3.0]]) == pytest.approx([0.0])
