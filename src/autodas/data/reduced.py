"""Fewer and smaller images of a data set, so that many students can be trained on few cores.

Written after the name: ``fashion-mnist@14/4000`` has 4000 training images, equally many of each
class, and all images scaled to 14 × 14 pixels. Either part can be left out. The test part keeps
all its images, so that the accuracy stays as exact as on the whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from autodas.core.errors import InvalidInput
from autodas.core.rng import derive
from autodas.data.batch import dealt
from autodas.data.images import ImageData

__all__ = ["is_reduced", "reduced", "reduced_name"]

FORM = re.compile(r"(?P<name>[^@/:]+)(@(?P<side>[0-9]{1,4}))?(/(?P<count>[0-9]{1,9}))?")
CHUNK = 4096  # images scaled at once, to bound the memory of their float copies


def is_reduced(name: str) -> bool:
    """Whether ``name`` asks for a part of another data set, rightly written or not."""
    return "@" in name or "/" in name


def reduced_name(name: str) -> str:
    """The NAME of ``NAME@SIDE/COUNT``.

    Raises:
        InvalidInput: it is not of this form.
    """
    return _parsed(name)["name"]


def _parsed(name: str) -> re.Match[str]:
    found = FORM.fullmatch(name)
    if found is None:
        raise InvalidInput(f"data set {name!r} is not of the form NAME@SIDE/IMAGES")
    return found


def reduced(name: str, load: Callable[[str], ImageData]) -> ImageData:
    """The data set ``NAME@SIDE/COUNT``.

    Training images are drawn once and for all, equally many per class (one more of the first
    classes where their number is no multiple of K); a smaller draw is part of a larger one.
    Scaling takes the mean over the area of each new pixel, rounded in raw pixels.

    Args:
        name: With the side in pixels after ``@``, the number of training images after ``/``.
        load: Gives the data set NAME.

    Raises:
        InvalidInput: the name is not of this form, the side is larger than the images, or a
            class has fewer training images than wanted.
    """
    found = _parsed(name)
    data = load(found["name"])
    images, labels, test = data.train_images[:], data.train_labels, data.test_images[:]
    if found["count"] is not None:
        chosen = _balanced(name, labels, int(found["count"]), data.num_classes)
        images, labels = images[chosen], labels[chosen]
    if found["side"] is not None:
        side = int(found["side"])
        if not 1 <= side <= min(data.input_shape[1:]):
            raise InvalidInput(
                f"data set {name!r}: the side must lie between 1 and "
                f"{min(data.input_shape[1:])} pixels, got {side}"
            )
        images, test = _scaled(images, side), _scaled(test, side)
    return ImageData.of_tensors(
        name,
        (images, labels),
        (test, data.test_labels),
        data.num_classes,
        data.normalisation,
    )


def _balanced(name: str, labels: Tensor, count: int, num_classes: int) -> Tensor:
    """Indices, ascending, of ``count`` images."""
    classes = []
    for label in range(num_classes):
        wanted = count // num_classes + (label < count % num_classes)
        members = np.flatnonzero(labels.numpy() == label)
        if not 1 <= wanted <= len(members):
            raise InvalidInput(
                f"data set {name!r}: {count} training images need {wanted} of class {label}; "
                f"there are {len(members)}, and every class needs at least one"
            )
        classes.append(members[derive(0, "reduced data", label).permutation(len(members))])
    return torch.from_numpy(np.sort(dealt(classes, count)))


def _scaled(images: Tensor, side: int) -> Tensor:
    """``(N, C, side, side)`` of the same type."""
    parts = []
    for part in torch.split(images, CHUNK):
        small = F.interpolate(part.to(torch.float32), (side, side), mode="area")
        parts.append(small.round_().to(torch.uint8) if images.dtype == torch.uint8 else small)
    return torch.cat(parts)
