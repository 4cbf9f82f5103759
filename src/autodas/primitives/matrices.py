"""Operations on Gram matrices, ``(m, n, n)``.

Eigenvalues are those of the symmetric part, computed in float64; a matrix that an elementwise
operation has made indefinite is measured by the magnitudes of its eigenvalues, i.e. its
singular values.
"""

# NumPy types its reductions as Any.
# mypy: disable-error-code=no-any-return
from __future__ import annotations

import numpy as np

from autodas.core.values import FloatArray
from autodas.primitives.declare import primitive
from autodas.primitives.protect import EPSILON, bounded

__all__ = ["centred", "eigenvalues", "symmetric"]


def symmetric(g: FloatArray) -> FloatArray:
    """(G + Gᵀ) / 2."""
    out = g + g.swapaxes(1, 2)
    out *= 0.5
    return out


def eigenvalues(g: FloatArray) -> FloatArray:
    """Eigenvalues of the symmetric part, largest first: ``(m, n)`` float64."""
    # Symmetrised before widening, so that it agrees to the last bit with `symmetrise`.
    return np.linalg.eigvalsh(symmetric(g).astype(np.float64))[:, ::-1]


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


@primitive("spectrum", form="spectrum", latex=r"\lambda\left({0}\right)")
def spectrum(g: FloatArray) -> FloatArray:
    """Eigenvalues of the symmetric part, largest first."""
    return bounded(eigenvalues(g).copy()).astype(np.float32)


@primitive("trace", form="matrix_reduction", latex=r"\operatorname{{tr}}\left({0}\right)")
def trace(g: FloatArray) -> FloatArray:
    """Sum of the diagonal."""
    return bounded(np.einsum("mii->m", g).astype(np.float64))


@primitive("nuclear_norm", form="matrix_reduction", latex=r"\left\lVert{0}\right\rVert_*")
def nuclear_norm(g: FloatArray) -> FloatArray:
    """Sum of the magnitudes of the eigenvalues."""
    return bounded(np.abs(eigenvalues(g)).sum(axis=1))


@primitive("log_det", form="matrix_reduction", latex=r"\log\det\left({0}\right)")
def log_det(g: FloatArray) -> FloatArray:
    """Σ log(|λ| + 1e-4 mean|λ| + 1e-20): the log-determinant of the matrix plus a small ridge."""
    size = np.abs(eigenvalues(g))
    # The ridge stands above the float32 noise of the zero eigenvalues of a rank-deficient matrix.
    return np.log(size + 1e-4 * size.mean(axis=1, keepdims=True) + EPSILON).sum(axis=1)


@primitive(
    "effective_rank", form="matrix_reduction", latex=r"\operatorname{{erank}}\left({0}\right)"
)
def effective_rank(g: FloatArray) -> FloatArray:
    """Exponential of the entropy of |λ| / Σ|λ| (Roy and Vetterli, 2007); 0 for the zero matrix."""
    size = np.abs(eigenvalues(g))
    total = size.sum(axis=1, keepdims=True)
    share = size / np.where(total > 0, total, 1.0)
    entropy = -(share * np.log(share + 1e-300)).sum(axis=1)
    return np.where(total[:, 0] > 0, np.exp(entropy), 0.0)


@primitive("condition", form="matrix_reduction", latex=r"\log\kappa\left({0}\right)")
def condition(g: FloatArray) -> FloatArray:
    """Log of largest over smallest |λ| above 1e-5 of the largest; 0 for the zero matrix."""
    # Smaller ones are zero up to float32 rounding: a rank-deficient matrix is judged on its range.
    size = np.abs(eigenvalues(g))
    largest = size.max(axis=1)
    smallest = np.where(size > 1e-5 * largest[:, None], size, np.inf).min(axis=1)
    known = largest > 0
    return np.where(
        known, np.log(np.where(known, largest, 1.0) / np.where(known, smallest, 1.0)), 0.0
    )
