"""What statistics make of features, derived a second time: in NumPy, by other ways.

Features are arrays, ``(B, C, H, W)`` or ``(B, N, D)``.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import scipy.linalg
import scipy.spatial.distance
import scipy.special
import torch

from autodas.statistics.passes import views

# --- views, entry by entry ----------------------------------------------------------------------


def sample_gram(feature):
    n = len(feature)
    gram = np.empty((n, n))
    for i, j in itertools.product(range(n), repeat=2):
        gram[i, j] = (feature[i] * feature[j]).sum() / feature[i].size
    return gram


def rows(feature):
    """One row per sample and position."""
    if feature.ndim == 3:
        return np.concatenate(list(feature))
    return np.array([f[:, r, c] for f in feature for r, c in np.ndindex(f.shape[1:])])


def second_moments(values):
    return sum(np.outer(row, row) for row in values) / len(values)


def projected_gram(feature):
    values = rows(feature)
    if values.shape[1] > 16:
        return second_moments(
            values @ views._projection(values.shape[1], 16, torch.float64).numpy()
        )
    gram = np.zeros((16, 16))
    gram[: values.shape[1], : values.shape[1]] = second_moments(values)
    return gram


def attention_map(feature):
    energy = (as_map(feature) ** 2).mean(1)
    maps = averaged(averaged(energy, 1, 4), 2, 4).reshape(len(feature), 16)
    total = maps.sum(1, keepdims=True)
    return np.where(total > 0, maps / np.where(total > 0, total, 1), 1 / 16)


def as_map(feature):
    if feature.ndim == 4:
        return feature
    side = math.isqrt(feature.shape[1] - 1)  # of patches after a class token
    patches = feature[:, 1:].transpose(0, 2, 1)
    return patches.reshape(*patches.shape[:2], side, side)


def averaged(value, axis, count):
    """Means of ``count`` bins along an axis, overlapping where they must."""
    n = value.shape[axis]
    bins = [range(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]
    return np.stack([value.take(list(b), axis).mean(axis) for b in bins], axis)


def singular_values(matrix):
    return scipy.linalg.svdvals(matrix)


# --- comparisons --------------------------------------------------------------------------------


def cosine(a, b):
    return 1 - scipy.spatial.distance.cosine(a.ravel(), b.ravel())


def aligned(s, t):
    """Centred kernel alignment with the centring matrix written out."""
    h = np.eye(len(s)) - 1 / len(s)
    k, m = h @ s @ h, h @ t @ h
    return np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))


def unit_rows(matrix):
    return np.array([row / (np.sqrt((row**2).sum()) or 1) for row in matrix])


def row_distance(s, t):
    return ((unit_rows(s) - unit_rows(t)) ** 2).mean()


def relations(feature):
    return 1 - scipy.spatial.distance.pdist(feature.reshape(len(feature), -1), "cosine")


def divergence(student, teacher):
    """Mean of KL(teacher ‖ student) over rows."""
    return scipy.special.rel_entr(teacher, student).sum(1).mean()


# --- losses of distillation ---------------------------------------------------------------------


def hint_distance(s, t):
    s, t = as_map(s), as_map(t)
    for axis in (1, 2, 3):
        count = min(s.shape[axis], t.shape[axis])
        s, t = averaged(s, axis, count), averaged(t, axis, count)
    return ((s - t) ** 2).mean()


def cosines(feature):
    unit = unit_rows(feature.reshape(len(feature), -1))
    return unit @ unit.T


def congruence(feature):
    """Taylor series in x · y of exp(-0.4 |x - y|²) = exp(-0.8) exp(0.8 x · y)."""
    c = cosines(feature)
    return np.exp(-0.8) * (1 + 0.8 * c + 0.8**2 / 2 * c**2)


def huber(a, b):
    d = np.abs(a - b)
    return np.where(d < 1, d**2 / 2, d - 0.5).mean()


def relative_distances(feature):
    distances = scipy.spatial.distance.pdist(feature.reshape(len(feature), -1))
    scale = distances.mean() if distances.any() else 1.0
    return scipy.spatial.distance.squareform(distances / scale)


def angles(feature):
    """``[j, i, k]``: cosine at j between the directions to i and k; none to one's own place."""
    flat = feature.reshape(len(feature), -1)
    directions = np.array([unit_rows(flat - each) for each in flat])
    return np.einsum("jid,jkd->jik", directions, directions)


def neighbourhoods(feature):
    similar = (cosines(feature) + 1) / 2
    return similar / similar.sum(1, keepdims=True)


def grid_maps(feature):
    """``(B, C, 16)``."""
    value = as_map(feature)
    for axis in (2, 3):
        value = averaged(value, axis, 4)
    return value.reshape(*value.shape[:2], 16)


def discrepancy(s, t):
    """Of the kernel (x · y)² between the channels' maps, mean over samples."""

    def kernel(a, b):
        return np.mean([(unit_rows(x) @ unit_rows(y).T) ** 2 for x, y in zip(a, b, strict=True)], 0)

    s, t = grid_maps(s), grid_maps(t)
    return kernel(s, s).mean() + kernel(t, t).mean() - 2 * kernel(s, t).mean()


def factors(feature):
    """``(B, 16, 4)`` by singular value decomposition."""
    found = []
    for maps in grid_maps(feature):
        _, values, vectors = np.linalg.svd(maps, full_matrices=False)
        short = max(0, 4 - len(values))
        values = np.pad(values[:4], (0, short))
        vectors = np.pad(vectors[:4], ((0, short), (0, 0)))
        vectors = [v * np.sign(v[np.abs(v).argmax()]) for v in vectors]
        values = values / np.linalg.norm(values)
        found.append(np.array(vectors).T * np.where(values > 1e-3, values, 0))
    return np.array(found)
