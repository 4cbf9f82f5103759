"""Heads of the tasks of TransNAS-Bench-101, and the pieces of its jigsaw.

Duan et al. (CVPR 2021) put a decoder behind the features of a network for tasks that say something
of every pixel, and a linear layer for the others. A jigsaw's network sees nine pieces of an image
one by one, and a linear layer all of their features.
"""

from __future__ import annotations

from torch import Tensor, nn

from autodas.core.tasks import DENSE, SIDE, Task

__all__ = ["PIECES", "head_of", "image_head", "mosaic", "pieces", "segmentation_head"]

PIECES = SIDE**2  # of a jigsaw

FIRST = 1024  # channels of the first layer
LAYERS = 6  # of a segmentation head that may double the resolution, beside the first and the last


def head_of(task: Task, channels: int, doublings: int, outputs: int) -> nn.Module:
    """The head of a task other than a classification.

    Args:
        task: One of :data:`autodas.core.tasks.OUTPUTS`.
        channels: Of the features.
        doublings: How often a decoder doubles the resolution, 2 to 6.
        outputs: Classes of a pixel, channels of an image, numbers or permutations.
    """
    if task in DENSE:
        decoder = segmentation_head if task == "segmentsemantic" else image_head
        return decoder(channels, doublings, outputs)
    return nn.Linear(channels * (PIECES if task == "jigsaw" else 1), outputs)


def pieces(images: Tensor) -> Tensor:
    """``(B, C, H, W)`` to ``(9 B, C, H // 3, W // 3)``, those of an image next to each other, row
    by row; what is beyond a multiple of 3 pixels is cut off.
    """
    batch, channels, height, width = images.shape
    high, wide = height // SIDE, width // SIDE
    cut = images[:, :, : high * SIDE, : wide * SIDE]
    grid = cut.reshape(batch, channels, SIDE, high, SIDE, wide)
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(batch * PIECES, channels, high, wide)


def mosaic(parts: Tensor) -> Tensor:
    """``(9 B, C, h, w)`` pieces to ``(B, C, 3 h, 3 w)``; the inverse of :func:`pieces`."""
    count, channels, high, wide = parts.shape
    grid = parts.reshape(count // PIECES, SIDE, SIDE, channels, high, wide)
    return grid.permute(0, 3, 1, 4, 2, 5).reshape(-1, channels, high * SIDE, wide * SIDE)


def segmentation_head(channels: int, doublings: int, classes: int) -> nn.Sequential:
    """(B, channels, h, w) to (B, classes, 2^doublings · h, 2^doublings · w) logits.

    Args:
        channels: Of the features.
        doublings: How often the resolution is doubled, 2 to 6.
        classes: Of a pixel.
    """
    layers = [_layer(channels, FIRST)]
    width = FIRST
    for number in range(LAYERS):
        doubles = number >= LAYERS - doublings
        narrower = width if number == LAYERS - 1 else width // 2
        layers.append(_layer(width, narrower, doubles=doubles))
        width = narrower
    return nn.Sequential(*layers, nn.Conv2d(width, classes, 3, padding=1))


def image_head(channels: int, doublings: int, outputs: int = 3) -> nn.Sequential:
    """(B, channels, h, w) to (B, outputs, 2^doublings · h, 2^doublings · w) in [−1, 1].

    Args:
        channels: Of the features.
        doublings: How often the resolution is doubled, 2 to 6.
        outputs: Channels of the image.
    """
    layers, width = [_layer(channels, FIRST), _layer(FIRST, FIRST)], FIRST
    # (channels of a layer that may double the resolution, of the one after it, from how many on)
    for first, second, from_ in ((512, 512, 6), (256, 128, 5), (64, 64, 4), (32, 32, 3)):
        layers += [_layer(width, first, doubles=doublings >= from_), _layer(first, second)]
        width = second
    layers += [_layer(width, 16, doubles=True), _layer(16, 32), _layer(32, 16, doubles=True)]
    return nn.Sequential(*layers, nn.Conv2d(16, outputs, 3, padding=1), nn.Tanh())


def _layer(inputs: int, outputs: int, *, doubles: bool = False) -> nn.Sequential:
    convolution = (
        nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
        if doubles
        else nn.Conv2d(inputs, outputs, 3, padding=1)
    )
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2))
