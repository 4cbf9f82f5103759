"""Features seen in the shapes that comparisons need, for CNNs and transformers alike."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "alike",
    "at_least_single",
    "attention_map",
    "centred_gram",
    "channel_gram",
    "channel_moments",
    "positions_gram",
    "projected_gram",
    "sample_gram",
    "selectivity",
    "spatial",
    "spatial_factors",
    "vectors",
]

FACTORS = 4  # spatial singular vectors that are compared
GRID = 4  # spatial attention is compared on a GRID × GRID map, whatever the resolution
PROJECTED = 16  # channels after projection, where networks of different widths are compared
CHANNELS = 64  # channel Grams wider than this are projected, so that spectra stay affordable


def at_least_single(value: Tensor) -> Tensor:
    """The same numbers in single precision, if they have less: eigenvalues need it."""
    return value.float() if value.dtype in {torch.float16, torch.bfloat16} else value


def alike(value: Tensor, images: Tensor) -> Tensor:
    """The same numbers in the precision of the images, and at least in single.

    A network may compute in another one, or only a part of it may.
    """
    return value.to(torch.float64 if images.dtype == torch.float64 else torch.float32)


def vectors(value: Tensor) -> Tensor:
    """``(B, D)`` of what a classifier sees, at least in single precision.

    A classifier may be a convolution of one pixel, ``(B, D, 1, 1)``, or see what is averaged
    afterwards, ``(B, N, D)`` tokens.
    """
    value = at_least_single(value)
    if value.ndim == 4:
        return value.mean((2, 3))
    return value.mean(1) if value.ndim == 3 else value


def spatial(feature: Tensor) -> Tensor:
    """``(B, C, H, W)``; tokens are laid out as a square, without a leading class token.

    Token counts that are no square, with or without a class token, become ``(B, D, N, 1)``.
    """
    if feature.ndim == 4:
        return feature
    batch, tokens, width = feature.shape
    side = math.isqrt(tokens)
    if side * side == tokens - 1:
        feature = feature[:, 1:]
    elif side * side != tokens:
        return feature.transpose(1, 2).unsqueeze(-1)
    return feature.transpose(1, 2).reshape(batch, width, side, side)


def sample_gram(feature: Tensor) -> Tensor:
    """``(B, B)``: inner products of flattened samples, divided by the number of entries each.

    The division makes Grams of different widths and resolutions comparable in scale.
    """
    flat = feature.flatten(1)
    return flat @ flat.T / flat.shape[1]


def centred_gram(feature: Tensor) -> Tensor:
    """``(B, B)``: the sample Gram of what distinguishes the samples, their mean taken away."""
    flat = feature.flatten(1)
    # Before the product: afterwards, little would be left of samples that resemble each other.
    flat = flat - flat.mean(0)
    return flat @ flat.T / flat.shape[1]


def selectivity(feature: Tensor) -> Tensor:
    """``(B, 16, 16)``: mean over channels of x·xᵀ, x a channel's 4 × 4 map scaled to length 1.

    The inner product of two such matrices is the mean over pairs of channels of the squared cosine
    of their maps: the polynomial kernel of neuron selectivity transfer.
    """
    return positions_gram(F.normalize(_grid(feature), dim=2))


def spatial_factors(feature: Tensor) -> Tensor:
    """``(B, 16, 4)``: four leading spatial singular vectors of the 4 × 4 maps, by importance.

    Each is scaled by its singular value over the norm of all four; its largest entry is positive.
    Those of less than a thousandth are zero: their directions are rounding errors.
    """
    squares, vectors = torch.linalg.eigh(positions_gram(_grid(feature).double()))
    values = F.normalize(squares[:, -FACTORS:].clamp_min(0).sqrt().flip(1), dim=1)
    values = torch.where(values > 1e-3, values, 0.0)
    vectors = vectors[..., -FACTORS:].flip(2)
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    factors: Tensor = vectors * largest.sign() * values[:, None]
    return factors.to(feature.dtype)


def positions_gram(maps: Tensor) -> Tensor:
    """``(B, P, P)``: mean over channels of x·xᵀ of ``(B, C, P)`` maps."""
    return maps.transpose(1, 2) @ maps / maps.shape[1]


def _grid(feature: Tensor) -> Tensor:
    """``(B, C, 16)``: every channel averaged onto a 4 × 4 grid."""
    return F.adaptive_avg_pool2d(spatial(feature), GRID).flatten(2)


def channel_gram(feature: Tensor) -> Tensor:
    """``(c, c)``: second moments of channels over samples and positions, c = min(C, 64).

    Wider features are first projected to 64 channels by a fixed orthonormal matrix.
    """
    return _second_moments(feature, CHANNELS)


def projected_gram(feature: Tensor) -> Tensor:
    """``(16, 16)``: second moments of channels after a fixed projection to 16.

    Networks of different widths can be compared; narrower features are padded with zeros.
    """
    gram = _second_moments(feature, PROJECTED)
    missing = PROJECTED - gram.shape[0]
    return F.pad(gram, (0, missing, 0, missing))


def channel_moments(value: Tensor) -> tuple[Tensor, Tensor]:
    """``(C,)`` mean and ``(C,)`` variance of every channel of ``(B, C, …)``."""
    others = [axis for axis in range(value.ndim) if axis != 1]
    mean = value.mean(others, keepdim=True)
    # In two passes by hand: torch.var is tens of times slower.
    return mean.flatten(), (value - mean).square_().mean(others)


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


def _second_moments(feature: Tensor, channels: int) -> Tensor:
    """``(c, c)``, c = min(C, ``channels``): mean of x·xᵀ over samples and positions."""
    # One product per sample, because turning channels to the end would copy every map.
    maps = feature.flatten(2) if feature.ndim == 4 else feature.transpose(1, 2)
    if maps.shape[1] > channels:
        maps = _projection(maps.shape[1], channels, maps.dtype).to(maps.device).T @ maps
    return (maps @ maps.transpose(1, 2)).sum(0) / (maps.shape[0] * maps.shape[2])


@lru_cache(maxsize=256)
def _projection(width: int, to: int, dtype: torch.dtype) -> Tensor:
    """``(width, to)``: a fixed matrix with orthogonal columns, scaled to keep mean energy.

    Each precision has one of its own, see :func:`autodas.networks.seeded`.
    """
    generator = torch.Generator().manual_seed(width * 1009 + to)
    drawn = torch.randn(width, to, generator=generator, dtype=dtype, device="cpu")
    basis: Tensor = torch.linalg.qr(drawn).Q
    return basis * math.sqrt(width / to)
