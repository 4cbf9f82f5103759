"""Images as numbers that a network sees, and labelled data sets of them, held in memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from autodas.core.digest import digest, digest_bytes
from autodas.core.errors import InvalidInput
from autodas.data.image_files import ImageFiles, Images, part_of

__all__ = ["CIFAR100", "FASHION_MNIST", "IMAGENET", "ImageData", "Normalisation", "resized"]


@dataclass(frozen=True)
class Normalisation:
    """Pixels are brought to [0, 1], then the mean is taken off and divided by the deviation.

    Attributes:
        mean: One number per channel, C in all, for pixels in [0, 1].
        std: The same; all greater than 0.

    Raises:
        InvalidInput: the numbers are not finite, not as many as each other, or not positive.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        fits = len(self.mean) == len(self.std) > 0 and all(math.isfinite(m) for m in self.mean)
        if not fits or not all(math.isfinite(s) and s > 0 for s in self.std):
            raise InvalidInput(
                "a normalisation has one mean and one positive deviation per channel, "
                f"got mean {list(self.mean)} and deviation {list(self.std)}"
            )

    @property
    def channels(self) -> int:
        """Number of channels, C."""
        return len(self.mean)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Float32 of uint8 pixels ``(…, C, H, W)``, on the same device."""
        mean, std = _columns(self.mean, pixels), _columns(self.std, pixels)
        return pixels.to(torch.float32).mul_(1 / (255 * std)).sub_(mean / std)

    def towards(self, other: Normalisation) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """What turns images normalised by ``self`` into images normalised by ``other``.

        Returns:
            Scale and shift per channel: ``other(p) == self(p) * scale + shift``.

        Raises:
            InvalidInput: the numbers of channels differ.
        """
        if self.channels != other.channels:
            raise InvalidInput(
                f"images of {self.channels} channels do not fit a normalisation of "
                f"{other.channels} channels"
            )
        pairs = list(zip(self.mean, self.std, other.mean, other.std, strict=True))
        scale = tuple(mine / theirs for _, mine, _, theirs in pairs)
        shift = tuple((mean - wanted) / theirs for mean, _, wanted, theirs in pairs)
        return scale, shift


def _columns(numbers: tuple[float, ...], like: Tensor) -> Tensor:
    """``(C, 1, 1)`` on the device of ``like``."""
    return torch.tensor(numbers, dtype=torch.float32, device=like.device).view(-1, 1, 1)


# Mean and deviation of ImageNet's training images, as most published checkpoints expect them.
IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# Of CIFAR-100's training images, rounded as in the published checkpoints that use them.
CIFAR100 = Normalisation((0.507, 0.487, 0.441), (0.267, 0.256, 0.276))
# Of Fashion-MNIST's training images.
FASHION_MNIST = Normalisation((0.2860,), (0.3530,))


@dataclass(frozen=True, eq=False)
class ImageData:
    """Images and labels, split once and for all.

    Attributes:
        name: The name it is loaded by.
        train_images: ``(N, C, H, W)``. Small data sets hold what networks see: float32,
            normalised by the mean and standard deviation of the training part. Large ones hold
            raw pixels, uint8; :meth:`ready` normalises those that are needed. The largest leave
            them in their files (:class:`autodas.data.image_files.ImageFiles`).
        train_labels: ``(N,)`` int64 in ``[0, num_classes)``.
        test_images: ``(M, C, H, W)``, in the same form.
        test_labels: ``(M,)`` int64.
        num_classes: Number of classes, K.
        digest: SHA-256 of all of the above but the name, and of the normalisation.
        normalisation: What :meth:`ready` applies to raw pixels; None if nobody needs to know.
        class_names: K names, in the order of the labels; empty if they have none.
        validation: Images and labels of a part to make choices on, in the same form; None if it is
            to be cut from the training part (:func:`autodas.data.validation.for_choosing`).
        skipped: Images that were left out because they cannot be decoded.
        train_files: The files of the training images, in order, if they hold more pixels than
            these: crops are cut from them. None if they do not, or there are none.

    Raises:
        InvalidInput: shapes, types or labels do not fit together.
    """

    name: str
    train_images: Images
    train_labels: Tensor
    test_images: Images
    test_labels: Tensor
    num_classes: int
    digest: str
    normalisation: Normalisation | None = None
    class_names: tuple[str, ...] = ()
    validation: tuple[Images, Tensor] | None = None
    skipped: int = 0
    train_files: ImageFiles | None = None

    def __post_init__(self) -> None:
        _check_part(self, "training", self.train_images, self.train_labels)
        _check_part(self, "test", self.test_images, self.test_labels)
        if self.validation is not None:
            _check_part(self, "validation", *self.validation)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of one image."""
        channels, height, width = self.train_images.shape[1:]
        return int(channels), int(height), int(width)

    @property
    def originals(self) -> ImageFiles | None:
        """The files that crops of training images are cut from, if they hold more than those."""
        images = self.train_images
        return images if isinstance(images, ImageFiles) else self.train_files

    def with_parts(self, chosen: Tensor | None, judged: tuple[Images, Tensor]) -> ImageData:
        """A data set of the same name, of other parts.

        Args:
            chosen: Numbers, or a mask, of the training images that stay; None for all.
            judged: Images and labels of the new test part.
        """
        train, files = (self.train_images, self.train_labels), self.train_files
        if chosen is not None:
            train = part_of(train[0], chosen), train[1][chosen]
            files = None if files is None else files.part(chosen)
        made = ImageData.of_tensors(self.name, train, judged, self.num_classes, self.normalisation)
        return replace(made, train_files=files)

    @property
    def in_words(self) -> str:
        """How many images of how many classes there are, for people."""
        channels, height, width = self.input_shape
        counts = [f"{len(self.train_labels):,} training"]
        if self.validation is not None:
            counts.append(f"{len(self.validation[1]):,} validation")
        left_out = f"; {self.skipped:,} broken images are left out" if self.skipped else ""
        return (
            f"{self.name}: {', '.join(counts)} and {len(self.test_labels):,} test images of "
            f"{self.num_classes} classes, {width}×{height} pixels, {channels} channels{left_out}"
        )

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
        train: tuple[Images, Tensor],
        test: tuple[Images, Tensor],
        num_classes: int,
        normalisation: Normalisation | None = None,
        *,
        validation: tuple[Images, Tensor] | None = None,
    ) -> ImageData:
        """A data set with its digest computed from (images, labels) of all parts."""
        parts = (*train, *test, *(validation or ()))
        content = [(list(part.shape), _digest(part)) for part in parts]
        how = () if normalisation is None else (normalisation,)
        whole = digest(num_classes, content, *how)
        return cls(name, *train, *test, num_classes, whole, normalisation, validation=validation)


def _digest(part: Images) -> str:
    if isinstance(part, ImageFiles):
        return part.digest
    # Looked at in place: a large data set is not copied to be hashed.
    return digest_bytes(part.contiguous().flatten().view(torch.uint8).numpy().data)


def _check_part(data: ImageData, part: str, images: Images, labels: Tensor) -> None:
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


def resized(images: Tensor, size: tuple[int, int] | None) -> Tensor:
    """``(B, C, H, W)`` images at another (height, width), bilinearly; as they are if None."""
    if size is None or tuple(images.shape[2:]) == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)
