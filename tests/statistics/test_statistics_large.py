"""Definitions that only show on larger inputs: many classes, many images."""

import numpy as np
import pytest
import torch
from statistics_toys import ToyCNN, ToyViT, images, labels
from torch import nn

from autodas.networks import StagedNetwork
from autodas.statistics import measure


def value(network, name, pixels, known):
    found = measure(network, pixels, known, [name])[name]
    return [np.array(segment) for segment in found.value.segments]


FIRST = [  # statistic, how many images it looks at
    ("tangent_kernel", 8),
    ("tangent_condition", 8),
    ("sign_agreement", 8),
    ("hessian_saliency", 16),
]


@pytest.mark.parametrize(("name", "first"), FIRST)
def test_the_first_images_count_and_no_others(name, first):
    network = ToyViT().double()  # whose images do not meet in a normalisation
    pixels, known = images(first + 3).double(), labels(first + 3)
    whole = value(network, name, pixels, known)
    alone = value(network, name, pixels[:first], known[:first])
    for a, b in zip(whole, alone, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    fewer = value(network, name, pixels[: first - 1], known[: first - 1])
    assert [a.shape for a in fewer] != [a.shape for a in alone] or not np.allclose(fewer, alone)


def test_noise_of_at_most_16_images_goes_through_gaussian_weights():
    # ToyCNN's images meet in its normalisation, so that each of them counts.
    known = {n: value(ToyCNN(), "perturbation_growth", images(n), labels(n)) for n in (15, 16, 17)}
    assert known[16] == known[17]
    assert known[15] != known[16]


def test_epe_nas_with_more_than_100_classes_is_in_its_second_form():
    """Lopes et al., ICANN 2021, eq. 6: differences of the classes' means of logarithms."""
    count = 11
    known = torch.tensor([0, 0, 0, 0, 50, 50, 50, 100, 100, 7, 7])
    network = ToyCNN(101).double()
    pixels = images(count).double().requires_grad_()
    # In the mode in which statistics see it: BatchNorm by the batch.
    (gradient,) = torch.autograd.grad(network(pixels).sum(), [pixels])
    correlations = np.corrcoef(gradient.detach().numpy().reshape(count, -1))
    means = []
    for label in (0, 7, 50, 100):
        mine = np.flatnonzero(known.numpy() == label)
        total = sum(np.log(abs(correlations[i, j]) + 1e-5) for i in mine for j in mine)
        means.append(total / len(mine))
    expected = sum(abs(a - b) for a in means for b in means) / len(means)
    (found,) = value(network, "class_jacobian_spread", pixels.detach(), known)
    assert found == pytest.approx(expected, rel=1e-9)


def test_epe_nas_with_100_classes_is_in_its_first_form():
    count = 6
    network = ToyCNN(100).double()
    pixels, known = images(count).double().requires_grad_(), torch.tensor([0, 0, 0, 99, 99, 7])
    (gradient,) = torch.autograd.grad(network(pixels).sum(), [pixels])
    logs = np.log(np.abs(np.corrcoef(gradient.detach().numpy().reshape(count, -1))) + 1e-5)
    expected = abs(logs[:3, :3].sum()) + abs(logs[3:5, 3:5].sum()) + abs(logs[5, 5])
    (found,) = value(network, "class_jacobian_spread", pixels.detach(), known)
    assert found == pytest.approx(expected, rel=1e-9)


class OneUnitEach(StagedNetwork):
    """Of 72 units, each is above zero for the image that has a one at its pixel."""

    def __init__(self):
        super().__init__()
        self.classifier = nn.Linear(72, 3)

    def forward_stages(self, x):
        units = torch.relu(x.flatten(1) - 0.5)
        return [units[:, None]], self.classifier(units)


@pytest.mark.parametrize(("count", "patterns"), [(3, 4), (62, 63), (63, 64), (64, 65), (66, 65)])
def test_units_are_told_apart_by_the_first_64_images(count, patterns):
    """A pattern for each of the first 64 images, and that of the units which none of them wakes."""
    pixels = torch.eye(72)[:count].view(count, 2, 6, 6)
    assert value(OneUnitEach(), "distinct_units", pixels, labels(count)) == [patterns]
