"""What networks with drawn weights do to noise, beside the same in plain steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from autodas.networks import StagedNetwork
from autodas.statistics.passes import gaussian, information
from autodas.statistics.passes.without_trace import measuring_mode

IMAGES = torch.zeros(20, 2, 4, 4, dtype=torch.float64)  # whose numbers do not matter


def draws(seed):
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)


class Mixed(StagedNetwork):
    """Every sort of layer that has information, and a token that has none."""

    def __init__(self, padding=1, **options):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, stride=2, padding=padding, **options)
        self.batch = nn.BatchNorm2d(4)
        self.group, self.dilated = nn.GroupNorm(2, 4), nn.Conv2d(4, 3, 2, bias=False)
        self.linear, self.layer = nn.Linear(3, 5), nn.LayerNorm(5)
        self.token = nn.Parameter(torch.ones(1, 1, 5))
        self.classifier = nn.Linear(5, 3)
        self.double()
        self.batch.running_mean += 0.3 * torch.arange(4)
        self.batch.running_var += torch.arange(4)

    def forward_stages(self, x):
        first = self.batch(self.conv(x)).relu()
        maps = self.dilated(self.group(first))
        tokens = self.layer(self.linear(maps.flatten(2).transpose(1, 2))) * self.token
        return [first, tokens], self.classifier(tokens.tanh().mean(1))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding_mode": "circular"},
        {"padding_mode": "reflect", "padding": (1, 2)},
        {"padding_mode": "replicate", "padding": (2, 1)},
        {"groups": 2, "dilation": (1, 2), "padding": (1, 3)},
    ],
    ids=str,
)
def test_information_is_that_of_the_first_entry_of_every_tensor(options):
    network = Mixed(**options)
    found = information.weight_information(network, IMAGES)
    draw, owned = draws(0), [p for name, p in network.named_parameters() if name != "token"]
    for name, parameter in network.named_parameters():
        if parameter.ndim in (2, 4):
            fan_in = parameter[0].numel()
            parameter.data = draw(*parameter.shape) * (2 / fan_in) ** 0.5
        elif name != "token":
            parameter.data.fill_(0 if name.endswith("bias") else 1)
    network.eval()
    outputs = network(draws(1)(16, 2, 4, 4))
    factors = information.output_factors(outputs.detach())
    expected = 0
    for row, factor in zip(outputs, factors, strict=True):
        gradients = [torch.autograd.grad(each, owned, retain_graph=True) for each in row]
        jacobian = torch.stack([torch.stack([g.flatten()[0] for g in each]) for each in gradients])
        expected = expected + (factor @ jacobian).T @ (factor @ jacobian) / 16
    assert expected.diagonal().min() > 1e-6
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("classes", "images"), [(3, 16), (16, 10), (80, 4)])
def test_fewer_images_do_where_there_are_many_classes(classes, images):
    network, seen = Mixed(), []
    network.classifier = nn.Linear(5, classes).double()
    network.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    information.weight_information(network, IMAGES)
    assert seen == [1, images]


def test_the_first_128_tensors_have_information():
    layers = [nn.Linear(2, 2) for _ in range(64)]
    network = nn.Sequential(nn.Flatten(), nn.Linear(32, 2), *layers).double()
    assert information.weight_information(network, IMAGES).shape == (128, 128)


class Spread(StagedNetwork):
    """A normalisation on the way to the last stage, and one after it."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3, eps=1e-14)
        self.act, self.after, self.classifier = nn.Tanh(), nn.BatchNorm2d(3), nn.Linear(3, 2)
        self.double()

    def forward_stages(self, x):
        last = self.norm(self.conv(x))
        return [last], self.classifier(self.after(self.act(last)).mean((2, 3)))


def test_growth_is_that_of_a_small_change_with_what_the_normalisation_took_away():
    network, draw = Spread(), draws(0)
    with measuring_mode(network):
        found = gaussian.perturbation_growth(network, IMAGES)
    weight, _ = draw(3, 2, 1, 1), draw(2, 3)
    noise = draw(16, 2, 4, 4)
    changed = noise + 0.01 * draw(16, 2, 4, 4)
    before, after = (torch.einsum("oc,bchw->bohw", weight[..., 0, 0], x) for x in (noise, changed))
    axes = (0, 2, 3)
    scaled = [(v - v.mean(axes, keepdim=True)) / v.std(axes, correction=0, keepdim=True)
              for v in (before, after)]  # fmt: skip
    moved = (scaled[0] - scaled[1]).flatten(1).norm(dim=1).mean()
    removed = before.var(axes, correction=0).mean().sqrt()
    assert found == pytest.approx(float(moved.log() + removed.log()), rel=1e-9)


class Joined(Spread):
    """What follows the last stage is given it beside something else, in different ways."""

    def __init__(self, way):
        super().__init__()
        self.way, self.join = way, Join()

    def forward_stages(self, x):
        last = self.norm(self.conv(x))
        other = torch.ones_like(last)
        given = {"first": (last, other), "second": (other, last), "listed": ([other, last],)}
        return [last], self.classifier(self.after(self.join(*given[self.way])).mean((2, 3)))


class Join(nn.Module):
    def forward(self, *values):
        return 3 * sum(values[0] if isinstance(values[0], list) else values)


@pytest.mark.parametrize("way", ["first", "second", "listed"])
def test_a_normalisation_after_the_last_stage_takes_nothing_away(way):
    found = []
    for network in (Spread(), Joined(way)):
        with measuring_mode(network):
            found.append(gaussian.perturbation_growth(network, IMAGES))
    assert found[0] == pytest.approx(found[1], rel=1e-9)


def test_a_network_that_draws_draws_the_same_numbers_every_time():
    network, state = Spread(), torch.random.get_rng_state()
    expected = torch.rand(3, generator=torch.Generator().manual_seed(0))
    for _ in range(2):
        with measuring_mode(network):
            assert torch.equal(torch.rand(3), expected)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_an_output_that_does_not_change_has_a_finite_growth():
    """Neither the change nor the deviation is less than 1e-30."""
    network = Spread()
    network.conv.register_forward_hook(lambda _, __, output: 0 * output)
    network.norm.eps = 1e-5
    with measuring_mode(network):
        found = gaussian.perturbation_growth(network, IMAGES)
    assert found == pytest.approx(2 * np.log(1e-30))
