"""Maps and tokens of different sizes, brought together."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

__all__ = ["as_map", "pooled", "same_size", "stage_pairs", "without_prefix"]


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
    number for every student stage and match otherwise (``statistics/stage_matching.py``).
    """
    count = min(students, teachers)
    return [
        ((i + 1) * students // count - 1, (i + 1) * teachers // count - 1) for i in range(count)
    ]
