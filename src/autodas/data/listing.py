"""Which files make up the parts of a data set: found out once, and kept beside decoded images.

It may take long to find out: what is broken is found by decoding everything, and what is held out
by reading all files for equal ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy
import torch
from torch import Tensor

from autodas.core.digest import digest, digest_bytes
from autodas.core.files import write_bytes
from autodas.data.decoded import PARTS, Decoding, digest_of
from autodas.data.image_files import ImageFiles
from autodas.data.images import ImageData, Normalisation
from autodas.data.layout import Labelled

__all__ = ["Listing"]


@dataclass(frozen=True, eq=False)
class Listing:
    """The parts as they are trained and tested on.

    Attributes:
        parts: Images and labels of the training part, the test part, perhaps the validation part.
        skipped: Images that were left out.
        digest: Of the data set, once every image has been decoded; empty before.
    """

    parts: tuple[tuple[ImageFiles, Tensor], ...]
    skipped: int
    digest: str = ""

    @classmethod
    def of(
        cls,
        parts: Iterable[Iterable[Labelled]],
        size: tuple[int, int],
        side: int | None,
        skipped: int,
    ) -> Listing:
        """Of images that have (height, width) once they are scaled to ``side``."""
        made = []
        for part in map(list, parts):
            names = np.array([os.fsencode(image.file.absolute()) for image in part], np.bytes_)
            files = ImageFiles(names, np.empty((0, 32), np.uint8), *size, side)
            made.append((files, torch.tensor([image.label for image in part])))
        return cls(tuple(made), skipped)

    @property
    def bytes_decoded(self) -> int:
        """What the pixels of all images take."""
        return sum(files.shape.numel() for files, _ in self.parts)

    def decoding(self, num_classes: int, images: Iterator[npt.NDArray[np.uint8]]) -> Decoding:
        """What a cache of decoded images asks for, ``images`` being those of all parts."""
        return Decoding(
            tuple(tuple(labels.tolist()) for _, labels in self.parts),
            tuple(tuple(files.shape[1:]) for files, _ in self.parts),
            num_classes,
            images,
            self.skipped,
        )

    def digested(self, normalisation: Normalisation, decoding: Decoding) -> Listing:
        """The same with the digests of all images, of which each is decoded once."""
        found: list[bytes] = []

        def noted(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
            found.append(bytes.fromhex(digest_bytes(np.ascontiguousarray(image).data)))
            return image

        whole = digest_of(normalisation, replace(decoding, images=map(noted, decoding.images)))
        each = np.frombuffer(b"".join(found), np.uint8).reshape(-1, 32)
        ends = np.cumsum([len(files) for files, _ in self.parts])[:-1]
        parts = zip(self.parts, np.split(each, ends), strict=True)
        made = tuple((replace(files, digests=its), labels) for (files, labels), its in parts)
        return Listing(made, self.skipped, whole)

    def data(self, name: str, num_classes: int, normalisation: Normalisation) -> ImageData:
        """The data set, its images in their files; its digest is that of the decoded one."""
        train, test, *rest = self.parts
        make = partial(ImageData, name, *train, *test, num_classes, self.digest, normalisation)
        return make(validation=rest[0] if rest else None, skipped=self.skipped)

    def write(self, path: Path) -> None:
        """Keep it.

        Raises:
            FileProblem: it cannot be written.
        """
        tensors: dict[str, npt.NDArray[np.generic]] = {}
        for part, (files, labels) in zip(PARTS, self.parts, strict=False):
            names = np.frombuffer(b"\0".join(files.names.tolist()), np.uint8)
            tensors |= {f"{part}_names": names, f"{part}_labels": labels.numpy()}
            tensors |= {f"{part}_digests": files.digests}
        files = self.parts[0][0]
        numbers = [files.height, files.width, files.side or 0, self.skipped]
        about = {"numbers": " ".join(map(str, numbers)), "digest": self.digest}
        about["checksum"] = _checksum(path, about, tensors)
        write_bytes(path, safetensors.numpy.save(tensors, about))

    @classmethod
    def read(cls, path: Path) -> Listing | None:
        """The one that was kept; None if there is none, or it is damaged."""
        try:
            with safetensors.safe_open(path, framework="np") as handle:
                about = handle.metadata() or {}
                tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
            if about.pop("checksum") != _checksum(path, about, tensors):
                return None
            height, width, side, skipped = map(int, about["numbers"].split())
        except (OSError, safetensors.SafetensorError, ValueError, KeyError):
            return None
        parts = []
        for part in PARTS:
            if f"{part}_names" in tensors:
                names = np.array(tensors[f"{part}_names"].tobytes().split(b"\0"), np.bytes_)
                digests = tensors[f"{part}_digests"]
                files = ImageFiles(names, digests, height, width, side or None)
                parts.append((files, torch.from_numpy(tensors[f"{part}_labels"])))
        return cls(tuple(parts), skipped, about["digest"])


def _checksum(
    path: Path, about: dict[str, str], tensors: dict[str, npt.NDArray[np.generic]]
) -> str:
    content = {name: digest_bytes(values.tobytes()) for name, values in tensors.items()}
    return digest(path.stem, about, content)
