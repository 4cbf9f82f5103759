"""A labelled image data set with a fixed split, held in memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from autodas.core.digest import digest, digest_bytes
from autodas.core.errors import InvalidInput

__all__ = ["ImageData"]


@dataclass(frozen=True, eq=False)
class ImageData:
    """Images and labels, split once and for all.

    Attributes:
        name: The name it is loaded by.
        train_images: ``(N, C, H, W)`` float32, normalised by the mean and standard deviation of
            the training part.
        train_labels: ``(N,)`` int64 in ``[0, num_classes)``.
        test_images: ``(M, C, H, W)`` float32, normalised with the same two numbers.
        test_labels: ``(M,)`` int64.
        num_classes: Number of classes, K.
        digest: SHA-256 of all of the above.

    Raises:
        InvalidInput: shapes, types or labels do not fit together.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    num_classes: int
    digest: str

    def __post_init__(self) -> None:
        _check_part(self.name, "training", self.train_images, self.train_labels, self.num_classes)
        _check_part(self.name, "test", self.test_images, self.test_labels, self.num_classes)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of one image."""
        channels, height, width = self.train_images.shape[1:]
        return int(channels), int(height), int(width)

    @classmethod
    def of_tensors(
        cls,
        name: str,
        train: tuple[Tensor, Tensor],
        test: tuple[Tensor, Tensor],
        num_classes: int,
    ) -> ImageData:
        """A data set with its digest computed from (images, labels) of both parts."""
        parts = (*train, *test)
        content = [(list(part.shape), digest_bytes(_bytes(part))) for part in parts]
        return cls(name, *train, *test, num_classes, digest(num_classes, content))


def _bytes(tensor: Tensor) -> bytes:
    return tensor.contiguous().numpy().tobytes()


def _check_part(name: str, part: str, images: Tensor, labels: Tensor, num_classes: int) -> None:
    where = f"{part} part of data set {name!r}"
    if images.ndim != 4 or images.dtype != torch.float32:
        raise InvalidInput(
            f"{where} needs float32 images (N, C, H, W), got {images.dtype} {tuple(images.shape)}"
        )
    if labels.shape != images.shape[:1] or labels.dtype != torch.int64:
        raise InvalidInput(
            f"{where} needs int64 labels ({images.shape[0]},), "
            f"got {labels.dtype} {tuple(labels.shape)}"
        )
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < num_classes:
        raise InvalidInput(f"{where} has labels outside 0 to {num_classes - 1}")
