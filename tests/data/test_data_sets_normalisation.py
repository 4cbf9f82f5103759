"""Pixels to normalised numbers, and from one normalisation to another."""

import pytest
import torch

from autodas.core.errors import InvalidInput
from autodas.data.images import CIFAR100, FASHION_MNIST, IMAGENET, Normalisation

PIXELS = torch.arange(256, dtype=torch.uint8).repeat(3).view(1, 3, 16, 16)


def test_known_values():
    found = Normalisation((0.5, 0.0, 0.2), (0.5, 1.0, 0.1))(PIXELS)
    assert found.dtype == torch.float32
    assert found[0, :, 0, 0].tolist() == pytest.approx([-1.0, 0.0, -2.0])
    assert found[0, :, 15, 15].tolist() == pytest.approx([1.0, 1.0, 8.0])
    assert found[0, 1, 3, 4].item() == pytest.approx(52 / 255)
    assert PIXELS[0, 0, 0, 1] == 1  # the pixels are left alone


def test_one_image_and_one_channel():
    assert IMAGENET(PIXELS[0]).shape == (3, 16, 16)
    grey = FASHION_MNIST(PIXELS[:, :1])
    assert grey[0, 0, 0, 0].item() == pytest.approx(-0.286 / 0.353)


def test_towards_another():
    scale, shift = (torch.tensor(n).view(3, 1, 1) for n in CIFAR100.towards(IMAGENET))
    torch.testing.assert_close(CIFAR100(PIXELS) * scale + shift, IMAGENET(PIXELS))
    same_scale, same_shift = IMAGENET.towards(IMAGENET)
    assert (same_scale, same_shift) == ((1, 1, 1), (0, 0, 0))
    with pytest.raises(InvalidInput, match="1 channels do not fit a normalisation of 3"):
        FASHION_MNIST.towards(IMAGENET)


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ((), ()),
        ((0.5,), (0.5, 0.5)),
        ((0.5,), (0.0,)),
        ((0.5,), (-1.0,)),
        ((float("nan"),), (1.0,)),
    ],
)
def test_refuses_what_is_no_normalisation(mean, std):
    with pytest.raises(InvalidInput, match="one mean and one positive deviation per channel"):
        Normalisation(mean, std)
