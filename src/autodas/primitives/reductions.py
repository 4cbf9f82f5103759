"""One number per segment.

Where a segment is a sketch, each stored entry stands for ``weight`` entries of the whole tensor:
sums scale by it, norms accordingly, the entropy gains log(weight). Means, deviations, the
median and shares need no scaling; extremes of a sketch are those of the sample.
"""

# NumPy types its reductions as Any.
# mypy: disable-error-code=no-any-return
from __future__ import annotations

import numpy as np

from autodas.core.values import FloatArray
from autodas.primitives.declare import primitive
from autodas.primitives.protect import bounded, sum_of_squares

__all__: list[str] = []


@primitive("mean", form="reduction", latex=r"\operatorname{{mean}}\left({0}\right)")
def mean(x: FloatArray) -> FloatArray:
    """Mean of the entries."""
    return x.mean(axis=1)


@primitive("sum", form="reduction", latex=r"\sum {0}")
def total(x: FloatArray, *, weight: FloatArray) -> FloatArray:
    """Sum of the entries."""
    return bounded(x.sum(axis=1) * weight)


def variance(x: FloatArray) -> FloatArray:
    """Population variance of the rows of an ``(m, n)`` array, in float64."""
    return sum_of_squares(x - x.mean(axis=1, keepdims=True)) / x.shape[1]


@primitive("std", form="reduction", latex=r"\operatorname{{std}}\left({0}\right)")
def std(x: FloatArray) -> FloatArray:
    """Standard deviation of the entries."""
    return bounded(np.sqrt(variance(x)))


@primitive("var", form="reduction", latex=r"\operatorname{{var}}\left({0}\right)")
def var(x: FloatArray) -> FloatArray:
    """Variance of the entries (of the population), at most 1e30."""
    return bounded(variance(x))


@primitive("min", form="reduction", latex=r"\min {0}")
def smallest(x: FloatArray) -> FloatArray:
    """Smallest entry."""
    return x.min(axis=1)


@primitive("max", form="reduction", latex=r"\max {0}")
def largest(x: FloatArray) -> FloatArray:
    """Largest entry."""
    return x.max(axis=1)


@primitive("median", form="reduction", latex=r"\operatorname{{median}}\left({0}\right)")
def median(x: FloatArray) -> FloatArray:
    """Middle entry, or the mean of the two middle ones."""
    low, high = (x.shape[1] - 1) // 2, x.shape[1] // 2
    ordered = np.partition(x, (low, high), axis=1)
    return ordered[:, low] * 0.5 + ordered[:, high] * 0.5


@primitive("l1", form="reduction", latex=r"\left\Vert{0}\right\Vert_1")
def l1(x: FloatArray, *, weight: FloatArray) -> FloatArray:
    """Sum of magnitudes."""
    return bounded(np.abs(x).sum(axis=1) * weight)


@primitive("l2", form="reduction", latex=r"\left\Vert{0}\right\Vert_2")
def l2(x: FloatArray, *, weight: FloatArray) -> FloatArray:
    """Euclidean norm of the entries; of a matrix, the Frobenius norm."""
    return bounded(np.sqrt(sum_of_squares(x) * weight))


@primitive("entropy", form="reduction", rowwise=True, latex=r"H\left({0}\right)")
def entropy(x: FloatArray, *, weight: FloatArray) -> FloatArray:
    """Entropy in nats of the magnitudes over their sum; 0 if all are 0. Of logits, per row."""
    share = np.abs(x)
    peak = share.max(axis=1, keepdims=True)
    share /= np.where(peak > 0, peak, 1.0)
    total_share = np.maximum(share.sum(axis=1), 1.0)
    weighted = (share * np.log(share + 1e-38)).sum(axis=1)
    known = np.log(total_share) - weighted / total_share + np.log(weight)
    return np.where(peak[:, 0] > 0, known, 0.0)


@primitive("fraction_positive", form="reduction", latex=r"P\left({0} > 0\right)")
def fraction_positive(x: FloatArray) -> FloatArray:
    """Share of entries above zero."""
    return (x > 0).mean(axis=1)
