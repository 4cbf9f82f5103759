"""Stages of student and teacher, matched and brought to one shape."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autodas.networks import StagedNetwork, seeded

__all__ = [
    "Adapters",
    "as_map",
    "pooled",
    "same_size",
    "stage_pairs",
    "stage_shapes",
    "without_prefix",
]

Shapes = list[tuple[int, ...]]


def stage_shapes(network: StagedNetwork, images: Tensor) -> Shapes:
    """Shapes of the stage outputs for ``images``, patches only, found by a dry run.

    Nothing of the network changes: it runs in evaluation mode, without gradients, and no
    random number is drawn.
    """
    was_training = network.training
    network.eval()
    with torch.no_grad():
        stages, _ = network.forward_stages(images.clone())  # it may write into them
    network.train(was_training)
    return [tuple(without_prefix(s, network.prefix_tokens).shape) for s in stages]


class Adapters(nn.Module):
    """One 1×1 convolution for each pair of matched stages.

    Tokens are turned into maps first, so that any student suits any teacher; sizes are brought
    together by the losses. Adapters are optimised with the student and never exported.

    Args:
        student: Shapes of the student's stages, ``(B, C, H, W)`` or ``(B, N, D)``.
        teacher: Shapes of the teacher's.
        seed: Of the initial weights.
    """

    def __init__(self, student: Shapes, teacher: Shapes, seed: int) -> None:
        super().__init__()
        self.pairs = stage_pairs(len(student), len(teacher))

        def make() -> nn.ModuleList:
            return nn.ModuleList(
                nn.Conv2d(_channels(student[s]), _channels(teacher[t]), 1, bias=False)
                for s, t in self.pairs
            )

        self.layers = seeded(make, seed)

    def forward(self, stages: Sequence[Tensor]) -> list[Tensor]:
        """``(B, C_t, H, W)`` of each pair, from all stages of the student."""
        return [
            layer(as_map(stages[s])) for layer, (s, _) in zip(self.layers, self.pairs, strict=True)
        ]


def _channels(shape: tuple[int, ...]) -> int:
    return shape[2] if len(shape) == 3 else shape[1]


def without_prefix(features: Tensor, prefix: int) -> Tensor:
    """``(B, N, D)`` tokens without the ``prefix`` first ones, which are no patches; maps as is."""
    return features[:, prefix:] if features.ndim == 3 else features


def as_map(features: Tensor) -> Tensor:
    """``(B, C, H, W)`` of a map, or of ``(B, N, D)`` tokens in rows: C = D and H · W = N.

    Tokens that make no square become one row.
    """
    if features.ndim != 3:
        return features
    batch, tokens, width = features.shape
    side = math.isqrt(tokens)
    height = side if side * side == tokens else 1
    return features.transpose(1, 2).reshape(batch, width, height, tokens // height)


def same_size(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both ``(B, C, H, W)`` maps averaged down to the smaller height and the smaller width."""
    size = (min(a.shape[2], b.shape[2]), min(a.shape[3], b.shape[3]))
    first, second = (
        x if tuple(x.shape[2:]) == size else F.adaptive_avg_pool2d(x, size) for x in (a, b)
    )
    return first, second


def pooled(features: Tensor) -> Tensor:
    """``(B, C)`` mean over positions."""
    return as_map(features).mean(dim=(2, 3))


def stage_pairs(students: int, teachers: int) -> list[tuple[int, int]]:
    """Pairs (stage of the student, stage of the teacher), the last with the last.

    The network with fewer stages has each of them matched; of the other, evenly spaced ones. Each
    stage has one partner, so that no teacher stage pulls at two student stages. Statistics need a
    number for every student stage and match otherwise (``statistics/side_by_side.py``).
    """
    count = min(students, teachers)
    return [
        ((i + 1) * students // count - 1, (i + 1) * teachers // count - 1) for i in range(count)
    ]
