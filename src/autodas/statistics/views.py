"""Features seen in the shapes that comparisons need, for CNNs and transformers alike."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "attention_map",
    "channel_gram",
    "positions",
    "projected_gram",
    "sample_gram",
    "spatial",
]

GRID = 4  # spatial attention is compared on a GRID × GRID map, whatever the resolution
PROJECTED = 16  # channels after projection, where networks of different widths are compared
CHANNELS = 64  # channel Grams wider than this are projected, so that spectra stay affordable


def positions(feature: Tensor) -> Tensor:
    """``(B·P, C)``: one row per sample and position.

    Args:
        feature: ``(B, C, H, W)`` or ``(B, N, D)``.
    """
    if feature.ndim == 4:
        return feature.permute(0, 2, 3, 1).reshape(-1, feature.shape[1])
    return feature.reshape(-1, feature.shape[-1])


def spatial(feature: Tensor) -> Tensor:
    """``(B, C, H, W)``; tokens are laid out as a square, without a leading class token.

    Token counts that are no square, with or without a class token, become ``(B, D, N, 1)``.
    """
    if feature.ndim == 4:
        return feature
    batch, tokens, width = feature.shape
    side = math.isqrt(tokens)
    if side * side != tokens and math.isqrt(tokens - 1) ** 2 == tokens - 1:
        feature, side = feature[:, 1:], math.isqrt(tokens - 1)
    elif side * side != tokens:
        return feature.transpose(1, 2).unsqueeze(-1)
    return feature.transpose(1, 2).reshape(batch, width, side, side)


def sample_gram(feature: Tensor) -> Tensor:
    """``(B, B)``: inner products of flattened samples, divided by the number of entries each.

    The division makes Grams of different widths and resolutions comparable in scale.
    """
    flat = feature.flatten(1)
    return flat @ flat.T / flat.shape[1]


def channel_gram(feature: Tensor) -> Tensor:
    """``(c, c)``: second moments of channels over samples and positions, c = min(C, 64).

    Wider features are first projected to 64 channels by a fixed orthonormal matrix.
    """
    rows = positions(feature)
    if rows.shape[1] > CHANNELS:
        rows = rows @ _projection(rows.shape[1], CHANNELS)
    return rows.T @ rows / len(rows)


def projected_gram(feature: Tensor) -> Tensor:
    """``(16, 16)``: second moments of channels after a fixed projection to 16.

    Networks of different widths can be compared; narrower features are padded with zeros.
    """
    rows = positions(feature)
    if rows.shape[1] > PROJECTED:
        rows = rows @ _projection(rows.shape[1], PROJECTED)
    gram = rows.T @ rows / len(rows)
    missing = PROJECTED - gram.shape[0]
    return F.pad(gram, (0, missing, 0, missing))


def attention_map(feature: Tensor) -> Tensor:
    """``(B, 16)``: where the energy lies, a distribution over a 4 × 4 grid for each sample.

    Mean of squared activations over channels (Zagoruyko & Komodakis, ICLR 2017, eq. 1 with
    p = 2), averaged onto the grid and normalised to sum 1.
    """
    energy = spatial(feature).square().mean(1, keepdim=True)
    grid = F.adaptive_avg_pool2d(energy, GRID).flatten(1)
    total = grid.sum(1, keepdim=True)
    uniform = torch.full_like(grid, 1 / grid.shape[1])
    return torch.where(total > 0, grid / total.clamp_min(torch.finfo(grid.dtype).tiny), uniform)


def _projection(width: int, to: int) -> Tensor:
    """``(width, to)``: a fixed matrix with orthogonal columns, scaled to keep mean energy."""
    generator = torch.Generator().manual_seed(width * 1009 + to)
    basis: Tensor = torch.linalg.qr(torch.randn(width, to, generator=generator)).Q
    return basis * math.sqrt(width / to)
