"""CIFAR-10 and CIFAR-100 in the two forms in which they are published.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. The python
and the binary version are read, packed or unpacked; whichever lies in the folder that
``AUTODAS_DATA`` names is taken, else the python version is downloaded into the cache.

Normalisation: CIFAR-10 by ImageNet's constants and CIFAR-100 by its own, because the published
checkpoints that serve as teachers were trained so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autodas.core.errors import FileProblem, MissingData
from autodas.core.fetch import Remote, download
from autodas.core.places import DATA_VARIABLE, cache_folder, data_folder
from autodas.data.bundles import read_bundle
from autodas.data.decoded import Pixels, image_data
from autodas.data.images import CIFAR100, IMAGENET, ImageData, Normalisation
from autodas.data.pickled import read_pickled_arrays

__all__ = ["load_cifar10", "load_cifar100"]

SIDE = 32
PIXELS = 3 * SIDE * SIDE
Part = tuple[NDArray[np.uint8], NDArray[np.int64]]  # (N, 3072) pixels, (N,) labels
Parser = Callable[[bytes, str, "Version"], Part]


@dataclass(frozen=True)
class Version:
    """One published form of a data set.

    Attributes:
        archive: Name of the archive.
        folder: The folder inside.
        train: Files of the training part.
        test: File of the test part.
        labels: Key of the labels (python), or position of the label before the pixels (binary).
        parse: Reads one file.
    """

    archive: str
    folder: str
    train: tuple[str, ...]
    test: str
    labels: str | int
    parse: Parser

    def find(self, base: Path) -> Path | None:
        """The folder or archive inside ``base``, if it is there."""
        if (base / self.folder).is_dir():
            return base / self.folder
        return base / self.archive if (base / self.archive).is_file() else None


@dataclass(frozen=True)
class Source:
    """A data set and where it can be had."""

    name: str
    num_classes: int
    versions: tuple[Version, ...]
    remote: Remote
    normalisation: Normalisation


def parse_python(data: bytes, path: str, version: Version) -> Part:
    """Pixels and labels of a file of the python version."""
    content = read_pickled_arrays(data, path)
    if "data" not in content or version.labels not in content:
        raise FileProblem(path, f"holds no 'data' or no {version.labels!r}")
    images, labels = content["data"], content[str(version.labels)]
    if not isinstance(images, np.ndarray) or images.ndim != 2 or images.shape[1] != PIXELS:
        raise FileProblem(path, f"'data' is no array of rows of {PIXELS} bytes")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise FileProblem(path, f"{version.labels!r} is no list of integers")
    return images, np.asarray(labels, dtype=np.int64)


def parse_binary(data: bytes, path: str, version: Version) -> Part:
    """Pixels and labels of a file of the binary version: label bytes, then pixels, repeated."""
    position = int(version.labels)
    record = position + 1 + PIXELS
    if len(data) % record:
        raise FileProblem(path, f"has {len(data)} bytes, no multiple of {record}; it is cut off")
    rows = np.frombuffer(data, np.uint8).reshape(-1, record)
    return rows[:, position + 1 :], rows[:, position].astype(np.int64)


_TEN_PYTHON = tuple(f"data_batch_{i}" for i in range(1, 6))
_TEN_BINARY = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
CIFAR10_SOURCE = Source(
    "cifar10",
    10,
    (
        Version(
            "cifar-10-python.tar.gz",
            "cifar-10-batches-py",
            _TEN_PYTHON,
            "test_batch",
            "labels",
            parse_python,
        ),
        Version(
            "cifar-10-binary.tar.gz",
            "cifar-10-batches-bin",
            _TEN_BINARY,
            "test_batch.bin",
            0,
            parse_binary,
        ),
    ),
    Remote(
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        "cifar-10-python.tar.gz",
    ),
    IMAGENET,
)
CIFAR100_SOURCE = Source(
    "cifar100",
    100,
    (
        Version(
            "cifar-100-python.tar.gz",
            "cifar-100-python",
            ("train",),
            "test",
            "fine_labels",
            parse_python,
        ),
        Version(
            "cifar-100-binary.tar.gz",
            "cifar-100-binary",
            ("train.bin",),
            "test.bin",
            1,  # after the coarse label
            parse_binary,
        ),
    ),
    Remote(
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        "cifar-100-python.tar.gz",
    ),
    CIFAR100,
)


def load_cifar10() -> ImageData:
    """50 000 training and 10 000 test images of ten classes.

    Raises:
        MissingData: it is neither found nor delivered.
        FileProblem: a file is damaged or not what it should be.
    """
    return _load(CIFAR10_SOURCE)


def load_cifar100() -> ImageData:
    """The same of a hundred classes; see :func:`load_cifar10`."""
    return _load(CIFAR100_SOURCE)


def _load(source: Source) -> ImageData:
    place, version = _find(source)
    names = (*version.train, version.test)
    files = [place / name for name in names] if place.is_dir() else [place]
    return image_data(
        source.name, source.normalisation, files, partial(_decode, source, place, version)
    )


def _find(source: Source) -> tuple[Path, Version]:
    own = data_folder()
    downloads = cache_folder() / "downloads"
    for base in (own, downloads):
        for version in source.versions:
            if base is not None and (place := version.find(base)) is not None:
                return place, version
    try:
        (archive,) = download([source.remote], downloads)
    except MissingData as error:
        raise MissingData(
            f"{source.name} is not in {own or f'a folder named by {DATA_VARIABLE}'} "
            f"({' or '.join(v.archive for v in source.versions)}), and {error}"
        ) from None
    return archive, source.versions[0]


def _decode(source: Source, place: Path, version: Version) -> Pixels:
    names = (*version.train, version.test)
    content = read_bundle(place, version.folder, names)

    def part(names: tuple[str, ...]) -> tuple[Tensor, Tensor]:
        found = [version.parse(content[name], f"{place}/{name}", version) for name in names]
        images = np.concatenate([each for each, _ in found])
        labels = np.concatenate([each for _, each in found])
        if len(images) != len(labels):
            raise FileProblem(place, f"holds {len(images)} images and {len(labels)} labels")
        if not len(labels) or not 0 <= labels.min() <= labels.max() < source.num_classes:
            raise FileProblem(place, f"holds no images, or labels beyond {source.num_classes - 1}")
        return torch.from_numpy(images.reshape(-1, 3, SIDE, SIDE)), torch.from_numpy(labels)

    return Pixels(part(version.train), part((version.test,)), source.num_classes)
