"""Shifted views of a training set, and what the teacher says about each of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autodas.data import ImageData
from autodas.teachers import Teacher

__all__ = ["Views", "predict", "teacher_logits"]

BATCH = 512


class Views:
    """Images under all shifts of up to ``shift`` pixels; the border repeats the nearest pixel.

    A view is one shift. There are V = (2 · shift + 1)² of them, which is few enough to ask the
    teacher about every image under every shift once, however long the student trains.

    Args:
        images: ``(N, C, H, W)``, normalised or raw.
        shift: At least 0.
    """

    def __init__(self, images: Tensor, shift: int) -> None:
        height, width = images.shape[2:]
        padded = F.pad(images, (shift,) * 4, mode="replicate") if shift else images
        self.size = len(images)
        self.side = 2 * shift + 1
        # (N, C, side, side, H, W), overlapping windows of the same memory.
        self._windows = padded.unfold(2, height, 1).unfold(3, width, 1)

    @property
    def views(self) -> int:
        """Number of views, V."""
        return self.side**2

    def images(self, view: Tensor, index: Tensor) -> Tensor:
        """``(B, C, H, W)``: image ``index[i]`` under view ``view[i]``; both ``(B,)`` int64."""
        return self._windows[index, :, view // self.side, view % self.side]


def predict(
    network: nn.Module, images: Tensor, ready: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """``(N, K)`` logits of ``(N, C, H, W)`` images, without gradients, in bounded memory.

    Args:
        network: Gives the logits.
        images: All images; on the network's device.
        ready: Normalises a part of them, if they are raw (:meth:`ImageData.ready`).
    """
    with torch.no_grad():
        parts = torch.split(images, BATCH)
        return torch.cat([network(ready(part) if ready else part) for part in parts])


@lru_cache(maxsize=4)
def teacher_logits(teacher: Teacher, data: ImageData, shift: int) -> Tensor:
    """``(V, N, K)`` logits of the teacher for all training images under all shifts.

    Kept for the next student: a table asks for the same ones a thousand times.
    """
    views = Views(data.train_images, shift)
    everything = torch.arange(views.size)
    shifted = (
        views.images(torch.full_like(everything, view), everything) for view in range(views.views)
    )
    return torch.stack([predict(teacher.network, images, data.ready) for images in shifted])
