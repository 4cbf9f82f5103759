"""Spaces of student architectures.

A space draws, enumerates, mutates and crosses *architectures*, which are immutable values; it
writes them as text and reads them back exactly; and it builds their networks for any image size
and number of classes. Most spaces are a product of named choices (:class:`ChoiceSpace`): a new
one of your own needs the choices and a build function. A list of networks that exist already, such
as models of timm, is a space as well (:class:`ListSpace`).
"""

from autodas.spaces.base import Arch, Precision, Shape, Space
from autodas.spaces.catalog import SPACES, get_space
from autodas.spaces.choices import ChoiceSpace, Each, Selection
from autodas.spaces.listed import ListSpace
from autodas.spaces.nasbench101 import graph_hash
from autodas.spaces.nasbench201 import isomorphism_class
from autodas.students import TIMM

__all__ = [
    "SPACES",
    "TIMM",
    "Arch",
    "ChoiceSpace",
    "Each",
    "ListSpace",
    "Precision",
    "Selection",
    "Shape",
    "Space",
    "get_space",
    "graph_hash",
    "isomorphism_class",
]
