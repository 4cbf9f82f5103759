"""The spaces that have a name."""

from __future__ import annotations

from autodas.core.catalog import Catalog
from autodas.spaces.autoformer import AUTOFORMER
from autodas.spaces.base import Space
from autodas.spaces.digits import DIGITS_CNN, DIGITS_VIT
from autodas.spaces.nasbench101 import NASBENCH101
from autodas.spaces.nasbench201 import NASBENCH201
from autodas.spaces.pit import PIT
from autodas.spaces.resnet import RESNET, RESNET_WIDE

__all__ = ["SPACES", "get_space"]

SPACES: Catalog[Space] = Catalog("space")
for _space in (
    DIGITS_CNN,
    DIGITS_VIT,
    RESNET,
    RESNET_WIDE,
    AUTOFORMER,
    PIT,
    NASBENCH101,
    NASBENCH201,
):
    SPACES.add(_space.name, _space)


def get_space(name: str) -> Space:
    """The space called ``name``.

    Raises:
        UnknownName: there is none.
    """
    return SPACES.get(name)
