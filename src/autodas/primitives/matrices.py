"""Operations on Gram matrices, ``(m, n, n)``.

Eigenvalues are those of the symmetric part, computed in float64; a matrix that an elementwise
operation has made indefinite is measured by the magnitudes of its eigenvalues, i.e. its
singular values.
"""

# NumPy types its reductions as Any.
# mypy: disable-error-code=no-any-return
from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps

import numpy as np

from autodas.core.values import FloatArray
from autodas.primitives.declare import primitive
from autodas.primitives.protect import EPSILON, bounded

__all__ = ["centred", "eigenvalues", "on_range", "once_each", "symmetric"]

RANGE = 1e-5
"""Share of the largest eigenvalue up to which others may be what rounding left of zero."""


def once_each(function: Callable[[FloatArray], FloatArray]) -> Callable[[FloatArray], FloatArray]:
    """Let a costly function of ``(m, n, n)`` see equal matrices once.

    The matrices of a teacher are the same for all architectures.
    """

    @wraps(function)
    def wrapped(g: FloatArray) -> FloatArray:
        first: dict[bytes, int] = {}
        diagonals = np.ascontiguousarray(g.diagonal(axis1=1, axis2=2))
        like = np.array([first.setdefault(d.tobytes(), i) for i, d in enumerate(diagonals)])
        if len(first) > len(g) // 2 or not np.array_equal(g, g[like]):
            return function(g)
        kept = np.array(list(first.values()))
        return function(g[kept])[np.searchsorted(kept, like)]

    return wrapped


def symmetric(g: FloatArray) -> FloatArray:
    """(G + Gᵀ) / 2."""
    out = g + g.swapaxes(1, 2)
    out *= 0.5
    return out


@once_each
def eigenvalues(g: FloatArray) -> FloatArray:
    """Eigenvalues of the symmetric part, largest first: ``(m, n)`` float64."""
    # Symmetrised before widening, so that it agrees to the last bit with `symmetrise`.
    values = np.linalg.eigvalsh(symmetric(g).astype(np.float64))[:, ::-1]
    return on_range(values) if g.dtype == np.float64 else values


def on_range(values: FloatArray) -> FloatArray:
    """``(m, n)`` eigenvalues; zero where they are below 1e-5 of the largest magnitude.

    They say nothing of the matrix that a change of its last digits does not change. In single
    precision they are kept, as the shipped proxies were found with them.
    """
    size = np.abs(values)
    return np.where(size > RANGE * size.max(axis=1, keepdims=True), values, 0.0)


reduction_of_spectrum = partial(primitive, form="matrix_reduction", after=eigenvalues)


def centred(g: FloatArray) -> FloatArray:
    """HGH with H = I - 11ᵀ/n: the Gram matrix of centred vectors."""
    out = g - g.mean(axis=1, keepdims=True)
    out -= out.mean(axis=2, keepdims=True)
    return bounded(out)


@primitive("symmetrise", form="matrix_map", latex=r"\operatorname{{sym}}\left({0}\right)")
def symmetrise(g: FloatArray) -> FloatArray:
    """Symmetric part (G + Gᵀ) / 2."""
    return symmetric(g)


@primitive("centre", form="matrix_map", latex=r"H {0} H")
def centre(g: FloatArray) -> FloatArray:
    """Centred Gram matrix HGH, H = I - 11ᵀ/n."""
    return centred(g)


@primitive("row_normalise", form="matrix_map", latex=r"\operatorname{{rows}}\left({0}\right)")
def row_normalise(g: FloatArray) -> FloatArray:
    """Rows over their Euclidean norms; rows with a norm below 1e-30 become zero."""
    wide = g.astype(np.float64)
    norm = np.sqrt(np.einsum("mij,mij->mi", wide, wide))[:, :, None]
    scale = np.where(norm > 1e-30, 1.0 / np.maximum(norm, 1e-30), 0.0)
    return (wide * scale).astype(g.dtype)


@primitive("spectrum", form="spectrum", after=eigenvalues, latex=r"\lambda\left({0}\right)")
def spectrum(values: FloatArray) -> FloatArray:
    """Eigenvalues of the symmetric part, largest first."""
    return bounded(values.copy())


@primitive("trace", form="matrix_reduction", latex=r"\operatorname{{tr}}\left({0}\right)")
def trace(g: FloatArray) -> FloatArray:
    """Sum of the diagonal."""
    return bounded(np.einsum("mii->m", g).astype(np.float64))


@reduction_of_spectrum("nuclear_norm", latex=r"\left\Vert{0}\right\Vert_*")
def nuclear_norm(values: FloatArray) -> FloatArray:
    """Sum of the magnitudes of the eigenvalues."""
    return bounded(np.abs(values).sum(axis=1))


@reduction_of_spectrum("log_det", latex=r"\log\det\left({0}\right)")
def log_det(values: FloatArray) -> FloatArray:
    """Σ log(|λ| + 1e-4 mean|λ| + 1e-20): the log-determinant of the matrix plus a small ridge."""
    size = np.abs(values)
    # The ridge stands above the float32 noise of the zero eigenvalues of a rank-deficient matrix.
    return np.log(size + 1e-4 * size.mean(axis=1, keepdims=True) + EPSILON).sum(axis=1)


@reduction_of_spectrum("effective_rank", latex=r"\operatorname{{erank}}\left({0}\right)")
def effective_rank(values: FloatArray) -> FloatArray:
    """Exponential of the entropy of |λ| / Σ|λ| (Roy and Vetterli, 2007); 0 for the zero matrix."""
    size = np.abs(values)
    total = size.sum(axis=1, keepdims=True)
    share = size / np.where(total > 0, total, 1.0)
    entropy = -(share * np.log(share + 1e-300)).sum(axis=1)
    return np.where(total[:, 0] > 0, np.exp(entropy), 0.0)


@reduction_of_spectrum("condition", latex=r"\log\kappa\left({0}\right)")
def condition(values: FloatArray) -> FloatArray:
    """Log of largest over smallest |λ| above 1e-5 of the largest; log 1e5 for the zero matrix."""
    # Smaller ones are zero up to float32 rounding: a rank-deficient matrix is judged on its range.
    # The zero matrix has none, and its condition is as bad as can be.
    size = np.abs(values)
    largest = size.max(axis=1)
    smallest = np.where(size > RANGE * largest[:, None], size, np.inf).min(axis=1)
    known = largest > 0
    return np.where(
        known,
        np.log(np.where(known, largest, 1.0) / np.where(known, smallest, 1.0)),
        -np.log(RANGE),
    )
