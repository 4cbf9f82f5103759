"""Data sets by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from autodas.core.catalog import Catalog
from autodas.data.digits import load_digits
from autodas.data.images import ImageData

__all__ = ["DATASETS", "DataSource", "load_data"]


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
DATASETS.add(
    "digits",
    DataSource(
        "digits",
        "1797 handwritten digits of 8 × 8 pixels (scikit-learn); 200 to train, 1597 to test",
        load_digits,
    ),
)


@lru_cache(maxsize=4)
def load_data(name: str) -> ImageData:
    """The data set called ``name``, read once per process.

    Raises:
        UnknownName: there is none of that name.
        MissingData: it is not on this machine; the message says how to get it.
    """
    return DATASETS.get(name).load()
