"""The plain forms of scores compute what the shared passes compute, and published ranks hold."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[2]))

from autodas.networks import ResNet, seeded
from autodas.scores import SCORES, Subjects
from autodas.statistics import columns, measure
from benchmarks import published_scores, zero_cost

NEEDS_DATA = pytest.mark.skipif(
    not os.environ.get("AUTODAS_DATA"), reason="AUTODAS_DATA is not set"
)


@pytest.fixture(scope="module")
def scored():
    """A small network by both ways."""
    network = seeded(lambda: ResNet((1, 2), (4, 8), channels=1, num_classes=3), 0)
    images = torch.randn(12, 1, 12, 12, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(12) % 3
    names = list(zero_cost.plain())
    measured = measure(network, images, labels, zero_cost.leaves(*names))
    store = columns(["it"], [measured], zero_cost.leaves(*names))
    subjects = Subjects(("it",), np.ones(1), store.columns, store.missing)
    return network, images, labels, subjects


@pytest.mark.parametrize("name", zero_cost.plain())
def test_both_ways_give_the_same_number(name, scored):
    network, images, labels, subjects = scored
    found = SCORES.get(name).compute(subjects).value[0]
    usual = zero_cost.plain()[name](network, images, labels)
    assert found == pytest.approx(usual, rel=2e-4, abs=1e-4 if name == "plain" else 1e-6)


@NEEDS_DATA
def test_ranks_agree_with_published_ones():
    names = ("synflow", "naswot", "snip", "jacov", "l2_norm")
    found = published_scores.checked(12, names)
    for name, least in zip(names, (0.97, 0.9, 0.8, 0.85, 0.85), strict=True):
        known = ~np.isnan(found.published[name])
        agreement = spearmanr(found.scores[name][known], found.published[name][known])[0]
        assert agreement >= least, name


def test_networks_start_with_pytorchs_own_weights():
    """Uniform in ±1 / √(fan-in), as NASLib's; ours are normal and √6 times as large."""
    code = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|nor_conv_1x1~2|"
    network = seeded(lambda: published_scores.as_naslib(code), 0)
    weights = [m.weight for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert all(w.abs().max() <= w[0].numel() ** -0.5 for w in weights)
