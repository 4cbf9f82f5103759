"""Images that stay in their files and are decoded when they are asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autodas.core.digest import digest, digest_bytes
from autodas.core.errors import FileProblem
from autodas.data.pictures import decode_picture, open_picture

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["ImageFiles", "Images", "part_of"]


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """N images in N files, which look like a tensor ``(N, 3, H, W)`` of uint8 pixels.

    Of each only the name of the file and a digest are held, in two arrays that processes share.

    Attributes:
        names: ``(N,)`` bytes: absolute paths.
        digests: ``(N, 32)`` uint8: SHA-256 of the pixels of each; ``(0, 32)`` if nobody asks.
        height: Of the images, H.
        width: Of the images, W.
        side: Pixels to which the shorter side is scaled before the centre square is cut; None if
            all files have H × W pixels.
    """

    names: npt.NDArray[np.bytes_]
    digests: npt.NDArray[np.uint8]
    height: int
    width: int
    side: int | None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def shape(self) -> torch.Size:
        """(N, 3, H, W)."""
        return torch.Size((len(self), 3, self.height, self.width))

    @property
    def ndim(self) -> int:
        """4."""
        return len(self.shape)

    @property
    def dtype(self) -> torch.dtype:
        """Of pixels: uint8."""
        return torch.uint8

    @cached_property
    def digest(self) -> str:
        """SHA-256 of those of all images, in order."""
        return digest(list(self.shape), digest_bytes(self.digests.tobytes()))

    def file(self, number: int) -> Path:
        """Path of one image."""
        return Path(os.fsdecode(self.names[number]))

    def picture(self, number: int) -> Image:
        """One image as it is in its file, upright, in red, green and blue.

        Raises:
            FileProblem: it cannot be read.
        """
        return open_picture(self.file(number), self.file(number))

    def __getitem__(self, which: Tensor | slice) -> Tensor:
        """``(B, 3, H, W)`` uint8 pixels, decoded now.

        Args:
            which: ``(B,)`` numbers of images, or a mask of ``(N,)``, or a range.

        Raises:
            FileProblem: an image cannot be read any more, or has another size.
        """
        numbers = np.arange(len(self))[which.numpy() if isinstance(which, Tensor) else which]
        pixels = np.empty((len(numbers), 3, self.height, self.width), np.uint8)
        for place, number in enumerate(numbers):
            file = self.file(number)
            decoded = decode_picture(file, file, self.side)
            if decoded.shape != pixels.shape[1:]:
                raise FileProblem(file, "has changed its size")
            pixels[place] = decoded
        return torch.from_numpy(pixels)

    def part(self, which: Tensor) -> ImageFiles:
        """Some of them, by number or mask; nothing is decoded."""
        chosen = which.numpy()
        digests = self.digests[chosen] if len(self.digests) else self.digests
        return ImageFiles(self.names[chosen], digests, self.height, self.width, self.side)


Images: TypeAlias = Tensor | ImageFiles
"""Images of a data set: in memory, or in their files."""


def part_of(images: Images, which: Tensor) -> Images:
    """Some of the images, ``which`` by number or mask, where they are."""
    return images.part(which) if isinstance(images, ImageFiles) else images[which]
