"""The spaces that have a name, and the way to those of the user's own."""

from __future__ import annotations

from functools import lru_cache

from autodas.core.catalog import Catalog
from autodas.spaces.base import Space
from autodas.spaces.convolutional import DIGITS_CNN, MOBILE, RESNET, RESNET_WIDE
from autodas.spaces.nasbench101 import NASBENCH101
from autodas.spaces.nasbench201 import NASBENCH201
from autodas.spaces.user import is_reference, load_space
from autodas.spaces.vision_transformers import AUTOFORMER, DIGITS_VIT, PIT

__all__ = ["SPACES", "get_space"]

SPACES: Catalog[Space] = Catalog("space")
for _space in (
    DIGITS_CNN,
    DIGITS_VIT,
    RESNET,
    RESNET_WIDE,
    MOBILE,
    AUTOFORMER,
    PIT,
    NASBENCH101,
    NASBENCH201,
):
    SPACES.add(_space.name, _space)


@lru_cache(maxsize=64)
def _user_space(reference: str) -> Space:
    return load_space(reference)


def get_space(name: str) -> Space:
    """The space called ``name``, or written ``package.module:object``; always the same object.

    Raises:
        UnknownName: no space has this name.
        InvalidInput: the module cannot be imported or the object is no space.
    """
    return _user_space(name) if is_reference(name) else SPACES.get(name)
