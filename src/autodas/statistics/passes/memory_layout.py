"""How images and feature maps lie in memory: for speed, where that is safe."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["channels_where_they_lie", "laid_out"]

VECTOR = 16  # numbers of single precision in the widest registers that oneDNN computes with


def laid_out(images: Tensor, network: nn.Module) -> Tensor:
    """The images with their channels last in memory, where convolutions are faster so.

    In single precision on a CPU, oneDNN computes them in that layout, and reorders every tensor
    that comes in another. Numbers are the same but for rounding.
    """
    if images.ndim != 4 or images.device.type != "cpu" or images.dtype != torch.float32:
        return images
    if any(map(_written_past, network.modules())):
        return images.contiguous()
    return images.contiguous(memory_format=torch.channels_last)


def _written_past(module: nn.Module) -> bool:
    """Whether oneDNN may give a wrong gradient at a convolution's weights if channels are last.

    For a convolution of 1 × 1 with a stride, whose input has fewer channels than a register, it
    writes beyond its workspace: two threads then write into each other's, now and then, and one may
    crash (oneDNN #6035; not mended in November 2026).
    """
    return (
        isinstance(module, nn.Conv2d)
        and module.kernel_size == (1, 1)
        and max(module.stride) > 1
        and module.in_channels // module.groups < VECTOR
    )


def channels_where_they_lie(value: Tensor) -> Tensor:
    """A view of feature maps whose last dimension is what is last in memory."""
    last = value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last)
    return value.permute(0, 2, 3, 1) if last else value
