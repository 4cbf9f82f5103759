"""Labels of a task for images that have none of it.

The photographs and labels that TransNAS-Bench-101 was trained with (Taskonomy) are not published
with it. Stand-ins are computed from whatever images there are, so that they are as smooth as the
images, every data set has them, and nothing but a jigsaw's order is drawn:

* ``autoencoder``: the image itself, scaled into [−1, 1]; this one is exact.
* ``normal``: normals of a relief as high as the image is bright.
* ``segmentsemantic``: 17 classes of a pixel by its brightness, equally many pixels of an image in
  each.
* ``room_layout``: 9 numbers, the mean brightness of the thirds of thirds of the image.
* ``jigsaw``: which of 1,000 orders the nine pieces of the image have been brought into; the
  orders are drawn, not those of the benchmark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from autodas.core.digest import digest, digest_bytes
from autodas.core.rng import derive
from autodas.core.tasks import OUTPUTS, SIDE, Task
from autodas.data import Batch
from autodas.networks.heads import PIECES, mosaic, pieces

__all__ = ["labelled_for"]


def labelled_for(batch: Batch, task: Task, seed: int) -> Batch:
    """A batch with the labels of a task in the place of its own.

    Args:
        batch: Images and whatever labels; ``(B, C, H, W)``.
        task: One of :data:`autodas.core.tasks.OUTPUTS`.
        seed: Decides the orders of a jigsaw.

    Returns:
        Labels of ``segmentsemantic`` are ``(B, H, W)`` int64 classes, those of ``autoencoder``
        ``(B, C, H, W)`` and of ``normal`` ``(B, 3, H, W)`` in [−1, 1], of ``room_layout``
        ``(B, 9)`` standardised numbers, of ``jigsaw`` ``(B,)`` int64. Images are the same but for a
        jigsaw, whose pieces lie in the order of the label; pixels beyond a multiple of 3 are cut.
    """
    images = batch.images
    if task == "jigsaw":
        images, labels = _jigsaw(images, seed)
    else:
        labels = _STAND_INS[task](images)
    outputs = images.shape[1] if task == "autoencoder" else OUTPUTS[task]
    content = digest_bytes(labels.numpy(force=True).tobytes())
    return replace(
        batch,
        images=images,
        labels=labels,
        num_classes=outputs,
        digest=digest(batch.digest, task, content),
        name=f"{batch.name} for {task}",
    )


def _brightness(images: Tensor) -> Tensor:
    """``(B, H, W)``."""
    return images.mean(dim=1)


def _segments(images: Tensor) -> Tensor:
    """``(B, H, W)`` seventeenths of the pixels, from the darkest to the brightest."""
    bright = _brightness(images)
    ranks = bright.flatten(1).argsort(dim=1, stable=True).argsort(dim=1)
    return (ranks * OUTPUTS["segmentsemantic"] // ranks.shape[1]).view_as(bright)


def _itself(images: Tensor) -> Tensor:
    """``(B, C, H, W)`` in [−1, 1]: the whole batch by one factor."""
    return images / images.abs().max().clamp_min(torch.finfo(images.dtype).tiny)


def _normals(images: Tensor) -> Tensor:
    """``(B, 3, H, W)`` unit vectors."""
    padded = F.pad(_brightness(images)[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    across = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    down = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    return F.normalize(torch.stack([-across, -down, torch.ones_like(across)], dim=1), dim=1)


def _layout(images: Tensor) -> Tensor:
    """``(B, 9)`` with mean 0 and deviation 1 over the batch and its cells."""
    cells = F.adaptive_avg_pool2d(_brightness(images)[:, None], SIDE).flatten(1)
    spread = cells.std(correction=0).clamp_min(torch.finfo(cells.dtype).tiny)
    return (cells - cells.mean()) / spread


_STAND_INS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "segmentsemantic": _segments,
    "autoencoder": _itself,
    "normal": _normals,
    "room_layout": _layout,
}


def _jigsaw(images: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Images of the nine pieces in drawn orders, ``(B, C, 3 ⌊H / 3⌋, 3 ⌊W / 3⌋)``, and ``(B,)``
    numbers of the orders.
    """
    orders = derive(0, "orders of a jigsaw").permuted(
        [list(range(PIECES))] * OUTPUTS["jigsaw"], axis=1
    )
    labels = derive(seed, "jigsaw").integers(OUTPUTS["jigsaw"], size=len(images))
    which = torch.from_numpy(orders[labels]).to(images.device)
    parts = pieces(images)
    parts = parts.reshape(len(images), PIECES, *parts.shape[1:])
    placed = parts[torch.arange(len(images), device=images.device)[:, None], which]
    return mosaic(placed.flatten(0, 1)), torch.from_numpy(labels).to(images.device)
