"""Inverted residual networks with depth, width, expansion and kernel free in every stage."""

from __future__ import annotations

from autodas.networks.mobile import MobileNet
from autodas.spaces.base import Shape
from autodas.spaces.choices import ChoiceSpace, Each, Selection

__all__ = ["MOBILE"]

LARGE_IMAGE = 96  # from this side on, stem and first stage reduce the resolution by four


def _mobile(arch: Selection, num_classes: int, input_shape: Shape) -> MobileNet:
    large = min(input_shape[1:]) >= LARGE_IMAGE
    return MobileNet(
        arch["depth"],
        arch["width"],
        arch["expansion"],
        arch["kernel"],
        strides=(2 if large else 1, 2, 2, 1, 2),
        stem_stride=2 if large else 1,
        channels=input_shape[0],
        num_classes=num_classes,
    )


MOBILE = ChoiceSpace(
    "mobile",
    "MobileNetV2 blocks: depth, width, expansion and kernel of five stages",
    {
        "depth": Each.of((1, 2, 3, 4), 5),
        "width": Each(((16, 24), (24, 32, 40), (40, 64, 80), (80, 96, 112), (128, 160, 192))),
        "expansion": Each.of((2, 3, 4, 6), 5),
        "kernel": Each.of((3, 5, 7), 5),
    },
    _mobile,
    input_shape=(3, 32, 32),
    num_classes=100,
)
