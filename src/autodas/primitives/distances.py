"""Comparisons of two values of one type: one number per segment.

On two vectors (one number per layer or stage) the number is one per architecture. Where the
segments are sketches, sums and norms are scaled to the whole tensor; ratios need no scaling.
"""

# NumPy types its reductions as Any.
# mypy: disable-error-code=no-any-return
from __future__ import annotations

from functools import partial

import numpy as np

from autodas.core.values import FloatArray, Kind
from autodas.primitives.declare import primitive
from autodas.primitives.matrices import centred, once_each, symmetric
from autodas.primitives.primitive import ENTRIES
from autodas.primitives.protect import bounded, dot, sum_of_squares
from autodas.primitives.segmentwise import CONSTANT

__all__: list[str] = []

symmetric_distance = partial(primitive, form="distance", commutative=True)
distance_of_rows = partial(primitive, form="distance", kinds=ENTRIES, rowwise=True)


@symmetric_distance("l1_distance", latex=r"\left\Vert{0} - {1}\right\Vert_1")
def l1_distance(x: FloatArray, y: FloatArray, *, weight: FloatArray) -> FloatArray:
    """Sum of |x - y|."""
    gap = x - y
    return bounded(np.abs(gap, out=gap).sum(axis=1) * weight)


@symmetric_distance("l2_distance", latex=r"\left\Vert{0} - {1}\right\Vert_2")
def l2_distance(x: FloatArray, y: FloatArray, *, weight: FloatArray) -> FloatArray:
    """Euclidean norm of x - y."""
    return bounded(np.sqrt(sum_of_squares(x - y) * weight))


@symmetric_distance("smooth_l1", latex=r"\operatorname{{smoothL1}}\left({0}, {1}\right)")
def smooth_l1(x: FloatArray, y: FloatArray) -> FloatArray:
    """Mean of d²/2 where d = |x - y| < 1, of d - 1/2 elsewhere (Girshick, 2015)."""
    gap = x - y
    np.abs(gap, out=gap)
    inside = np.minimum(gap, 1.0)
    return bounded((inside * (gap - 0.5 * inside)).mean(axis=1))


def _cosine(x: FloatArray, y: FloatArray) -> FloatArray:
    """Row-wise cosines in [-1, 1], 0 where a row is zero."""
    size = np.sqrt(sum_of_squares(x)) * np.sqrt(sum_of_squares(y))
    known = size > 1e-60
    return np.clip(np.where(known, dot(x, y) / np.where(known, size, 1.0), 0.0), -1.0, 1.0)


@symmetric_distance("cosine", latex=r"\cos\left({0}, {1}\right)")
def cosine(x: FloatArray, y: FloatArray) -> FloatArray:
    """Cosine of the angle between x and y, in [-1, 1]; 0 if either is zero."""
    return _cosine(x, y)


def _deviations(x: FloatArray) -> FloatArray:
    mean = x.mean(axis=1, keepdims=True)
    gap = x - mean
    gap[np.abs(gap).max(axis=1) <= CONSTANT * np.abs(mean[:, 0])] = 0.0
    return gap


@symmetric_distance("pearson", latex=r"\rho\left({0}, {1}\right)")
def pearson(x: FloatArray, y: FloatArray) -> FloatArray:
    """Correlation of x and y, in [-1, 1]; 0 if either is (nearly) constant."""
    return _cosine(_deviations(x), _deviations(y))


@symmetric_distance("inner_product", latex=r"\left\langle{0}, {1}\right\rangle")
def inner_product(x: FloatArray, y: FloatArray, *, weight: FloatArray) -> FloatArray:
    """Sum of products, within ±1e30; of two matrices, the trace of XᵀY."""
    return bounded(dot(x, y) * weight)


def _below_zero(rows: FloatArray, temperature: float) -> FloatArray:
    """``rows``, which the caller owns, less their maxima and over the temperature."""
    rows -= rows.max(axis=1, keepdims=True)
    rows /= temperature
    return rows


