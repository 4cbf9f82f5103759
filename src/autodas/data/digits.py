"""Handwritten digits: 1797 real images of 8 × 8 pixels that come with scikit-learn.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
Learning Repository, 1998 (the test part of that collection, as packaged by scikit-learn).

The training part is small on purpose: 20 images of each class, 200 in all, which leaves 1597 for
the test. With much more training data every student of the digit spaces reaches nearly the same
accuracy, and there is nothing left to rank; a large test part also keeps the error of a single
accuracy below one percentage point.
"""

from __future__ import annotations

import numpy as np
import torch

from autodas.core.rng import derive_seed
from autodas.data.images import ImageData

__all__ = ["TRAIN_PER_CLASS", "load_digits"]

TRAIN_PER_CLASS = 20
NUM_CLASSES = 10
BRIGHTEST = 16.0  # the pixels count ink in 4 × 4 cells


def load_digits(train_per_class: int = TRAIN_PER_CLASS) -> ImageData:
    """The digits with their fixed split.

    Args:
        train_per_class: Images of each class in the training part, 1 to 170; anything but the
            default is another data set with another digest.
    """
    # scikit-learn takes most of a second to import and only this function needs it.
    from sklearn.datasets import load_digits as load_bunch  # noqa: PLC0415

    bunch = load_bunch()
    images = np.asarray(bunch.images, dtype=np.float64)[:, None] / BRIGHTEST
    labels = np.asarray(bunch.target, dtype=np.int64)
    train = _training_part(labels, train_per_class)
    test = np.setdiff1d(np.arange(len(labels)), train)
    # Rounded, because the last bits of a sum (hence the digest) differ between processors.
    mean, deviation = round(images[train].mean(), 4), round(images[train].std(), 4)
    pixels = torch.from_numpy(((images - mean) / deviation).astype(np.float32))
    targets = torch.from_numpy(labels)
    name = "digits" if train_per_class == TRAIN_PER_CLASS else f"digits-{train_per_class}"
    return ImageData.of_tensors(
        name, (pixels[train], targets[train]), (pixels[test], targets[test]), NUM_CLASSES
    )


def _training_part(labels: np.ndarray[tuple[int], np.dtype[np.int64]], per_class: int) -> list[int]:
    """Numbers of the training images, in ascending order.

    Images are ranked by a hash of their number instead of by a random generator, whose stream
    may change between library versions: the split must never change.
    """
    chosen: list[int] = []
    for label in range(NUM_CLASSES):
        members = np.flatnonzero(labels == label).tolist()
        chosen += sorted(members, key=lambda index: derive_seed(0, "digits", index))[:per_class]
    return sorted(chosen)
