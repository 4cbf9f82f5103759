"""Two small spaces for 8×8 digits, in which a whole search takes minutes on a laptop."""

from __future__ import annotations

from autodas.networks import ResNet, VisionTransformer
from autodas.spaces.base import Shape
from autodas.spaces.choices import ChoiceSpace, Each, Selection

__all__ = ["DIGITS_CNN", "DIGITS_VIT"]


def _cnn(arch: Selection, num_classes: int, input_shape: Shape) -> ResNet:
    return ResNet(arch["depth"], arch["width"], channels=input_shape[0], num_classes=num_classes)


def _vit(arch: Selection, num_classes: int, input_shape: Shape) -> VisionTransformer:
    depth = arch["depth"]
    return VisionTransformer(
        arch["width"],
        (arch["heads"],) * depth,
        (arch["mlp_ratio"],) * depth,
        patch=2,
        init="fan-in",
        input_shape=input_shape,
        num_classes=num_classes,
    )


DIGITS_CNN = ChoiceSpace(
    "digits-cnn",
    "small residual CNNs for 8×8 digits: depth and width of three stages",
    {"depth": Each.of((1, 2, 3), 3), "width": Each.of((4, 8, 16), 3)},
    _cnn,
    input_shape=(1, 8, 8),
    num_classes=10,
)

DIGITS_VIT = ChoiceSpace(
    "digits-vit",
    "small vision transformers for 8×8 digits: width, depth, heads, MLP ratio",
    {
        "width": (12, 24, 36, 48),
        "depth": (1, 2, 3, 4),
        "heads": (1, 2, 3, 4),
        "mlp_ratio": (0.5, 1.0, 2.0, 4.0),
    },
    _vit,
    input_shape=(1, 8, 8),
    num_classes=10,
)
