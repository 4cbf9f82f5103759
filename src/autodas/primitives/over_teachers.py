"""From one number beside each teacher of a set to one in all, ``(m, T)`` to ``(m,)``.

The argument is evaluated beside every teacher by itself. A statistic outside of these primitives is
the mean over the set. Of a set of one teacher, the mean and the extremes are the argument, and the
deviation is zero.
"""

# NumPy types its reductions as Any.
# mypy: disable-error-code=no-any-return
from __future__ import annotations

import numpy as np

from autodas.core.values import FloatArray
from autodas.primitives.declare import primitive
from autodas.primitives.protect import bounded

__all__: list[str] = []


@primitive("teachers_mean", form="over_teachers", latex=r"\overline{{{0}}}^T")
def teachers_mean(x: FloatArray) -> FloatArray:
    """Mean over the teachers of a set."""
    return x.mean(axis=1)


@primitive("teachers_max", form="over_teachers", latex=r"\max_T {0}")
def teachers_max(x: FloatArray) -> FloatArray:
    """Largest beside any teacher of a set."""
    return x.max(axis=1)


@primitive("teachers_min", form="over_teachers", latex=r"\min_T {0}")
def teachers_min(x: FloatArray) -> FloatArray:
    """Smallest beside any teacher of a set."""
    return x.min(axis=1)


@primitive("teachers_std", form="over_teachers", latex=r"\operatorname{{std}}_T\left({0}\right)")
def teachers_std(x: FloatArray) -> FloatArray:
    """Standard deviation over the teachers of a set: how much they disagree."""
    return bounded(x.std(axis=1))


@primitive(
    "teachers_weighted",
    form="over_teachers",
    latex=r"\frac{{\sum_T \left|{1}\right| {0}}}{{\sum_T \left|{1}\right|}}",
)
def teachers_weighted(x: FloatArray, weight_of: FloatArray) -> FloatArray:
    """Mean over teachers, each weighted by the magnitude of the second; if all are 0, the mean."""
    size = np.abs(weight_of)
    peak = size.max(axis=1, keepdims=True)
    share = np.where(peak > 0, size / np.where(peak > 0, peak, 1.0), 1.0)
    return (x * (share / share.sum(axis=1, keepdims=True))).sum(axis=1)
