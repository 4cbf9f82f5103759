"""How well a teacher's features suit the classes, by scores made for choosing what to fine-tune.

They look at what the last layer sees and at the labels, and train nothing. None of them was made
for distillation; whether they say who teaches well is measured (docs/teachers.md).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["NeuralCollapse", "collapse", "h_score", "log_me", "ncti"]

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

ROUNDS = 100  # of a fixed point that is there after two or three
TINY = 1e-12
COMPONENTS = 64  # of NCTI's principal components, and half of them for its shrinkage
LEAST_SHRINKAGE = 1e-10


def log_me(features: Floats, labels: Labels) -> float:
    """Logarithm of the maximum evidence of a linear model from features to each class, per image.

    The evidence of y = F w + noise with w ~ N(0, 1/α), noise ~ N(0, 1/β), at the α and β that make
    it largest; y is 1 for the class and 0 else; the mean over classes (You et al., "LogME:
    Practical Assessment of Pre-trained Models for Transfer Learning", ICML 2021; the fixed point is
    that of You et al., JMLR 2022).

    Args:
        features: ``(N, D)``.
        labels: ``(N,)``.
    """
    left, singular, _ = np.linalg.svd(features, full_matrices=False)
    classes = np.unique(labels)
    found = [_evidence(left, singular**2, (labels == each).astype(float)) for each in classes]
    return float(np.mean(found)) / len(labels)


def _evidence(left: Floats, squares: Floats, wanted: Floats) -> float:
    """Log evidence of one class, at its best."""
    count = len(wanted)
    along = (left.T @ wanted) ** 2
    beyond = max(float(wanted @ wanted - along.sum()), 0.0)
    ratio = 1.0  # α / β
    for _ in range(ROUNDS):
        known = float((squares / (squares + ratio)).sum())
        length = float((squares * along / (squares + ratio) ** 2).sum())
        error = float((along / (1 + squares / ratio) ** 2).sum()) + beyond
        alpha = known / max(length, TINY)
        beta = (count - known) / max(error, TINY)
        before, ratio = ratio, alpha / beta
        if abs(ratio - before) <= 1e-6 * before:
            break
    # Directions without features have α in both determinants, which cancels.
    return 0.5 * float(
        len(squares) * math.log(alpha)
        + count * math.log(beta)
        - np.log(alpha + beta * squares).sum()
        - beta * error
        - alpha * length
        - count * math.log(2 * math.pi)
    )


def h_score(features: Floats, labels: Labels) -> float:
    """Variance between classes over all variance, tr(S⁻¹ S_b), in [0, min(D, K − 1)].

    Bao et al., "An Information-Theoretic Approach to Transferability in Task Transfer Learning",
    ICIP 2019. S is shrunk towards a multiple of the identity by Ledoit and Wolf's share, since the
    plain one says little where images are not many more than features (Ibrahim et al., "Newer is
    not always better", ECML 2022).

    Args:
        features: ``(N, D)``.
        labels: ``(N,)``.
    """
    from sklearn.covariance import ledoit_wolf  # noqa: PLC0415 - takes most of a second

    centred = features - features.mean(axis=0)
    covariance, shrunk = ledoit_wolf(centred, assume_centered=True)
    means = np.zeros_like(centred)
    for each in np.unique(labels):
        means[labels == each] = centred[labels == each].mean(axis=0)
    between = means.T @ means / len(labels)
    if not np.trace(covariance):
        return 0.0
    return float((1 - shrunk) * np.trace(np.linalg.pinv(covariance, hermitian=True) @ between))


class NeuralCollapse(NamedTuple):
    """How near features are to neural collapse.

    Attributes:
        spread: Nuclear norm of the features in the space that tells classes apart: high.
        fit: Mean probability of the right class there, in [0, 1]: high.
        variety: Logarithm of the summed nuclear norms of each class's probabilities: low.
    """

    spread: float
    fit: float
    variety: float


def collapse(features: Floats, labels: Labels) -> NeuralCollapse:
    """The three terms of NCTI, each to be brought to [0, 1] among the candidates and added up.

    Wang et al., "How Far Pre-trained Models Are from Neural Collapse on the Target Dataset Informs
    their Transferability", ICCV 2023, as their program has it: principal components, then linear
    discriminant analysis whose shrinkage is exp(−variance of half of them).

    Args:
        features: ``(N, D)``, of at least two classes.
        labels: ``(N,)``.
    """
    from sklearn.decomposition import PCA  # noqa: PLC0415 - takes most of a second
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis  # noqa: PLC0415

    pca = PCA(min(COMPONENTS, *features.shape))
    reduced = pca.fit_transform(features)
    shrinkage = math.exp(-float(pca.explained_variance_[: COMPONENTS // 2].sum()))
    plain = shrinkage <= LEAST_SHRINKAGE
    analysis = (
        LinearDiscriminantAnalysis(solver="svd")
        if plain
        else LinearDiscriminantAnalysis(solver="eigen", shrinkage=shrinkage)
    )
    apart = analysis.fit_transform(reduced, labels)
    chances = analysis.predict_proba(reduced)
    column = np.searchsorted(analysis.classes_, labels)
    variety = sum(np.linalg.norm(chances[labels == each], ord="nuc") for each in analysis.classes_)
    return NeuralCollapse(
        float(np.linalg.norm(apart - apart.mean(axis=0), ord="nuc")),
        float(chances[np.arange(len(labels)), column].mean()),
        math.log(variety),
    )


def ncti(terms: npt.ArrayLike) -> Floats:
    """``(T,)`` NCTI of candidates: spread + fit − variety, each from 0 to 1 among them.

    Args:
        terms: ``(T, 3)`` terms of :class:`NeuralCollapse`; NaN for who has no features.
    """
    each = np.asarray(terms, dtype=np.float64)
    low, high = np.nanmin(each, axis=0), np.nanmax(each, axis=0)
    width = np.where(high > low, high - low, 1.0)
    scaled: Floats = (each - low) / width @ np.array([1.0, 1.0, -1.0])
    return scaled
