"""Images in NumPy containers (``.npz`` without pickled objects), plain or JPEG-compressed.

Plain: ``{part}_images`` uint8 ``(N, H, W, C)`` and ``{part}_labels``. Compressed: ``{part}_jpeg``
holds the byte streams of all images one after the other, ``{part}_offsets`` (N + 1) where each
begins. Parts are ``train`` and ``test``; ``class_names`` says how many classes there are.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autodas.core.errors import FileProblem
from autodas.core.places import data_file
from autodas.core.rng import derive_seed
from autodas.data.decoded import Pixels, image_data
from autodas.data.images import ImageData, Normalisation
from autodas.data.pictures import decode_picture

__all__ = ["load_container"]

LARGEST = 2**33  # bytes; CIFAR as plain pixels has 184 MB
Arrays = Mapping[str, NDArray[Any]]


def load_container(name: str, file_name: str, normalisation: Normalisation) -> ImageData:
    """The data set in a container of the folder that ``AUTODAS_DATA`` names.

    The images are put in a fixed random order, since containers may be sorted by class.

    Args:
        name: Of the data set.
        file_name: Of the container.
        normalisation: How pixels are normalised.

    Raises:
        MissingData: there is no such file.
        FileProblem: it is damaged or holds something else.
    """
    file = data_file(file_name)
    return image_data(name, normalisation, [file], partial(_decode, name, file))


def _decode(name: str, file: Path) -> Pixels:
    arrays = _read(file)
    classes = len(_array(arrays, "class_names", file))
    return Pixels(
        _part(name, arrays, "train", classes, file),
        _part(name, arrays, "test", classes, file),
        classes,
    )


def _read(file: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            _check_unpacked(file)
            return {key: archive[key] for key in archive.files}
    except (ValueError, KeyError, TypeError, EOFError, AttributeError) as error:
        raise FileProblem(file, f"is no container of plain arrays ({_line(error)})") from None
    except (zipfile.BadZipFile, zlib.error, MemoryError, SyntaxError) as error:
        raise FileProblem(file, f"is damaged ({_line(error)})") from None
    except OSError as error:
        raise FileProblem(file, f"cannot be read: {error.strerror or _line(error)}") from None


def _check_unpacked(file: Path) -> None:
    """Refuse a small file that unpacks to very much; zipfile reads no more than it states."""
    with zipfile.ZipFile(file) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > LARGEST:
        raise FileProblem(file, f"unpacks to {size} bytes, at most {LARGEST} are read")


def _array(arrays: Arrays, key: str, file: Path) -> NDArray[Any]:
    if key not in arrays:
        raise FileProblem(file, f"holds no {key!r}")
    return arrays[key]


def _part(name: str, arrays: Arrays, part: str, classes: int, file: Path) -> tuple[Tensor, Tensor]:
    labels = _array(arrays, f"{part}_labels", file)
    plain = f"{part}_images" in arrays
    images = (_plain if plain else _compressed)(arrays, part, file)
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu" or not len(labels):
        raise FileProblem(
            file, f"holds {len(images)} images for '{part}', and labels of shape {labels.shape}"
        )
    if not 0 <= labels.min() <= labels.max() < classes:
        raise FileProblem(file, f"'{part}_labels' are not all in 0 to {classes - 1}")
    # Ranked by a hash of the number: the stream of a random generator may change with NumPy.
    order = sorted(range(len(labels)), key=lambda index: derive_seed(0, name, part, index))
    return torch.from_numpy(images[order]), torch.from_numpy(labels[order].astype(np.int64))


def _plain(arrays: Arrays, part: str, file: Path) -> NDArray[np.uint8]:
    images = arrays[f"{part}_images"]
    if images.ndim != 4 or images.dtype != np.uint8 or images.shape[3] not in (1, 3):
        raise FileProblem(
            file, f"'{part}_images' is {images.dtype} {images.shape}, not uint8 (N, H, W, C)"
        )
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _compressed(arrays: Arrays, part: str, file: Path) -> NDArray[np.uint8]:
    stream = _array(arrays, f"{part}_jpeg", file)
    offsets = _array(arrays, f"{part}_offsets", file)
    if stream.ndim != 1 or stream.dtype != np.uint8 or offsets.ndim != 1 or len(offsets) < 2:
        raise FileProblem(file, f"'{part}_jpeg' or '{part}_offsets' is no list of bytes or numbers")
    if offsets[0] != 0 or offsets[-1] != len(stream) or (np.diff(offsets) <= 0).any():
        raise FileProblem(file, f"'{part}_offsets' do not divide '{part}_jpeg'")
    content = stream.tobytes()
    bounds = offsets.tolist()
    first = decode_picture(content[: bounds[1]], f"{file}, {part} image 0")
    images = np.empty((len(bounds) - 1, *first.shape), np.uint8)
    for i, (start, stop) in enumerate(pairwise(bounds)):
        where = f"{file}, {part} image {i}"
        picture = decode_picture(content[start:stop], where)
        if picture.shape != first.shape:
            raise FileProblem(where, f"has shape {picture.shape}, image 0 has {first.shape}")
        images[i] = picture
    return images


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
