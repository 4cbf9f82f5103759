"""Networks that choose the precision they compute in."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from statistics_toys import ToyCNN, ToyViT, images, labels, signals

from autodas.core.results import Failed, Ok
from autodas.statistics import STATISTICS, measure

OWN = [s.name for s in STATISTICS if s.measure.__module__.startswith("autodas.")]


class Casting(ToyViT):
    """Makes single precision of whatever it is given."""

    def forward_stages(self, x):
        return super().forward_stages(x.float())


class Autocast(ToyCNN):
    """Computes its convolutions in half of single precision, and shows them so."""

    def forward_stages(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            first = self.conv1(x)
            second = self.conv2(F.relu(first))
            return [first, second], self.classifier(second.mean((2, 3)))


def measured(network, names=OWN):
    return measure(network, images(), labels(), names, teacher=signals(ToyCNN()))


@pytest.fixture(scope="module")
def both():
    return measured(Casting()), measured(ToyViT())


@pytest.mark.parametrize("name", OWN)
def test_a_cast_to_single_precision_changes_no_value(name, both):
    found, expected = (values[name] for values in both)
    assert isinstance(found, Ok) == isinstance(expected, Ok), found
    if isinstance(expected, Ok):
        for a, b in zip(found.value.segments, expected.value.segments, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5 * np.abs(b).max())


def test_what_single_precision_cannot_hold_is_unmeasurable():
    network = Casting()
    with torch.no_grad():
        network.classifier.weight.mul_(1e38)
    names = ["virtual_output", "virtual_saliency", "virtual_grad", "log_virtual_saliency"]
    found = measured(network, names)
    reason = "at absolute weights, the outputs for ones sum up to inf"
    assert found == dict.fromkeys(names, Failed(reason))


@pytest.mark.parametrize("name", OWN)
def test_features_in_half_of_single_precision_have_values_or_a_reason(name):
    found = measured(Autocast(), [name])[name]
    expected = measured(ToyCNN(), [name])[name]
    if isinstance(found, Failed):
        assert "normalisation" in found.reason or isinstance(expected, Failed)


def test_an_error_of_the_network_is_told():
    class Broken(ToyCNN):
        def forward_stages(self, x):
            raise RuntimeError("broken in every precision")

    with pytest.raises(RuntimeError, match="broken in every precision"):
        measured(Broken(), ["virtual_output"])