def _kl(x: FloatArray, y: FloatArray, temperature: float) -> FloatArray:
    """T² KL(softmax(y/T) ‖ softmax(x/T)) of rows (Hinton, Vinyals and Dean, 2015, section 2)."""
    # In float64: the terms of nearly equal distributions cancel to second order.
    q, p = (_below_zero(v.astype(np.float64), temperature) for v in (x, y))
    gap = p - q
    total_q, total_p = (np.exp(v, out=v).sum(axis=1, keepdims=True) for v in (q, p))
    # log softmax(y/T) - log softmax(x/T)
    gap -= np.log(total_p) - np.log(total_q)
    divergence = np.einsum("mn,mn->m", p, gap) / total_p[:, 0]
    return np.clip(divergence * temperature**2, 0.0, 1e30)


@distance_of_rows("kl", latex=r"\operatorname{{KL}}\left({1} \,\Vert\, {0}\right)")
def kl(x: FloatArray, y: FloatArray) -> FloatArray:
    """KL divergence of softmax(x) from softmax(y); mean over samples for logits."""
    return _kl(x, y, 1.0)


@distance_of_rows("kl_t4", latex=r"\operatorname{{KL}}_{{T=4}}\left({1} \,\Vert\, {0}\right)")
def kl_t4(x: FloatArray, y: FloatArray) -> FloatArray:
    """16 times the KL divergence at temperature 4; mean over samples for logits."""
    return _kl(x, y, 4.0)


def _vanishing(g: FloatArray) -> FloatArray:
    """The centred matrix, exactly zero where centring leaves only float32 rounding."""
    out = centred(g)
    out[np.abs(out).max(axis=(1, 2)) <= CONSTANT * np.abs(g).max(axis=(1, 2))] = 0.0
    return out


@primitive(
    "cka",
    form="matrix_distance",
    kinds={Kind.GRAM},
    commutative=True,
    latex=r"\operatorname{{CKA}}\left({0}, {1}\right)",
)
def cka(x: FloatArray, y: FloatArray) -> FloatArray:
    """Linear centred kernel alignment of two Gram matrices (Kornblith et al., 2019, eq. 4)."""
    return _cosine(*(_vanishing(g).reshape(len(g), -1) for g in (x, y)))


def _root(g: FloatArray) -> FloatArray:
    """A square root R of the positive part of symmetric float64 matrices: R Rᵀ = G₊."""
    try:
        return np.linalg.cholesky(g)  # ten times faster, where all are positive definite
    except np.linalg.LinAlgError:
        if len(g) > 1:
            half = len(g) // 2
            return np.concatenate([_root(g[:half]), _root(g[half:])])
    values, vectors = np.linalg.eigh(g)
    return vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]


@once_each
def _roots(g: FloatArray) -> FloatArray:
    return _root(symmetric(g).astype(np.float64))


@primitive("bures", form="matrix_distance", latex=r"d_B\left({0}, {1}\right)")
def bures(x: FloatArray, y: FloatArray) -> FloatArray:
    """Bures distance √(tr X + tr Y - 2 tr (X½ Y X½)½) of the positive parts (Bhatia et al., 2019).

    With X = R Rᵀ and Y = S Sᵀ, tr (X½ Y X½)½ is the nuclear norm of RᵀS, from the eigenvalues of
    its Gram matrix.
    """
    root_x, root_y = _roots(x), _roots(y)
    cross = root_x.swapaxes(1, 2) @ root_y
    fidelity = np.sqrt(np.maximum(np.linalg.eigvalsh(cross @ cross.swapaxes(1, 2)), 0.0))
    traces = sum(np.einsum("mij,mij->m", root, root) for root in (root_x, root_y))
    return bounded(np.sqrt(np.maximum(traces - 2.0 * fidelity.sum(axis=1), 0.0)))
