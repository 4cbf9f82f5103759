"""From 8-bit pixels to the numbers a network sees."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from autodas.core.errors import InvalidInput

__all__ = ["CIFAR100", "FASHION_MNIST", "IMAGENET", "Normalisation"]


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
