"""A folder of images: ``train/CLASS/*.jpg`` and ``val/CLASS/*.jpg`` (or ``test/…``).

Written ``folder:PATH`` or ``folder:PATH@SIZE``. With a size, the shorter side of every image is
scaled to it and the centre square is taken; without, all images must have one size already.
Classes are numbered in the order of their names. Pixels are normalised by ImageNet's constants.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.places import expanded
from autodas.data.decoded import Pixels, image_data
from autodas.data.images import IMAGENET, ImageData
from autodas.data.pictures import decode_picture, picture_size

__all__ = ["PREFIX", "load_folder"]

PREFIX = "folder:"
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff"})
TEST_PARTS = ("val", "test")
SIZES = range(1, 2049)


@dataclass(frozen=True)
class _Image:
    file: Path
    label: int


def load_folder(name: str) -> ImageData:
    """The data set in a folder.

    Args:
        name: ``folder:PATH`` or ``folder:PATH@SIZE``, SIZE in pixels.

    Raises:
        InvalidInput: the size is not possible, or the images would not fit into memory.
        FileProblem: a folder is missing or empty, the parts have different classes, or an image
            is broken or has another size; the message names it.
    """
    root, side = _parse(name)
    test = next((part for part in TEST_PARTS if (root / part).is_dir()), None)
    if not (root / "train").is_dir() or test is None:
        why = "has no folders train/ and val/ (or test/)" if root.is_dir() else "no such folder"
        raise FileProblem(root, why)
    classes = _classes(root / "train")
    _same_classes(root / "train", root / test, classes)
    parts = [_images(root / part, classes) for part in ("train", test)]
    files = [image.file for part in parts for image in part]
    data = image_data(name, IMAGENET, files, partial(_decode, name, parts, side, len(classes)))
    return replace(data, class_names=tuple(classes))


def _parse(name: str) -> tuple[Path, int | None]:
    path, at, size = name.removeprefix(PREFIX).rpartition("@")
    if not at or not size.isdecimal():
        path, size = name.removeprefix(PREFIX), ""
    if size and int(size) not in SIZES:
        raise InvalidInput(f"{name}: the size must lie in 1 to {SIZES[-1]}, got {size}")
    return expanded(Path(path)), int(size) if size else None


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, by name; hidden entries are no part of a data set."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise FileProblem(folder, f"cannot be read: {error.strerror or error}") from error


def _classes(folder: Path) -> list[str]:
    classes = [entry.name for entry in _entries(folder) if entry.is_dir()]
    if len(classes) < 2:
        raise FileProblem(folder, f"has {len(classes)} class folders, at least 2 are needed")
    return classes


def _same_classes(train: Path, test: Path, classes: list[str]) -> None:
    others = _classes(test)
    if missing := sorted(set(classes) - set(others)):
        raise FileProblem(test / missing[0], f"no such class folder, but {train} has it")
    if extra := sorted(set(others) - set(classes)):
        raise FileProblem(test / extra[0], f"is a class that {train} does not have")


def _images(part: Path, classes: list[str]) -> list[_Image]:
    found = []
    for label, name in enumerate(classes):
        files = [entry for entry in _entries(part / name) if entry.suffix.lower() in SUFFIXES]
        if not files:
            known = " ".join(sorted(SUFFIXES))
            raise FileProblem(part / name, f"holds no images ({known})")
        found += [_Image(file, label) for file in files]
    return found


def _decode(name: str, parts: list[list[_Image]], side: int | None, classes: int) -> Pixels:
    height, width = (side, side) if side else _common_size(name, parts)
    count = sum(len(part) for part in parts)
    needed, most = 3 * height * width * count, _memory()
    if needed > most:
        raise InvalidInput(
            f"{name}: {count} images of {width}×{height} pixels take {needed / 2**30:.1f} GiB, "
            f"more than the {most / 2**30:.1f} GiB allowed here; choose a smaller size (…@64)"
        )

    def read(part: list[_Image]) -> tuple[Tensor, Tensor]:
        images = np.empty((len(part), 3, height, width), np.uint8)
        for i, image in enumerate(part):
            picture = decode_picture(image.file, image.file, side)
            if picture.shape != images.shape[1:]:
                raise _differs(name, image.file, picture.shape[2], picture.shape[1], width, height)
            images[i] = picture
        labels = np.asarray([image.label for image in part], dtype=np.int64)
        return torch.from_numpy(images), torch.from_numpy(labels)

    train, test = (read(part) for part in parts)
    return Pixels(train, test, classes)


def _common_size(name: str, parts: list[list[_Image]]) -> tuple[int, int]:
    width, height = picture_size(parts[0][0].file)
    for part in parts:
        for image in part:
            # Turned images keep their shape in the header: they are noticed when decoded.
            if (size := picture_size(image.file)) != (width, height):
                raise _differs(name, image.file, *size, width, height)
    return height, width


def _differs(name: str, file: Path, *sizes: int) -> FileProblem:
    width, height, others_width, others_height = sizes
    return FileProblem(
        file,
        f"has {width}×{height} pixels, the first image {others_width}×{others_height}: "
        f"say to which size, e.g. {name}@{min(others_width, others_height)}",
    )


def _memory() -> int:
    """Bytes that decoded images may take: a quarter of the machine's memory."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4
    return 2**32
