"""How images lie in memory decides how fast they are measured, and nothing else."""

import pytest
import torch
from torch import nn

from autodas.core.results import Ok
from autodas.networks import cifar_resnet, seeded
from autodas.statistics import Need, measure
from autodas.statistics.definitions.whole_network import _patterns
from autodas.statistics.passes import probe
from autodas.statistics.passes.memory_layout import channels_where_they_lie, laid_out
from autodas.statistics.passes.probe import Probe

NEEDS = frozenset({Need.FORWARD, Need.ACTIVATIONS})
NAMES = ("weight_grad", "activation_kernel", "distinct_units", "jacobian_gram", "feature")


def network():
    return seeded(lambda: cifar_resnet(layers=8, num_classes=10, channels=3), 0)


def images():
    return torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_channels_lie_last_in_single_precision_alone():
    single, double = images(), images().double()
    last = torch.channels_last
    assert Probe(network(), single, torch.arange(6), NEEDS).images.is_contiguous(memory_format=last)
    assert Probe(network().double(), double, torch.arange(6), NEEDS).images is double


@pytest.mark.parametrize("given", [torch.ones(6, 4), images().to("meta"), images().half()])
def test_other_images_stay_as_they_are(given):
    assert laid_out(given, network()) is given


def test_maps_are_seen_in_the_order_of_memory():
    maps = images()
    last = maps.contiguous(memory_format=torch.channels_last)
    seen = channels_where_they_lie(last)
    assert torch.equal(seen, maps.permute(0, 2, 3, 1))
    assert seen.is_contiguous()
    for other in (maps, maps.flatten(2), maps.flatten(1)):
        assert channels_where_they_lie(other) is other


@pytest.mark.parametrize(
    ("convolution", "safe"),
    [
        (nn.Conv2d(3, 20, 1, stride=2), False),
        (nn.Conv2d(15, 16, 1, stride=(1, 2)), False),
        (nn.Conv2d(32, 32, 1, stride=2, groups=4), False),
        (nn.Conv2d(16, 20, 1, stride=2), True),
        (nn.Conv2d(3, 20, 1), True),
        (nn.Conv2d(3, 20, 3, stride=2), True),
    ],
)
def test_channels_stay_first_where_gradients_could_be_wrong(convolution, safe):
    """With two threads on AVX2, one gradient in thousands was wrong by half (oneDNN 6035)."""
    last = images().contiguous(memory_format=torch.channels_last)
    student = nn.Sequential(network(), convolution)
    for given in (images(), last):
        seen = Probe(student, given, torch.arange(6), NEEDS).images
        assert torch.equal(seen, images())
        assert seen.is_contiguous(memory_format=torch.channels_last) == safe
        assert seen.is_contiguous() != safe


def test_values_are_those_of_the_other_layout(monkeypatch):
    labels = torch.arange(6)
    found = measure(network(), images(), labels, NAMES)
    monkeypatch.setattr(probe, "laid_out", lambda value, _: value)
    plain = measure(network(), images(), labels, NAMES)
    for name in NAMES:
        assert isinstance(found[name], Ok)
        for ours, theirs in zip(
            found[name].value.segments, plain[name].value.segments, strict=True
        ):
            assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-5), name


def test_units_lie_as_in_memory_and_agree_all_the_same():
    with Probe(network(), images(), torch.arange(6), NEEDS) as seen:
        signs = seen.activation_signs
        agreeing, units = seen.agreements
    assert all(each.shape[0] == 6 and each.is_contiguous() for each in signs)
    every = torch.cat(signs, 1)
    assert units == every.shape[1]
    same = (every[:, None] == every[None]).sum(2)
    assert torch.equal(agreeing, same.double())


@pytest.mark.parametrize(("rows", "units"), [(1, 1), (64, 1), (5, 7), (64, 300)])
def test_patterns_are_as_many_as_columns_differ(rows, units):
    signs = torch.rand(rows, units, generator=torch.Generator().manual_seed(3)) > 0.5
    assert len(_patterns(signs)) == units
    assert len(torch.unique(_patterns(signs))) == torch.unique(signs, dim=1).shape[1]
