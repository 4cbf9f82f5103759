"""Shifted views of a training set, and networks run on many images."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor, nn

from autodas.data import ImageData
from autodas.data.image_files import ImageFiles, Images

__all__ = ["Views", "predict", "resident"]

BATCH = 512
SHARE = 0.25  # of the free memory of a GPU that a training set may take


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
        # By indices, since not every device repeats the border of bytes.
        rows, columns = (
            torch.arange(-shift, n + shift, device=images.device).clamp(0, n - 1)
            for n in (height, width)
        )
        padded = images[:, :, rows][:, :, :, columns] if shift else images
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
        device = self._windows.device
        view, index = view.to(device), index.to(device)
        return self._windows[index, :, view // self.side, view % self.side]


def predict(
    network: nn.Module, images: Images, ready: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """``(N, K)`` logits of ``(N, C, H, W)`` images, without gradients, in bounded memory.

    Args:
        network: Gives the logits.
        images: All images, wherever they are; a part after the other goes to the network's device.
        ready: Normalises a part of them, if they are raw (:meth:`ImageData.ready`).
    """
    weights = next(network.parameters(), None)
    found = []
    with torch.no_grad():
        for start in range(0, max(1, len(images)), BATCH):
            part = images[start : start + BATCH]
            part = part if weights is None else part.to(weights.device)
            # A copy: a network may write into its images, and these are everybody's.
            found.append(network(ready(part).clone() if ready else part.clone()))
    return torch.cat(found)


@lru_cache(maxsize=4)
def resident(data: ImageData, device: str) -> Tensor:
    """The training images where students are trained, once for all students of a process.

    A GPU takes them whole where they fill no more than a quarter of its free memory; then
    augmentation happens there too. Otherwise they stay in main memory, and batches travel.
    """
    images = data.train_images
    if isinstance(images, ImageFiles):
        raise TypeError("images that stay in their files are not held in memory")
    if torch.device(device).type != "cuda":
        return images
    free, _ = torch.cuda.mem_get_info(device)
    return images.to(device) if images.nbytes <= SHARE * free else images
