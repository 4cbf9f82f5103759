"""A labelled image data set with a fixed split, held in memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from autodas.core.digest import digest, digest_bytes
from autodas.core.errors import InvalidInput
from autodas.data.normalisation import Normalisation

__all__ = ["ImageData"]


@dataclass(frozen=True, eq=False)
class ImageData:
    """Images and labels, split once and for all.

    Attributes:
        name: The name it is loaded by.
        train_images: ``(N, C, H, W)``. Small data sets hold what networks see: float32,
            normalised by the mean and standard deviation of the training part. Large ones hold
            raw pixels, uint8; :meth:`ready` normalises those that are needed.
        train_labels: ``(N,)`` int64 in ``[0, num_classes)``.
        test_images: ``(M, C, H, W)``, in the same form.
        test_labels: ``(M,)`` int64.
        num_classes: Number of classes, K.
        digest: SHA-256 of all of the above but the name, and of the normalisation.
        normalisation: What :meth:`ready` applies to raw pixels; None if nobody needs to know.

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
    normalisation: Normalisation | None = None

    def __post_init__(self) -> None:
        _check_part(self, "training", self.train_images, self.train_labels)
        _check_part(self, "test", self.test_images, self.test_labels)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of one image."""
        channels, height, width = self.train_images.shape[1:]
        return int(channels), int(height), int(width)

    def ready(self, images: Tensor) -> Tensor:
        """``(…, C, H, W)`` images of this data set as networks see them: float32, normalised.

        Raw pixels are normalised, on their device; images that are ready are returned as they
        are.
        """
        if images.dtype != torch.uint8 or self.normalisation is None:
            return images
        return self.normalisation(images)

    @classmethod
    def of_tensors(
        cls,
        name: str,
        train: tuple[Tensor, Tensor],
        test: tuple[Tensor, Tensor],
        num_classes: int,
        normalisation: Normalisation | None = None,
    ) -> ImageData:
        """A data set with its digest computed from (images, labels) of both parts."""
        parts = (*train, *test)
        content = [(list(part.shape), digest_bytes(_bytes(part))) for part in parts]
        how = () if normalisation is None else (normalisation,)
        whole = digest(num_classes, content, *how)
        return cls(name, *train, *test, num_classes, whole, normalisation)


def _bytes(tensor: Tensor) -> memoryview:
    # Looked at in place: a large data set is not copied to be hashed.
    return tensor.contiguous().flatten().view(torch.uint8).numpy().data


def _check_part(data: ImageData, part: str, images: Tensor, labels: Tensor) -> None:
    where, num_classes = f"{part} part of data set {data.name!r}", data.num_classes
    usable = (torch.float32,) if data.normalisation is None else (torch.float32, torch.uint8)
    if images.ndim != 4 or images.dtype not in usable:
        raise InvalidInput(
            f"{where} needs float32 images (N, C, H, W), or uint8 ones with a normalisation, "
            f"got {images.dtype} {tuple(images.shape)}"
        )
    if data.normalisation is not None and images.shape[1] != data.normalisation.channels:
        raise InvalidInput(
            f"{where} has {images.shape[1]} channels, its normalisation "
            f"{data.normalisation.channels}"
        )
    if labels.shape != images.shape[:1] or labels.dtype != torch.int64:
        raise InvalidInput(
            f"{where} needs int64 labels ({images.shape[0]},), "
            f"got {labels.dtype} {tuple(labels.shape)}"
        )
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < num_classes:
        raise InvalidInput(f"{where} has labels outside 0 to {num_classes - 1}")
