"""The three statistics of AZ-NAS (Lee & Ham, CVPR 2024), beside the paper on made-up tensors.

The formulas are written out below from sections 3.1 to 3.3 of the paper, in NumPy and without a
line of ours: features are made up, and each block is a map whose gradient is known in closed form.
"""

import numpy as np
import pytest
import torch
from statistics_toys import ToyViT, images, labels
from torch import nn

from autodas.networks import StagedNetwork
from autodas.statistics import measure
from autodas.statistics.passes.blocks import block_values

EPSILON, STEM = 1e-8, (6, 5, 8, 8)
NAMES = ["block_entropy", "entropy_step", "gradient_balance"]


def made_up(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape)


# --- the paper -----------------------------------------------------------------------------------


def as_rows(feature):
    """Eq. 1: all positions of all samples, one row of channels each."""
    return np.array(
        [feature[b, :, i, j] for b, i, j in np.ndindex(len(feature), *feature.shape[2:])]
    )


def expressivity(feature):
    """Eq. 2: entropy of the shares of variance of the principal components."""
    rows = as_rows(feature)
    deviations = rows - rows.sum(0) / len(rows)
    covariance = sum(np.outer(row, row) for row in deviations) / len(rows)
    variances = np.linalg.svd(covariance, compute_uv=False)
    shares = variances / variances.sum()
    return -sum(share * np.log(share + EPSILON) for share in shares)


def trainability(entering, leaving):
    """Eqs. 4 to 6: of a gradient entering at a block's output and leaving at its input.

    Where the block halves the resolution, four neighbouring positions of the input are four
    channels of one position.
    """
    if leaving.shape[2] > entering.shape[2]:
        leaving = np.stack(
            [
                leaving[:, c, r::2, q::2]
                for c in range(leaving.shape[1])
                for r in (0, 1)
                for q in (0, 1)
            ],
            axis=1,
        )
    pairs = zip(as_rows(leaving), as_rows(entering), strict=True)
    matrix = sum(np.outer(a, b) for a, b in pairs) / len(as_rows(entering))
    largest = np.linalg.svd(matrix, compute_uv=False)[0]
    return -largest - 1 / (largest + 1e-6) + 2


# --- made-up blocks ------------------------------------------------------------------------------

MIX = made_up(7, 5, seed=2) / 3  # output channels by input channels
CORNERS = made_up(2, 2, seed=3)  # what each of four neighbours counts for


def chain():
    """Stem, a block that mixes channels, one that halves the resolution; and their gradients."""
    stem = torch.from_numpy(made_up(*STEM, seed=1)).requires_grad_()
    mixed = torch.einsum("oc,bchw->bohw", torch.from_numpy(MIX), stem)
    parts = [CORNERS[r, q] * mixed[:, :, r::2, q::2] for r in (0, 1) for q in (0, 1)]

    def through_mix(gradient):
        return np.einsum("oc,bohw->bchw", MIX, gradient)

    def through_halving(gradient):
        return np.kron(gradient, CORNERS)

    return [stem, mixed, sum(parts)], [through_mix, through_halving]


def rademacher(shape, number):
    """The gradient that enters the block of this number: ±1, drawn anew for each."""
    generator = torch.Generator().manual_seed(number)
    return 2.0 * torch.randint(2, shape, generator=generator).numpy() - 1


def test_the_entropies_are_those_of_the_paper():
    features, _ = chain()
    expected = [expressivity(feature.detach().numpy()) for feature in features]
    np.testing.assert_allclose(block_values(features).entropies, expected, rtol=1e-9)
    assert len({round(each, 3) for each in expected}) == 3


def test_the_trainability_is_that_of_the_paper():
    features, backward = chain()
    expected = []
    for number, (outer, through) in enumerate(zip(features[1:], backward, strict=True)):
        entering = rademacher(outer.shape, number)
        expected.append(trainability(entering, through(entering)))
    np.testing.assert_allclose(block_values(features).trainability, expected, rtol=1e-9)
    assert abs(expected[0] - expected[1]) > 0.1


# --- what the network is shown --------------------------------------------------------------------


class Mixing(nn.Module):
    """A block with a part of its own."""

    def __init__(self, mix):
        super().__init__()
        self.inner = nn.Conv2d(*mix.shape[::-1], 1, bias=False)
        self.inner.weight.data = torch.from_numpy(mix)[:, :, None, None]

    def forward(self, x):
        return self.inner(x)


class Chain(StagedNetwork):
    """Two made-up blocks on the images themselves."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Mixing(made_up(4, 2, seed=4)), Mixing(made_up(3, 4, seed=5))])
        self.classifier = nn.Linear(3, 3, dtype=torch.float64)
        self.seen = []

    def forward_stages(self, x):
        self.seen.append(x.detach())
        first = self.blocks[0](x)
        second = self.blocks[1](first)
        return [first, second], self.classifier(second.mean((2, 3)))


def test_networks_are_shown_standard_normal_noise_as_published():
    network, pixels = Chain(), 50 + 9 * images(16, 2, 24).double()
    found = measure(network, pixels, labels(16), NAMES)
    assert len(network.seen) == 1  # nothing else is run
    (noise,) = network.seen
    assert noise.shape == pixels.shape
    assert noise.dtype == pixels.dtype
    assert abs(float(noise.mean())) < 0.03
    assert float(noise.std()) == pytest.approx(1, abs=0.03)
    correlations = np.corrcoef(noise.flatten(1))
    assert np.abs(correlations - np.eye(16)).max() < 0.15  # every image is noise of its own
    features = [noise]
    for block in network.blocks:
        features.append(torch.einsum("oc,bchw->bohw", block.inner.weight[:, :, 0, 0], features[-1]))
    entropies = [expressivity(feature.detach().numpy()) for feature in features]
    np.testing.assert_allclose(found["block_entropy"].value.segments, entropies, rtol=1e-9)
    steps = found["entropy_step"].value.segments
    np.testing.assert_allclose(steps, [min(np.diff(entropies))], rtol=1e-9)


@pytest.mark.parametrize("pixels", [torch.zeros(5, 2, 6, 6), 300 * images() - 7])
def test_the_images_do_not_matter(pixels):
    plain = measure(ToyViT(), images(), labels(), NAMES)
    other = measure(ToyViT(), pixels, labels(), NAMES)
    for name in NAMES:
        np.testing.assert_array_equal(plain[name].value.segments, other[name].value.segments)


def test_a_block_that_puts_out_nothing_has_the_smallest_step():
    """Published as minus infinity: it ranks behind every step that a network can make."""
    stem, mixed, halved = (feature.detach() for feature in chain()[0])
    steepest = torch.einsum("bchw,c->bhw", mixed, torch.ones(7, dtype=torch.float64))[:, None]
    found = block_values([stem, mixed * 0, halved])
    assert found.entropies[1] == 0
    assert found.step == pytest.approx(-np.log(7))
    assert found.step < block_values([mixed, steepest]).step < 0
