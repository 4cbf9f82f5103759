"""Convolutional networks: CIFAR ResNets (S0 of DisWOT, and a wider space), inverted residuals.

That for 8×8 digits is so small that a whole search takes minutes on a laptop.
"""

from __future__ import annotations

import re

from autodas.core.errors import InvalidInput
from autodas.networks import ResNet
from autodas.networks.mobile import MobileNet
from autodas.spaces.base import Shape
from autodas.spaces.choices import ChoiceSpace, Each, Selection
from autodas.spaces.text import check_text

__all__ = ["DIGITS_CNN", "MOBILE", "RESNET", "RESNET_WIDE", "DepthSpace"]

LARGE_IMAGE = 96  # from this side on, the first layers reduce the resolution by four


class DepthSpace(ChoiceSpace):
    """CIFAR ResNets that differ in the number of blocks of their three stages (S0).

    The 64 students of Dong et al., *DisWOT* (CVPR 2023): widths 16, 16, 32, 64, and 1×1
    convolutions with BN as downsampling shortcuts. Architectures are written ``3-5-7``; ``357``
    is understood too.
    """

    OPTIONS = (1, 3, 5, 7)

    def __init__(self) -> None:
        super().__init__(
            "resnet",
            "S0: CIFAR ResNets with 1, 3, 5 or 7 blocks in each of three stages",
            {"depth": Each.of(self.OPTIONS, 3)},
            _depth_resnet,
            input_shape=(3, 32, 32),
            num_classes=100,
        )

    def encode(self, arch: Selection) -> str:
        """Blocks of the stages, joined by dashes."""
        self._check(arch)
        return "-".join(str(d) for d in arch["depth"])

    def decode(self, text: str) -> Selection:
        """Read ``3-5-7`` or ``357``."""
        check_text(text, self.name)
        found = re.fullmatch(r"([1357])(-?)([1357])\2([1357])", text, flags=re.ASCII)
        if found is None:
            raise InvalidInput(
                "space 'resnet': architectures are three of 1, 3, 5, 7 such as '3-5-7' or '357', "
                f"got {text[:60]!r}"
            )
        return self._select([int(found[i]) for i in (1, 3, 4)])


def _depth_resnet(arch: Selection, num_classes: int, input_shape: Shape) -> ResNet:
    return ResNet(arch["depth"], (16, 32, 64), channels=input_shape[0], num_classes=num_classes)


def _wide_resnet(arch: Selection, num_classes: int, input_shape: Shape) -> ResNet:
    return ResNet(
        arch["depth"],
        arch["width"],
        kernels=arch["kernel"],
        large_stem=min(input_shape[1:]) >= LARGE_IMAGE,
        channels=input_shape[0],
        num_classes=num_classes,
    )


RESNET = DepthSpace()

RESNET_WIDE = ChoiceSpace(
    "resnet-wide",
    "ResNets with free depth, width and kernel of four stages, for images of any size",
    {
        "depth": Each.of((1, 2, 3, 4), 4),
        "width": Each(
            ((16, 24, 32, 48), (32, 48, 64, 96), (64, 96, 128, 192), (128, 192, 256, 384))
        ),
        "kernel": Each.of((3, 5, 7), 4),
    },
    _wide_resnet,
    input_shape=(3, 32, 32),
    num_classes=100,
)


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


def _digits_cnn(arch: Selection, num_classes: int, input_shape: Shape) -> ResNet:
    return ResNet(arch["depth"], arch["width"], channels=input_shape[0], num_classes=num_classes)


DIGITS_CNN = ChoiceSpace(
    "digits-cnn",
    "small residual CNNs for 8×8 digits: depth and width of three stages",
    {"depth": Each.of((1, 2, 3), 3), "width": Each.of((4, 8, 16), 3)},
    _digits_cnn,
    input_shape=(1, 8, 8),
    num_classes=10,
    precision="double",
)
