"""PiT sub-networks as searched by Auto-Prox (AAAI 2024)."""

from __future__ import annotations

import itertools

from autodas.networks.pit import PoolingTransformer
from autodas.spaces.base import Shape
from autodas.spaces.choices import ChoiceSpace, Each, Selection

__all__ = ["PIT"]


def _pit(arch: Selection, num_classes: int, input_shape: Shape) -> PoolingTransformer:
    return PoolingTransformer(
        arch["base_dim"],
        arch["depth"],
        arch["num_heads"],
        arch["mlp_ratio"],
        input_shape=input_shape,
        num_classes=num_classes,
    )


def _non_decreasing(arch: Selection) -> bool:
    heads = arch["num_heads"]
    return all(a <= b for a, b in itertools.pairwise(heads))


PIT = ChoiceSpace(
    "pit",
    "pooling-based vision transformers: base width, MLP ratio, depth and heads of three stages",
    {
        "base_dim": (16, 24, 32, 40),
        "mlp_ratio": (2, 4, 6, 8),
        "depth": Each(((1, 2, 3), (4, 6, 8), (2, 4, 6))),
        "num_heads": Each.of((2, 4, 8), 3),
    },
    _pit,
    valid=_non_decreasing,
    input_shape=(3, 224, 224),
    num_classes=100,
)
