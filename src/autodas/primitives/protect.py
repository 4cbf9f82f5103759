"""What keeps every primitive finite: one bound, one smallest divisor, and rescued sums.

All values of an expression lie in [-LIMIT, LIMIT]. Leaves outside are refused when they are
read, and a primitive that could leave the range clips its result, so the range is closed under
every primitive and no sum over at most 10⁸ float32 entries can overflow.
"""

# NumPy types its reductions as Any.
# mypy: disable-error-code=no-any-return
from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from autodas.core.values import FloatArray

__all__ = ["EPSILON", "LIMIT", "bounded", "dot", "inverse", "silenced", "sum_of_squares"]

LIMIT = 1e30
"""Largest magnitude of any value."""

EPSILON = 1e-20
"""Added inside logarithms and the smallest divisor; far below any statistic of interest."""

# Sums of products outside this range may have lost float32 accuracy to under- or overflow.
_TRUSTED = (1e-25, 1e35)

F = TypeVar("F", bound=Callable[..., Any])


def silenced(function: F) -> F:
    """Let a protected function overflow or divide by zero on its way to a finite result."""

    @wraps(function)
    def quiet(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passes anything through
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return quiet  # type: ignore[return-value]


def bounded(values: FloatArray) -> FloatArray:
    """``values``, which the caller owns, clipped in place to [-LIMIT, LIMIT]."""
    return np.clip(values, -LIMIT, LIMIT, out=values)


def inverse(values: FloatArray) -> FloatArray:
    """1 / x with |x| taken as at least EPSILON, and 0 where x = 0."""
    return np.sign(values) / np.maximum(np.abs(values), EPSILON)


@silenced
def dot(x: FloatArray, y: FloatArray) -> FloatArray:
    """Inner products of the rows of two ``(m, n)`` arrays: ``(m,)`` in float64.

    Computed in the precision of the input; rows whose result is tiny or huge are computed
    again in float64.
    """
    result = np.einsum("mn,mn->m", x, y).astype(np.float64)
    size = np.abs(result)
    doubtful = np.flatnonzero(~((size > _TRUSTED[0]) & (size < _TRUSTED[1])))
    if doubtful.size:
        wide = x[doubtful].astype(np.float64), y[doubtful].astype(np.float64)
        result[doubtful] = np.einsum("mn,mn->m", *wide)
    return result


def sum_of_squares(x: FloatArray) -> FloatArray:
    """Sums of squares of the rows of an ``(m, n)`` array: ``(m,)`` in float64."""
    return dot(x, x)
