"""Probe batches: the few fixed images on which statistics are measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autodas.core.digest import digest, digest_bytes
from autodas.core.errors import InvalidInput, UnknownName
from autodas.core.rng import derive
from autodas.data.images import ImageData

__all__ = ["Batch", "Kind", "dealt", "probe_batch"]

Numbers: TypeAlias = npt.NDArray[np.int64]
Kind = Literal["real", "noise", "grey"]


@dataclass(frozen=True, eq=False)
class Batch:
    """Images with labels.

    Attributes:
        images: ``(B, C, H, W)`` float32, normalised.
        labels: ``(B,)`` int64.
        num_classes: Number of classes, K.
        digest: SHA-256 of images and labels.
        name: How it was drawn, e.g. ``"digits real 64 seed 0"``.
    """

    images: Tensor
    labels: Tensor
    num_classes: int
    digest: str
    name: str


def probe_batch(data: ImageData, size: int, seed: int, kind: Kind = "real") -> Batch:
    """A balanced batch from the training part; the same arguments give the same batch.

    Class counts differ by at most one, as long as every class has enough images; where one runs
    out, the others share what is missing. The two other kinds keep the labels and take the content
    away: ``noise`` has standard normal pixels, ``grey`` fills every image with its own mean. A
    score that ranks networks just as well on those does not look at the data.

    Args:
        data: Where to draw from.
        size: Number of images, B; at least 1.
        seed: Decides which images, and the noise.
        kind: ``"real"``, ``"noise"`` or ``"grey"``.

    Raises:
        InvalidInput: ``size`` is not possible or ``kind`` is unknown.
    """
    if kind not in get_args(Kind):
        raise UnknownName("kind of probe batch", kind, get_args(Kind))
    chosen = torch.from_numpy(_balanced(data, size, seed))
    images, labels = data.ready(data.train_images[chosen]), data.train_labels[chosen]
    if kind == "noise":
        noise = derive(seed, "probe noise").standard_normal(images.shape)
        images = torch.from_numpy(noise.astype(np.float32))
    elif kind == "grey":
        images = images.mean(dim=(2, 3), keepdim=True).expand_as(images).contiguous()
    content = digest(
        data.num_classes,
        list(images.shape),
        digest_bytes(images.numpy().tobytes()),
        labels.tolist(),
    )
    return Batch(
        images, labels, data.num_classes, content, f"{data.name} {kind} {size} seed {seed}"
    )


def _balanced(data: ImageData, size: int, seed: int) -> Numbers:
    """``(size,)`` numbers of training images, class counts as equal as possible, shuffled."""
    rng = derive(seed, "probe", data.digest)
    labels = data.train_labels.numpy()
    members = [rng.permutation(np.flatnonzero(labels == k)) for k in range(data.num_classes)]
    order = rng.permutation(data.num_classes)  # who gets one more is drawn, too
    if not 1 <= size <= len(labels):
        raise InvalidInput(
            f"a batch of {size} images cannot be drawn from {data.name!r}; "
            f"choose 1 to {len(labels)}"
        )
    return rng.permutation(dealt([members[k] for k in order], size))


def dealt(classes: Sequence[Numbers], count: int) -> Numbers:
    """``(count,)`` members of the classes, dealt in rounds, so that counts differ by at most one.

    Where a class runs out, the others share what is missing.

    Args:
        classes: Numbers of the members of each, in the order they are to be dealt.
        count: At most as many as there are members.
    """
    rounds = range(min(count, max(len(own) for own in classes)))
    found = [own[turn] for turn in rounds for own in classes if turn < len(own)]
    return np.asarray(found[:count])
