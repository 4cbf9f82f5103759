"""Standard normal noise in the place of images: what data-free scores show a network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["fixed_normal", "noise_like"]

SEED = 1


def noise_like(images: Tensor, most: int | None = None) -> Tensor:
    """Noise of the shape and precision of ``(B, C, H, W)`` images, the same for every network.

    Args:
        images: Only shape and precision are used.
        most: Largest number of noise images; as many as there are images by default.
    """
    count = len(images) if most is None else min(len(images), most)
    generator = torch.Generator().manual_seed(SEED)
    return fixed_normal((count, *images.shape[1:]), generator, images)


def fixed_normal(shape: Sequence[int], generator: torch.Generator, like: Tensor) -> Tensor:
    """Normal numbers of the precision of ``like``, the same whichever device it is on.

    Each precision has numbers of its own: see :func:`autodas.networks.seeded`.

    Args:
        shape: Of the result.
        generator: Of the CPU.
        like: Says precision and device.
    """
    drawn = torch.randn(tuple(shape), generator=generator, dtype=like.dtype, device="cpu")
    return drawn.to(like.device)
