"""Decoded images on disk: read once with care, mapped into memory ever after.

Unpacking an archive or decoding 60 000 JPEG files takes seconds, and every worker process needs
the result. It is kept as one safetensors file of uint8 pixels, which processes share through the
system's page cache. The file's metadata holds the digest of its content; a file that does not
match counts as absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import safetensors
from safetensors.torch import save
from torch import Tensor

from autodas.core.digest import digest
from autodas.core.errors import AutodasError, FileProblem, MissingData
from autodas.core.files import write_bytes
from autodas.core.keys import key_of
from autodas.core.places import cache_folder
from autodas.data.images import ImageData, Normalisation

__all__ = ["Pixels", "image_data"]

FORMAT = 2  # raise when what is stored, or how it is decoded, changes
NAMES = ("train_images", "train_labels", "test_images", "test_labels")


@dataclass(frozen=True, eq=False)
class Pixels:
    """What a reader delivers.

    Attributes:
        train: ``(N, C, H, W)`` uint8 pixels and ``(N,)`` int64 labels.
        test: The same of the test part.
        num_classes: Number of classes, K.
    """

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    num_classes: int


def image_data(
    name: str,
    normalisation: Normalisation,
    sources: Iterable[Path],
    decode: Callable[[], Pixels],
) -> ImageData:
    """The data set ``name``, from the cache or else by ``decode``.

    Args:
        name: Of the data set.
        normalisation: How its pixels are to be normalised.
        sources: The files that ``decode`` reads, in order. If one has another name, size or time
            of change, all are decoded again.
        decode: Reads them.

    Raises:
        AutodasError: whatever ``decode`` raises; or the cache cannot be written.
    """
    file = _file(name, sources)
    if (known := _load(file, name, normalisation)) is not None:
        return known
    pixels = decode()
    data = _assemble(name, normalisation, pixels)
    tensors = dict(zip(NAMES, (*pixels.train, *pixels.test), strict=True))
    # With the name, so that another data set is not believed in this one's place.
    checksum = digest(file.stem, data.digest)
    metadata = {"num_classes": str(pixels.num_classes), "checksum": checksum}
    write_bytes(file, save(tensors, metadata))
    return data


def _file(name: str, sources: Iterable[Path]) -> Path:
    stamps = []
    for source in sources:
        try:
            stat = source.stat()
        except FileNotFoundError:
            raise MissingData(f"{name} needs {source}, and there is no such file") from None
        except OSError as error:
            raise FileProblem(source, f"cannot be read: {error.strerror or error}") from error
        # By its name and by what the name leads to: of a link the name says class and part. The
        # time of the last change of any kind shows a file that took another's place and date.
        names = str(source.absolute()), str(source.resolve())
        stamps.append([*names, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns])
    slug = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[-60:]
    key = key_of(FORMAT, name, stamps, code=("data",), packages=("pillow", "numpy"))
    return cache_folder() / "data" / f"{slug}-{key[:20]}.safetensors"


def _load(file: Path, name: str, normalisation: Normalisation) -> ImageData | None:
    try:
        with safetensors.safe_open(file, framework="pt") as handle:
            metadata = handle.metadata() or {}
            tensors = [handle.get_tensor(key) for key in NAMES]
        pixels = Pixels(
            (tensors[0], tensors[1]), (tensors[2], tensors[3]), int(metadata["num_classes"])
        )
        data = _assemble(name, normalisation, pixels)
    except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError, AutodasError):
        return None  # absent or damaged: either way it is to be decoded
    return data if digest(file.stem, data.digest) == metadata.get("checksum") else None


def _assemble(name: str, normalisation: Normalisation, pixels: Pixels) -> ImageData:
    return ImageData.of_tensors(name, pixels.train, pixels.test, pixels.num_classes, normalisation)
