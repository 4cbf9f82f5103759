"""Random crops and mirror images, the usual augmentation of small natural images.

He et al., "Deep Residual Learning for Image Recognition", 2016, section 4.2: four pixels are
padded on each side, and a crop of the original size is sampled from the padded image or its
mirror image.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from autodas.core.errors import InvalidInput

__all__ = ["crop_and_flip"]


def crop_and_flip(
    images: Tensor,
    rng: np.random.Generator,
    *,
    padding: int = 4,
    flip: bool = True,
    fill: float = 0.0,
) -> Tensor:
    """Shift every image by up to ``padding`` pixels and mirror half of them.

    The generator is read on the CPU, in the same way whatever the device and the options: the
    same generator state gives the same views on a CPU and on a GPU.

    Args:
        images: ``(B, C, H, W)`` of any type, on any device; raw pixels (uint8) are cheapest.
        rng: Decides shifts and mirror images; two draws per batch.
        padding: Largest shift in both directions, at least 0.
        flip: Whether to mirror.
        fill: What stands beyond the border: 0 is black in raw pixels.

    Returns:
        ``(B, C, H, W)`` in new memory.

    Raises:
        InvalidInput: the images are no batch, or the padding is negative.
    """
    if images.ndim != 4 or padding < 0:
        raise InvalidInput(
            "augmentation needs images (B, C, H, W) and a padding of at least 0, "
            f"got {tuple(images.shape)} and {padding}"
        )
    count, _, height, width = images.shape
    shifts = rng.integers(2 * padding + 1, size=(2, count))
    mirrored = rng.random(count) < 0.5
    top, left = torch.from_numpy(shifts).to(images.device)
    padded = F.pad(images, (padding,) * 4, value=fill)
    # (B, C, 2p + 1, 2p + 1, H, W): all crops, overlapping windows of the same memory.
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    crops = windows[torch.arange(count, device=images.device), :, top, left]
    if not flip:
        return crops
    turn = torch.from_numpy(mirrored).to(images.device).view(-1, 1, 1, 1)
    return torch.where(turn, crops.flip(3), crops)
