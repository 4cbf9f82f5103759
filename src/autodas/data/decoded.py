"""Decoded images on disk: read once with care, mapped into memory ever after.

Unpacking an archive or decoding 60 000 JPEG files takes seconds, and every worker process needs
the result. It is kept as one safetensors file of uint8 pixels, written image by image, which
processes share through the system's page cache. The file ends with the digest of its content; one
that does not match counts as absent.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import struct
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
from torch import Tensor

from autodas.core.digest import digest, digest_bytes
from autodas.core.errors import AutodasError, FileProblem, MissingData
from autodas.core.files import write_pieces
from autodas.core.keys import key_of
from autodas.core.places import cache_folder
from autodas.data.images import ImageData, Normalisation

__all__ = ["PARTS", "Decoding", "Pixels", "cached_file", "digest_of", "image_data", "image_data_in"]

FORMAT = 3  # raise when what is stored, or how it is decoded, changes
PARTS = ("train", "test", "validation")
CHECKSUM = "checksum"


@dataclass(frozen=True, eq=False)
class Pixels:
    """What a reader delivers that has all images in memory.

    Attributes:
        train: ``(N, C, H, W)`` uint8 pixels and ``(N,)`` int64 labels.
        test: The same of the test part.
        num_classes: Number of classes, K.
    """

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    num_classes: int

    def one_by_one(self) -> Decoding:
        """The same as images that come one after the other."""
        parts = (self.train, self.test)
        return Decoding(
            tuple(tuple(labels.tolist()) for _, labels in parts),
            tuple(tuple(images.shape[1:]) for images, _ in parts),
            self.num_classes,
            (image.numpy() for images, _ in parts for image in images),
        )


@dataclass(frozen=True, eq=False)
class Decoding:
    """What a reader delivers that decodes one image after the other, however many there are.

    Attributes:
        labels: Of the training part, the test part and perhaps the validation part.
        shapes: (C, H, W) of the images of each part.
        num_classes: Number of classes, K.
        images: ``(C, H, W)`` uint8 pixels of all parts, in order; may raise an ``AutodasError``.
        skipped: Images that were left out.
    """

    labels: tuple[tuple[int, ...], ...]
    shapes: tuple[tuple[int, ...], ...]
    num_classes: int
    images: Iterator[npt.NDArray[np.uint8]]
    skipped: int = 0


def image_data(
    name: str,
    normalisation: Normalisation,
    sources: Iterable[Path],
    decode: Callable[[], Pixels | Decoding],
) -> ImageData:
    """The data set ``name``, from the cache or else by ``decode``.

    Its images lie on disk and are mapped into memory, so that memory does not grow with their
    number.

    Args:
        name: Of the data set.
        normalisation: How its pixels are to be normalised.
        sources: The files that ``decode`` reads, in order. If one has another name, size or time
            of change, all are decoded again.
        decode: Reads them.

    Raises:
        AutodasError: whatever ``decode`` raises; or the cache cannot be written.
    """
    return image_data_in(cached_file(name, sources), name, normalisation, decode)


def image_data_in(
    file: Path, name: str, normalisation: Normalisation, decode: Callable[[], Pixels | Decoding]
) -> ImageData:
    """The same as :func:`image_data`, where :func:`cached_file` has been asked before."""
    if (known := _load(file, name, normalisation)) is not None:
        return known
    made = decode()
    decoding = made.one_by_one() if isinstance(made, Pixels) else made
    write_pieces(file, _pieces(file, normalisation, decoding))
    if (data := _load(file, name, normalisation)) is None:
        raise FileProblem(file, "was written and cannot be read; is the disk full or damaged?")
    return data


def _pieces(
    file: Path, normalisation: Normalisation, decoding: Decoding
) -> Iterator[bytes | memoryview]:
    """The safetensors file, a piece at a time; its last tensor is the digest of all before it.

    The format is eight bytes, the length of a JSON header that says where each tensor lies, the
    header, and the tensors.
    """
    header: dict[str, Any] = {
        "__metadata__": {
            "num_classes": str(decoding.num_classes),
            "skipped": str(decoding.skipped),
        }
    }
    end = 0
    for part, labels, one in zip(PARTS, decoding.labels, decoding.shapes, strict=False):
        shape = [len(labels), *one]
        for name, dtype, size, its in (
            (f"{part}_labels", "I64", 8 * len(labels), shape[:1]),
            (f"{part}_images", "U8", math.prod(shape), shape),
        ):
            header[name] = {"dtype": dtype, "shape": its, "data_offsets": [end, end + size]}
            end += size
    header[CHECKSUM] = {"dtype": "U8", "shape": [64], "data_offsets": [end, end + 64]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    yield struct.pack("<Q", len(text)) + text
    whole = yield from _content(normalisation, decoding)
    yield _checksum(file, whole).encode()


def _content(
    normalisation: Normalisation, decoding: Decoding
) -> Generator[bytes | memoryview, None, str]:
    """Labels and pixels of all parts; returns the digest that the data set has."""
    content = []
    for labels, one in zip(decoding.labels, decoding.shapes, strict=True):
        shape = [len(labels), *one]
        numbers = np.asarray(labels, dtype="<i8").tobytes()
        yield numbers
        pixels = hashlib.sha256()
        for image in itertools.islice(decoding.images, len(labels)):
            data = np.ascontiguousarray(image).data
            pixels.update(data)
            yield data
        content += [(shape, pixels.hexdigest()), (shape[:1], digest_bytes(numbers))]
    return digest(decoding.num_classes, content, normalisation)  # as of ImageData.of_tensors


def digest_of(normalisation: Normalisation, decoding: Decoding) -> str:
    """The digest that the data set has; every image is decoded for it, and none is kept."""
    pieces = _content(normalisation, decoding)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return str(end.value)


def _checksum(file: Path, whole: str) -> str:
    # With the name, so that another data set is not believed in this one's place.
    return digest(file.stem, whole)


def cached_file(name: str, sources: Iterable[Path], *, absent: bool = False) -> Path:
    """Where the data set ``name`` lies decoded, as its files are now.

    Args:
        name: Of the data set.
        sources: Its files.
        absent: Whether some may be missing; another place is meant once they are there.

    Raises:
        MissingData: one of its files is missing.
        FileProblem: one cannot be looked at.
    """
    stamps, folders = hashlib.sha256(), dict[Path, Path]()
    for source in sources:
        try:
            stat = source.stat()
        except OSError as error:
            if absent:
                stamps.update(digest([str(source.absolute())]).encode())
                continue
            if isinstance(error, FileNotFoundError):
                raise MissingData(f"{name} needs {source}, and there is no such file") from None
            raise FileProblem(source, f"cannot be read: {error.strerror or error}") from error
        # By its name and by what the name leads to: of a link the name says class and part. The
        # time of the last change of any kind shows a file that took another's place and date.
        names = str(source.absolute()), str(_resolved(source, folders))
        stamp = [*names, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
        stamps.update(digest(stamp).encode())
    slug = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[-60:]
    key = key_of(FORMAT, name, stamps.hexdigest(), code=("data",), packages=("pillow", "numpy"))
    return cache_folder() / "data" / f"{slug}-{key[:20]}.safetensors"


def _resolved(source: Path, folders: dict[Path, Path]) -> Path:
    """Where a path leads to; ``folders`` remembers it of folders, which hold thousands of files."""
    if source.is_symlink():
        return source.resolve()
    if source.parent not in folders:
        folders[source.parent] = source.parent.resolve()
    return folders[source.parent] / source.name


def _load(file: Path, name: str, normalisation: Normalisation) -> ImageData | None:
    try:
        with safetensors.safe_open(file, framework="pt") as handle:
            metadata, known = handle.metadata() or {}, set(handle.keys())
            parts = [
                (handle.get_tensor(f"{part}_images"), handle.get_tensor(f"{part}_labels"))
                for part in PARTS
                if f"{part}_images" in known or part != "validation"
            ]
            checksum = bytes(handle.get_tensor(CHECKSUM).tolist()).decode()
        classes, skipped = int(metadata["num_classes"]), int(metadata["skipped"])
        train, test, *rest = parts
        validation = rest[0] if rest else None
        data = ImageData.of_tensors(
            name, train, test, classes, normalisation, validation=validation
        )
    except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError, AutodasError):
        return None  # absent or damaged: either way it is to be decoded
    return replace(data, skipped=skipped) if _checksum(file, data.digest) == checksum else None
