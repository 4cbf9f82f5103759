"""Maps within one segment: normalisations.

A segment is the entries of one tensor, one spectrum, one Gram matrix, or one row of logits.
Where a segment is a sketch, each stored entry stands for ``weight`` entries of the whole tensor,
and normalisers are those of the whole: a softmax sums to one over the whole tensor, a normalised
one has unit norm as a whole.
"""

# NumPy types its reductions as Any.
# mypy: disable-error-code=no-any-return
from __future__ import annotations

import numpy as np

from autodas.core.values import FloatArray
from autodas.primitives.declare import primitive
from autodas.primitives.protect import sum_of_squares

__all__ = ["CONSTANT", "log_softmax_rows"]

CONSTANT = 1e-6
"""A segment whose deviation is below this share of its mean is constant in float32."""


def log_softmax_rows(x: FloatArray) -> FloatArray:
    """Log-softmax of the rows of an ``(m, n)`` array."""
    out = x - x.max(axis=1, keepdims=True)
    out -= np.log(np.exp(out).sum(axis=1, keepdims=True))
    return out


@primitive("min_max", form="segmentwise", latex=r"\operatorname{{minmax}}\left({0}\right)")
def min_max(x: FloatArray) -> FloatArray:
    """Entries brought to [0, 1] by the smallest and largest; zeros if these are equal."""
    low = x.min(axis=1, keepdims=True)
    spread = x.max(axis=1, keepdims=True) - low
    return (x - low) / np.where(spread > 0, spread, 1.0)


@primitive("standardise", form="segmentwise", latex=r"\operatorname{{z}}\left({0}\right)")
def standardise(x: FloatArray) -> FloatArray:
    """Entries less their mean, over their standard deviation; zeros if (nearly) constant."""
    mean = x.mean(axis=1, keepdims=True)
    centred = x - mean
    deviation = np.sqrt(sum_of_squares(centred) / x.shape[1])[:, None]
    varies = (deviation > CONSTANT * np.abs(mean)) & (deviation > 1e-30)
    centred *= np.where(varies, 1.0 / np.where(varies, deviation, 1.0), 0.0).astype(x.dtype)
    return centred


@primitive("softmax", form="segmentwise", latex=r"\operatorname{{softmax}}\left({0}\right)")
def softmax(x: FloatArray, *, weight: FloatArray) -> FloatArray:
    """exp(x) over the sum of exp over the segment (over classes for logits)."""
    out = x - x.max(axis=1, keepdims=True)
    np.exp(out, out=out)
    out /= out.sum(axis=1, keepdims=True) * weight
    return out


@primitive("log_softmax", form="segmentwise", latex=r"\log\operatorname{{softmax}}\left({0}\right)")
def log_softmax(x: FloatArray, *, weight: FloatArray) -> FloatArray:
    """Logarithm of the softmax, not below -1e30."""
    return np.maximum(log_softmax_rows(x) - np.log(weight).astype(x.dtype), -1e30)


@primitive("l2_normalise", form="segmentwise", latex=r"\frac{{{0}}}{{\left\Vert{0}\right\Vert_2}}")
def l2_normalise(x: FloatArray, *, weight: FloatArray) -> FloatArray:
    """Entries over the Euclidean norm of the segment; zeros if that is below 1e-30."""
    norm = np.sqrt(sum_of_squares(x) * weight[:, 0])[:, None]
    scale = np.where(norm > 1e-30, 1.0 / np.maximum(norm, 1e-30), 0.0)
    return x * scale.astype(x.dtype)
