"""What InTrain (Zhou et al., CVPR 2026) sees, on tensors and networks of which it is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from statistics_toys import ToyCNN, ToyViT, images, labels
from torch import nn

from autodas.core.results import Failed, Ok
from autodas.networks import StagedNetwork, seeded
from autodas.statistics import measure
from autodas.statistics.passes.noise_loss import health, log_participation

NAMES = ["log_participation", "gradient_health"]


def rows_of(*variances, count=4000):
    """Uncorrelated columns with exactly these variances."""
    drawn = np.random.default_rng(0).normal(size=(count, len(variances)))
    columns, _ = np.linalg.qr(drawn - drawn.mean(0))
    return torch.from_numpy(columns * np.sqrt(count * np.array(variances)) + 3.0)


@pytest.mark.parametrize(
    ("variances", "ratio"),
    [((2.0,) * 5, 5), ((1.0, 0.0, 0.0), 1), ((3.0, 1.0), 16 / 10), ((4.0, 2.0, 2.0), 64 / 24)],
)
@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_the_participation_ratio_counts_directions(variances, ratio, scale):
    assert log_participation(scale * rows_of(*variances)) == pytest.approx(np.log(ratio), abs=1e-6)


def test_what_does_not_vary_takes_no_direction():
    """With an epsilon on the diagonal, as published, it would take all of them."""
    assert log_participation(torch.full((20, 4), 7.0)) == 0.0
    assert log_participation(torch.zeros(1, 4)) == 0.0


def test_health_is_the_deviation_over_the_largest_entry():
    even, one, opposite = torch.ones(8), torch.zeros(4), torch.tensor([1.0, -1.0])
    one[2] = -2.0
    found = health([even, one, opposite, torch.zeros(3), torch.zeros(0)])
    # One of four entries is -2: mean -1/2, variance (3 · 1/4 + 9/4) / 4 = 3/4.
    assert found == pytest.approx([0.0, np.sqrt(0.75) / 2, 1.0, 0.0, 0.0])


def test_nothing_is_not_healthy():
    assert health([torch.zeros(3), torch.zeros(0)]) == [0.0, 0.0]
    assert health([]) == []


@pytest.mark.parametrize(("dtype", "rest"), [(torch.float32, 3e-8), (torch.float64, 1e-17)])
def test_what_rounding_leaves_of_a_gradient_is_not_healthy(dtype, rest):
    alternating = torch.tensor([1.0, -1.0], dtype=dtype)
    assert health([alternating, rest * alternating]) == [1.0, 0.0]
    assert health([alternating, 1e-5 * alternating]) == pytest.approx([1.0, 1.0])
    assert health([rest * alternating]) == pytest.approx([1.0])  # the largest there is


@pytest.mark.parametrize("precision", ["single", "double"])
def test_a_bias_before_batch_norm_moves_nothing(precision):
    network = ToyCNN().double() if precision == "double" else ToyCNN()
    pixels = images().to(network.classifier.weight.dtype)
    found = measure(network, pixels, labels(), NAMES)["gradient_health"].value.segments
    moved = dict(zip(sorted(n for n, _ in network.named_parameters()), found, strict=True))
    assert moved["conv2.bias"] == 0.0
    assert all(0 < value <= 1 for name, value in moved.items() if name != "conv2.bias")


def test_images_and_labels_do_not_decide():
    network = ToyViT()
    found = measure(network, images(), labels(), NAMES)
    other = measure(network, 5 - images(), labels().flip(0), NAMES)
    assert [found[name] for name in NAMES] == [other[name] for name in NAMES]


class Twice(StagedNetwork):
    """One convolution, called twice, and a classifier."""

    def __init__(self, calls=2):
        super().__init__()
        self.calls = calls
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.classifier = nn.Linear(2, 3)

    def forward_stages(self, x):
        for _ in range(self.calls):
            x = torch.tanh(self.conv(x))
        return [x], self.classifier(x.mean((2, 3)))


def test_the_uses_of_a_layer_add_up():
    once, twice = (
        measure(seeded(lambda n=n: Twice(n), 0), images(), labels(), NAMES) for n in (1, 2)
    )
    (first, _), (both, _) = (each["log_participation"].value.segments for each in (once, twice))
    assert 0 < first < both <= 2 * np.log(2)
    never = measure(seeded(lambda: Twice(0), 0), images(), labels(), NAMES)
    assert never["log_participation"].value.segments[0] == 0.0
    assert list(never["gradient_health"].value.segments[2:]) == [0.0, 0.0], "conv.bias and .weight"


class Dense(StagedNetwork):
    """Numbers for every pixel."""

    def __init__(self):
        super().__init__()
        self.conv, self.classifier = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 3, 1)

    def forward_stages(self, x):
        x = torch.relu(self.conv(x))
        return [x], self.classifier(x)


def test_outputs_for_every_pixel_are_drawn_towards_drawn_numbers():
    network = seeded(Dense, 0)
    pixelwise = torch.zeros(len(images()), *images().shape[2:], dtype=torch.int64)
    for known in (pixelwise, torch.zeros(len(images()), 3, *images().shape[2:])):
        found = measure(network, images(), known, NAMES)
        assert len(found["log_participation"].value.segments) == 2
        assert all(0 < value <= 1 for value in found["gradient_health"].value.segments)


@pytest.mark.parametrize("kind", [ToyCNN, Dense])
def test_gradients_are_those_of_drawn_labels_for_noise(kind):
    network = seeded(kind, 0).double()
    draw = lambda shape, seed: torch.randn(  # noqa: E731
        shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    pixels = images().double()
    outputs = network(draw(pixels.shape, 1))
    if kind is Dense:
        loss = (outputs - draw(outputs.shape, 2)).square().mean()
    else:
        known = torch.randint(3, (len(pixels),), generator=torch.Generator().manual_seed(2))
        loss = -outputs.log_softmax(1)[torch.arange(len(pixels)), known].mean()
    named = dict(sorted(network.named_parameters()))
    gradients = [g.numpy() for g in torch.autograd.grad(loss, list(named.values()))]
    expected = [min(1.0, g.std() / np.abs(g).max()) for g in gradients]
    if kind is ToyCNN:
        expected[list(named).index("conv2.bias")] = 0.0
    known = torch.zeros(len(pixels), *outputs.shape[2:], dtype=torch.int64)
    (found,) = measure(network, pixels, known, ["gradient_health"]).values()
    assert [float(s) for s in found.value.segments] == pytest.approx(expected, rel=1e-7)


def test_frozen_weights_and_packed_attention_are_reasons():
    network = ToyCNN()
    network.conv1.weight.requires_grad_(requires_grad=False)
    for name in NAMES:
        found = measure(network, images(), labels(), NAMES)[name]
        assert isinstance(found, Failed)
        assert "frozen" in found.reason
    packed = measure(seeded(Packed, 0), images(), labels(), NAMES)
    assert "MultiheadAttention" in packed["log_participation"].reason
    assert len(packed["gradient_health"].value.segments) == 6


class Packed(StagedNetwork):
    """Positions attend to each other."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(2, 1, batch_first=True)
        self.classifier = nn.Linear(2, 3)

    def forward_stages(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        tokens, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return [tokens], self.classifier(tokens.mean(1))


def test_a_frozen_norm_alone_is_left_out():
    network = ToyCNN()
    network.bn1.weight.requires_grad_(requires_grad=False)
    found = measure(network, images(), labels(), NAMES)
    assert all(isinstance(found[name], Ok) for name in NAMES)
    full = measure(ToyCNN(), images(), labels(), NAMES)
    counts = [len(each["gradient_health"].value.segments) for each in (found, full)]
    assert counts[0] == counts[1] - 1
