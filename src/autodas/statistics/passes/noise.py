"""Standard normal noise in the place of images: what data-free scores show a network."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["noise_like"]

SEED = 1


def noise_like(images: Tensor, most: int | None = None) -> Tensor:
    """Noise of the shape and precision of ``(B, C, H, W)`` images, the same for every network.

    Args:
        images: Only shape and precision are used.
        most: Largest number of noise images; as many as there are images by default.
    """
    count = len(images) if most is None else min(len(images), most)
    # Each precision has numbers of its own: see autodas.networks.seeded.
    return torch.randn(
        (count, *images.shape[1:]),
        generator=torch.Generator().manual_seed(SEED),
        dtype=images.dtype,
    )
