"""Typed operations on statistics, the words that formulas are made of.

A primitive is a value: a NumPy function for dense blocks and a *form* that says how it is typed
and lifted over ragged columns. :func:`apply` evaluates one for all architectures at once;
:func:`primitive` declares one more, which is then probed for totality and takes part in
discovery, listings and tests like the built-in ones.
"""

from autodas.primitives import (
    aggregations,
    distances,
    elementwise,
    matrices,
    over_teachers,
    reductions,
    segmentwise,
)
from autodas.primitives.declare import PRIMITIVES, primitive
from autodas.primitives.lift import LayoutMismatch, apply, apply_to_rows
from autodas.primitives.primitive import ENTRIES, FORMS, Form, Primitive
from autodas.primitives.protect import EPSILON, LIMIT, bounded

__all__ = [
    "ENTRIES",
    "EPSILON",
    "FORMS",
    "LIMIT",
    "PRIMITIVES",
    "Form",
    "LayoutMismatch",
    "Primitive",
    "aggregations",
    "apply",
    "apply_to_rows",
    "bounded",
    "distances",
    "elementwise",
    "matrices",
    "over_teachers",
    "primitive",
    "reductions",
    "segmentwise",
]
