"""Scores that see no images, beside those published with TransNAS-Bench-101."""

from __future__ import annotations

import os

import numpy as np
import pytest
import scipy.stats
import torch

from autodas.networks import seeded
from autodas.scores import SCORES, Subjects
from autodas.spaces import get_space
from autodas.statistics import columns, measure
from autodas.workbench.ground_truth import load_table

TASK = "class_scene"  # its head is the one our networks have
IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(2)


@pytest.mark.slow
@pytest.mark.skipif("AUTODAS_DATA" not in os.environ, reason="AUTODAS_DATA is not set")
@pytest.mark.parametrize("name", ["transnas-macro", "transnas-micro"])
def test_scores_without_images_rank_as_published(name):
    table, space = load_table(name), get_space(name)
    known = np.flatnonzero(np.isfinite(table.published[f"{TASK}/l2_norm"]))[:64]
    texts = tuple(table.architectures[row] for row in known)
    assert len(texts) == 64
    architectures = [space.decode(text) for text in texts]
    networks = (seeded(lambda a=arch: space.build(a), 0) for arch in architectures)
    leaves = sorted(SCORES.get("l2_norm").leaves)
    measured = [measure(each, IMAGES, LABELS, leaves) for each in networks]
    store = columns(texts, measured, leaves)
    subjects = Subjects(texts, np.ones(len(texts)), store.columns, store.missing)
    costs = [space.cost(arch) for arch in architectures]
    ours = {
        "l2_norm": SCORES.get("l2_norm").compute(subjects).value,
        "params": [cost.params for cost in costs],
        "flops": [cost.macs for cost in costs],
    }
    for score, values in ours.items():
        published = table.published[f"{TASK}/{score}"][known]
        assert scipy.stats.spearmanr(published, values)[0] >= 0.95, score
