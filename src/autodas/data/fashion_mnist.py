"""Fashion-MNIST: 70 000 grey images of clothing, 28 × 28 pixels, ten classes.

Source: H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
Machine Learning Algorithms", arXiv:1708.07747. Four compressed IDX files are looked for in the
folder that ``AUTODAS_DATA`` names (and ``fashion-mnist`` in it), where Debian's package
``dataset-fashion-mnist`` puts them, and in the cache, into which they are downloaded otherwise.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autodas.core.errors import FileProblem, MissingData
from autodas.core.fetch import Remote, download
from autodas.core.places import DATA_VARIABLE, cache_folder, data_folder
from autodas.data.decoded import Pixels, image_data
from autodas.data.images import FASHION_MNIST, ImageData

__all__ = ["load_fashion_mnist", "read_idx"]

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
ORIGIN = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
# SHA-256 of the published files. Debian's have the same content behind another gzip header.
FILES = {
    "train-images-idx3-ubyte.gz": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
    ),
    "train-labels-idx1-ubyte.gz": (
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
    ),
}
NUM_CLASSES = 10
LARGEST = 2**27  # bytes of one file when unpacked; the largest has 47 MB


def load_fashion_mnist() -> ImageData:
    """60 000 training and 10 000 test images.

    Raises:
        MissingData: it is neither found nor delivered.
        FileProblem: a file is damaged or not what it should be.
    """
    folder = _folder()
    files = [folder / name for name in FILES]
    return image_data("fashion-mnist", FASHION_MNIST, files, partial(_decode, files))


def _folder() -> Path:
    own = data_folder()
    downloads = cache_folder() / "downloads"
    places = [DEBIAN, downloads]
    if own is not None:
        places = [own / "fashion-mnist", own, *places]
    for place in places:
        if all((place / name).is_file() for name in FILES):
            return place
    try:
        download([Remote(ORIGIN + name, sha, name) for name, sha in FILES.items()], downloads)
    except MissingData as error:
        raise MissingData(
            f"fashion-mnist is neither in a folder named by {DATA_VARIABLE} nor in {DEBIAN} "
            f"(Debian's package dataset-fashion-mnist), and {error}"
        ) from None
    return downloads


def _decode(files: list[Path]) -> Pixels:
    def part(images: Path, labels: Path) -> tuple[Tensor, Tensor]:
        pixels, classes = read_idx(images), read_idx(labels)
        if pixels.ndim != 3 or classes.shape != pixels.shape[:1] or not len(classes):
            raise FileProblem(
                images, f"holds {pixels.shape}, the labels {classes.shape}: they do not fit"
            )
        if classes.max() >= NUM_CLASSES:
            raise FileProblem(labels, f"holds label {classes.max()}, at most 9 is expected")
        return torch.from_numpy(pixels[:, None]), torch.from_numpy(classes.astype(np.int64))

    return Pixels(part(files[0], files[1]), part(files[2], files[3]), NUM_CLASSES)


def read_idx(file: Path) -> NDArray[np.uint8]:
    """The bytes of a gzip-compressed IDX file: two zeros, 8, the number of axes, sizes, content.

    Raises:
        FileProblem: it is damaged, or holds something else than unsigned bytes.
    """
    try:
        with gzip.open(file) as handle:
            data = handle.read(LARGEST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileProblem(file, f"is cut off or no gzip file ({error})") from None
    except OSError as error:
        raise FileProblem(file, f"cannot be read: {error.strerror or error}") from error
    if len(data) < 4 or data[:3] != b"\x00\x00\x08" or not 1 <= data[3] <= 4:
        raise FileProblem(file, "is no IDX file of bytes")
    axes, start = data[3], 4 + 4 * data[3]
    if len(data) < start:
        raise FileProblem(file, "is cut off")
    shape = struct.unpack(f">{axes}I", data[4:start])
    if math.prod(shape) != len(data) - start:
        raise FileProblem(file, f"announces {math.prod(shape)} bytes, holds {len(data) - start}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()
