"""The Hessian pass looks at the first images of a batch, for both of its factors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from autodas.networks import seeded
from autodas.spaces import get_space
from autodas.statistics import measure


@pytest.mark.parametrize("name", ["digits-cnn", "digits-vit"])
def test_a_larger_batch_is_as_good_as_its_first_images(name):
    space = get_space(name)
    network = seeded(lambda: space.build(space.sample(np.random.default_rng(0))), 0).double()
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(25, 1, 8, 8, generator=generator).double()
    labels = torch.arange(len(images)) % 10
    whole, first = (
        measure(network, images[:n], labels[:n], ["hessian_saliency"])["hessian_saliency"].value
        for n in (None, 16)
    )
    for a, b in zip(whole.segments, first.segments, strict=True):
        assert a == pytest.approx(b, rel=1e-9, abs=1e-12)
