"""How much of a score is a closed form of the weights' shapes.

A formula of gradients and features can turn out to count parameters in a complicated way: the
published proxy of the ResNet space is Σ √numel · ln(channels) to four digits. So the ranks of every
score are regressed on a small library of quantities (:mod:`autodas.scores.closed_forms`) that need
no image, no gradient, no initial weight and no teacher, one at a time and in pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.stats

from autodas.core.rng import derive

__all__ = ["Fit", "best_fits"]

Floats = npt.NDArray[np.float64]

PERMUTATIONS = 200
RESOLUTION = 1e-9


@dataclass(frozen=True)
class Fit:
    """A least-squares fit of a score by one or two closed forms.

    Attributes:
        names: The closed forms.
        rank_r2: Share of the variance of the score's ranks that their ranks explain, in [0, 1].
        value_r2: The same of the values themselves.
        chance: The share of rank variance that the best of all fits of this size reaches in 95 %
            of random orders; below it, a fit says nothing.
    """

    names: tuple[str, ...]
    rank_r2: float
    value_r2: float
    chance: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "names": list(self.names),
            "rank_r2": self.rank_r2,
            "value_r2": self.value_r2,
            "chance": self.chance,
        }


def best_fits(score: Floats, forms: Mapping[str, Floats], *, seed: int = 0) -> list[Fit]:
    """The best fit by one closed form, and the best by two; fewer if there are fewer forms.

    Args:
        score: ``(A,)`` finite values, not all equal.
        forms: Closed forms by name. Of equally good ones the first
            is taken.
        seed: Of the random orders that say what chance reaches.
    """
    ranks = scipy.stats.rankdata(score)
    rng = derive(seed, "random orders", len(score))
    shuffled = np.stack([rng.permutation(ranks) for _ in range(PERMUTATIONS)], axis=1)
    targets = np.concatenate([ranks[:, None], shuffled], axis=1)
    fits = []
    for size in (1, 2):
        choices = list(combinations(forms, size))
        if not choices:
            continue
        explained = np.stack(
            [_r2([scipy.stats.rankdata(forms[n]) for n in names], targets) for names in choices]
        )
        # Of forms that order alike, the one whose values fit better; rounding must not decide.
        values = [float(_r2([forms[n] for n in names], score[:, None])[0]) for names in choices]
        order = np.lexsort((-_steps(np.asarray(values)), -_steps(explained[:, 0])))
        best = int(order[0])
        chance = float(np.quantile(explained[:, 1:].max(axis=0), 0.95))
        fits.append(Fit(choices[best], float(explained[best, 0]), values[best], chance))
    return fits


def _steps(values: Floats) -> Floats:
    rounded: Floats = np.round(values / RESOLUTION)
    return rounded


def _r2(regressors: list[Floats], targets: Floats) -> Floats:
    """``(T,)`` R² of regressing each column of ``(A, T)`` targets on regressors and a constant."""
    centred = np.stack([_standardised(each) for each in regressors], axis=1)
    basis, scales, _ = np.linalg.svd(centred, full_matrices=False)
    basis = basis[:, scales > RESOLUTION * scales[0]]  # two forms may be the same
    aims = np.stack([_standardised(column) for column in targets.T], axis=1)
    explained = ((basis.T @ aims) ** 2).sum(axis=0) / len(targets)
    clipped: Floats = np.clip(explained, 0.0, 1.0)
    return clipped


def _standardised(values: Floats) -> Floats:
    spread = values.std()
    centred: Floats = values - values.mean()
    return centred / spread if spread > 0 else centred
