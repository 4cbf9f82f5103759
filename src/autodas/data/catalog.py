"""Data sets by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from autodas.core.catalog import Catalog
from autodas.data.cifar import load_cifar10, load_cifar100
from autodas.data.containers import load_container
from autodas.data.digits import load_digits
from autodas.data.fashion_mnist import load_fashion_mnist
from autodas.data.folder import PREFIXES, ImageSource, load_folder
from autodas.data.images import CIFAR100, IMAGENET, ImageData, Normalisation
from autodas.data.reduced import is_reduced, reduced, reduced_name

__all__ = ["DATASETS", "DataSource", "check_data_name", "load_data"]


@dataclass(frozen=True)
class DataSource:
    """Where a data set comes from.

    Attributes:
        name: What it is called.
        description: One line for listings.
        load: Reads it.
    """

    name: str
    description: str
    load: Callable[[], ImageData]


DATASETS: Catalog[DataSource] = Catalog("data set")


def _add(name: str, load: Callable[[], ImageData], description: str) -> None:
    DATASETS.add(name, DataSource(name, description, load))


_add(
    "digits",
    load_digits,
    "1797 handwritten digits of 8 × 8 pixels (scikit-learn); 200 to train, 1597 to test",
)
_add(
    "fashion-mnist",
    load_fashion_mnist,
    "70 000 grey images of clothing, 28 × 28; AUTODAS_DATA, Debian's package or a download",
)
_add(
    "cifar10",
    load_cifar10,
    "60 000 images of 10 classes, 32 × 32; official files in AUTODAS_DATA or a download",
)
_add(
    "cifar100",
    load_cifar100,
    "60 000 images of 100 classes, 32 × 32; official files in AUTODAS_DATA or a download",
)


def _container(name: str, file: str, normalisation: Normalisation, description: str) -> None:
    load = partial(load_container, name, file, normalisation)
    _add(name, load, f"{description}; {file} in AUTODAS_DATA")


_container(
    "cifar10-jpeg", "cifar10_jpeg.npz", IMAGENET, "all of CIFAR-10, blurred by JPEG compression"
)
_container(
    "cifar10-sample", "cifar10_sample.npz", IMAGENET, "5438 + 1017 original images of CIFAR-10"
)
_container(
    "cifar100-sample",
    "cifar100_sample.npz",
    CIFAR100,
    "1117 + 916 original images of CIFAR-100: enough for probe batches, not for training",
)
_container("flowers12", "flowers12_jpeg.npz", IMAGENET, "288 + 144 flowers of 12 kinds, 224 × 224")


@lru_cache(maxsize=4)
def load_data(name: str) -> ImageData:
    """The data set called ``name``, read once per process.

    Args:
        name: A name in ``DATASETS``; or ``folder:PATH@SIZE``, ``csv:FILE@SIZE`` or
            ``hf:NAME@SIZE``, a folder, a list or a data set of images
            (:mod:`autodas.data.folder`); or ``NAME@SIDE/IMAGES``, a part of NAME
            (:mod:`autodas.data.reduced`).

    Raises:
        UnknownName: there is none of that name.
        InvalidInput: a part was asked for that there is not.
        MissingData: it is not on this machine; the message says how to get it.
        FileProblem: a file is damaged or not what it should be; the message names it.
    """
    if name.startswith(PREFIXES):
        return load_folder(name)
    if is_reduced(name):
        return reduced(name, load_data)
    return DATASETS.get(name).load()


def check_data_name(name: str) -> None:
    """Refuse a name that nothing can be loaded by, without loading anything.

    Args:
        name: As :func:`load_data` takes it.

    Raises:
        UnknownName: there is no data set of that name.
        InvalidInput: the name is not of a possible form.
        FileProblem: there is no such folder or list of images.
        MissingData: a data set of Hugging Face is not on this machine.
    """
    if name.startswith(PREFIXES):
        ImageSource.parsed(name).layout()
    else:
        DATASETS.get(reduced_name(name) if is_reduced(name) else name)
