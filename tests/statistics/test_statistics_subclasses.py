"""Layers that do more than their class says, and normalisations of every kind."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from statistics_toys import CHANNELS, SIDE, ToyCNN, fill, images
from statistics_twins import OWN, assert_alike, measured, reasons
from torch import nn

from autodas.statistics.passes.gaussian import drawn
from autodas.statistics.passes.information import output_factors, weight_information
from autodas.statistics.passes.noise import noise_like


class Padding(nn.Conv2d):
    """Pads its images itself, as TensorFlow does."""

    def forward(self, x):
        return F.conv2d(F.pad(x, (1, 1, 1, 1)), self.weight)


class Acting(nn.BatchNorm2d):
    """An activation is part of it."""

    def forward(self, x):
        return super().forward(x).relu()


class ChannelsFirst(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def changed(act=torch.relu, **layers):
    class Changed(ToyCNN):
        def forward_stages(self, x):
            first = act(self.bn1(self.conv1(x)))
            second = act(self.bn2(self.conv2(first)))
            return [first, second], self.classifier(second.mean((2, 3)))

    network = Changed()
    for name, layer in layers.items():
        setattr(network, name, layer)
    fill(network)
    return network


SUBCLASSES = {
    "padding": {"conv1": Padding(CHANNELS, 3, 3, bias=False)},
    "acting": {"bn1": Acting(3), "bn2": Acting(20)},
}


@pytest.mark.parametrize("what", SUBCLASSES)
def test_vkdnw_sees_what_a_subclass_does(what):
    values = [
        float(measured(network, ["information_rank"])["information_rank"].value.segments[0])
        for network in (changed(**SUBCLASSES[what]), changed())
    ]
    assert values[0] == pytest.approx(values[1], abs=1e-5)


NORMS = {
    "channels first": lambda: ChannelsFirst(3),
    "whole maps": lambda: nn.LayerNorm([3, SIDE, SIDE]),
    "instances": lambda: nn.InstanceNorm2d(3, affine=True),
    "without running statistics": lambda: nn.BatchNorm2d(3, track_running_stats=False),
    "in a circle": None,
}


def information(network, noise):
    """Of single images: gradients of the logits at the first entries, from finite differences."""
    network.eval()
    columns = []
    with torch.no_grad():
        base = torch.cat([network(image) for image in torch.split(noise, 1)])
        for parameter in network.parameters():
            first, step = parameter.view(-1)[:1], 1e-6
            first += step
            changed = torch.cat([network(image) for image in torch.split(noise, 1)])
            first -= step
            columns.append((changed - base) / step)
    return base, torch.stack(columns)


@pytest.mark.parametrize("norm", NORMS)
def test_vkdnw_is_that_of_single_images(norm):
    if NORMS[norm]:
        network = changed(torch.tanh, bn1=NORMS[norm]()).double()
    else:
        circle = nn.Conv2d(CHANNELS, 3, 3, padding=1, bias=False, padding_mode="circular")
        network = changed(torch.tanh, conv1=circle).double()
    before = copy.deepcopy(network.state_dict())
    pixels = images().double()
    found = weight_information(network, pixels)
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in before.items())
    drawn_weights = drawn(
        network, torch.Generator().manual_seed(0), lambda w: (2 / w[0].numel()) ** 0.5
    )
    twin = copy.deepcopy(network)
    with torch.no_grad():
        for mine, other in zip(network.parameters(), twin.parameters(), strict=True):
            other.copy_(drawn_weights[id(mine)])
    logits, gradients = information(twin, noise_like(pixels, 16))
    expected = 0
    for n in range(len(logits)):
        half = output_factors(logits[n : n + 1])[0] @ gradients[:, n].T
        expected = expected + half.T @ half / len(logits)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))


def test_every_normalisation_of_maps_shows_its_moments():
    for norm in (nn.InstanceNorm2d(3), nn.GroupNorm(1, 3), nn.BatchNorm2d(3), ChannelsFirst(3)):
        network = changed(bn1=norm)
        found = measured(network, ["norm_mean"])["norm_mean"]
        maps = network.conv1(images()).detach()
        np.testing.assert_allclose(found.value.segments[0], maps.mean((0, 2, 3)), rtol=1e-4)


def test_instances_are_normalised_as_in_a_training():
    kept = nn.InstanceNorm2d(3, affine=True, track_running_stats=True)
    assert_alike(
        measured(changed(bn1=kept)),
        measured(changed(bn1=nn.InstanceNorm2d(3, affine=True))),
        but={"information_rank"} | {n for n in OWN if "virtual" in n},  # those see running ones
    )


KEEP_NOTHING = {
    "batch": lambda c: nn.BatchNorm2d(c, track_running_stats=False),
    "instances": lambda c: nn.InstanceNorm2d(c, affine=True),
    "instances, no longer": lambda c: no_longer(
        nn.InstanceNorm2d(c, affine=True, track_running_stats=True)
    ),
}


def no_longer(norm):
    norm.track_running_stats = False
    return norm


@pytest.mark.parametrize("norm", KEEP_NOTHING)
def test_for_synflow_a_normalisation_without_statistics_is_the_identity(norm):
    """As one whose statistics are still those that it began with."""
    names = [n for n in OWN if "virtual" in n]
    network, fresh = changed(bn1=KEEP_NOTHING[norm](3)), changed(bn1=nn.BatchNorm2d(3))
    fresh.bn1.reset_running_stats()
    before = dict(vars(network.bn1)), dict(network.bn1._buffers)
    assert_alike(measured(network, names), measured(fresh, names))
    assert (vars(network.bn1), network.bn1._buffers) == before


class Vector(ToyCNN):
    """Normalises the vectors before its classifier over the batch, whatever the mode."""

    def __init__(self):
        super().__init__()
        self.vectors = nn.BatchNorm1d(20, track_running_stats=False)

    def forward_stages(self, x):
        stages, _ = super().forward_stages(x)
        return stages, self.classifier(self.vectors(stages[1].mean((2, 3))))


def test_what_cannot_be_run_on_a_single_image_is_unmeasurable():
    names = ["information_rank", "macs", "sign_agreement", "virtual_output", "saliency"]
    assert reasons(measured(Vector(), names)) == dict.fromkeys(
        names[:-2], "a part of the batch is too small for BatchNorm"
    )
