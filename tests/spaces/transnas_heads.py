"""What TransNAS-Bench-101 puts behind its networks for tasks that say something of every pixel."""

from __future__ import annotations

from torch import nn

__all__ = ["image_head", "segmentation_head"]

FIRST = 1024  # channels of the first layer
LAYERS = 6  # of a segmentation head that may double the resolution, beside the first and the last


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
