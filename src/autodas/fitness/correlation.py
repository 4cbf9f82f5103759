"""Rank correlations with stated rules for ties, constants and gaps.

* Ties: Kendall's τ-b and Spearman's ρ with mean ranks, as in scipy.
* A gap (NaN) in the truth: that architecture is left out, and ``n`` says how many were used.
* A gap or an infinity in the score: the correlation fails. Leaving those architectures out would
  reward a score for not computing the difficult ones; :func:`gaps_last` ranks them last instead.
* A constant score or truth orders nothing, so it has no correlation: it fails, it is not 0.
* Fewer than three architectures fail as well.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.stats

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result

__all__ = [
    "Correlation",
    "Measure",
    "TauAgainst",
    "best_first",
    "correlate",
    "gaps_last",
    "usable",
]

Floats = npt.NDArray[np.float64]
Measure = Literal["kendall", "spearman", "weighted_kendall"]

LEAST = 3
# Above this, counting in n × n masks takes longer than scipy's sorting.
LARGEST_MASK = 512


@dataclass(frozen=True)
class Correlation:
    """A rank correlation.

    Attributes:
        value: In [-1, 1].
        n: Architectures it was computed from.
    """

    value: float
    n: int


def usable(score: npt.ArrayLike, truth: npt.ArrayLike) -> Result[tuple[Floats, Floats]]:
    """The pairs a correlation is computed from, or why there is none.

    Args:
        score: ``(A,)`` numbers.
        truth: ``(A,)`` numbers; NaN where unknown.

    Returns:
        Score and truth of the ``n <= A`` architectures whose truth is known.

    Raises:
        InvalidInput: the shapes differ or are not one-dimensional.
    """
    x = np.asarray(score, dtype=np.float64)
    y = np.asarray(truth, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise InvalidInput(f"score and truth must have one shape (A,), got {x.shape} and {y.shape}")
    known = np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < LEAST:
        return Failed(f"fewer than {LEAST} architectures", f"{len(x)} with known accuracy")
    if not np.isfinite(x).all():
        gaps = int((~np.isfinite(x)).sum())
        return Failed("score is not finite everywhere", f"{gaps} of {len(x)} architectures")
    if (x == x[0]).all():
        return Failed("constant score")
    if (y == y[0]).all():
        return Failed("constant truth")
    return Ok((x, y))


def gaps_last(score: npt.ArrayLike) -> Floats:
    """Put architectures without a finite score behind all others, tied with each other.

    Args:
        score: ``(A,)`` numbers; NaN and infinities are gaps.
    """
    x = np.array(score, dtype=np.float64)
    gaps = ~np.isfinite(x)
    if gaps.any() and not gaps.all():
        # Ranks, because one less than the smallest may not exist in floating point.
        x[~gaps] = scipy.stats.rankdata(x[~gaps])
        x[gaps] = 0.0
    return x


def best_first(truth: Floats) -> npt.NDArray[np.intp]:
    """``(n,)`` ranks by truth, 0 for the best; equal ones in the order given."""
    return (scipy.stats.rankdata(-truth, method="ordinal") - 1).astype(np.intp)


def correlate(
    score: npt.ArrayLike, truth: npt.ArrayLike, measure: Measure = "kendall"
) -> Result[Correlation]:
    """The rank correlation of a score with the truth.

    Args:
        score: ``(A,)`` numbers, higher is better.
        truth: ``(A,)`` accuracies; NaN where unknown.
        measure: ``kendall`` (τ-b; Kendall, 1945), ``spearman`` (ρ), or ``weighted_kendall``, in
            which agreement about the truly best counts most (Vigna, WWW 2015; weights 1/(r + 1)
            of the rank r by truth).

    Raises:
        InvalidInput: the shapes differ, or the measure is unknown.
    """
    pairs = usable(score, truth)
    if isinstance(pairs, Failed):
        return pairs
    x, y = pairs.value
    if measure == "kendall":
        value = float(scipy.stats.kendalltau(x, y).statistic)
    elif measure == "spearman":
        value = float(scipy.stats.spearmanr(x, y).statistic)
    elif measure == "weighted_kendall":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            value = float(scipy.stats.weightedtau(x, y, rank=best_first(y)).statistic)
    else:
        raise InvalidInput(
            f"unknown measure {measure!r}; choose kendall, spearman or weighted_kendall"
        )
    if not np.isfinite(value):
        return Failed("correlation is not defined")
    return Ok(Correlation(value, len(x)))


class TauAgainst:
    """τ-b against one truth, with everything that depends on the truth alone precomputed.

    This is what a discovery spends its time on.

    The masks say which of two architectures is truly better; a score's concordant and discordant
    pairs are then counts of ones in two bitwise products. The counts are integers, so the result
    is exact, and the rules are those above.

    Args:
        truth: ``(A,)`` accuracies; NaN where unknown.
    """

    def __init__(self, truth: npt.ArrayLike) -> None:
        values = np.array(truth, dtype=np.float64)
        if values.ndim != 1:
            raise InvalidInput(f"truth must have the shape (A,), got {values.shape}")
        self.size = len(values)
        known = np.isfinite(values)
        self._index = None if known.all() else np.flatnonzero(known)
        self._truth = values[known]
        self.n = len(self._truth)
        self._better: npt.NDArray[np.bool_] | None = None
        if self.n <= LARGEST_MASK:
            self._better = self._truth[:, None] > self._truth[None, :]
            self._worse = np.ascontiguousarray(self._better.T)
            self._untied = int(np.count_nonzero(self._better))

    def __call__(self, score: npt.ArrayLike) -> Result[float]:
        """τ-b of one score.

        Args:
            score: ``(A,)`` numbers, higher is better.

        Raises:
            InvalidInput: its shape is not that of the truth.
        """
        x = np.asarray(score, dtype=np.float64)
        if x.shape != (self.size,):
            raise InvalidInput(f"the score must have the shape ({self.size},), got {x.shape}")
        if self._index is not None:
            x = x[self._index]
        if self.n < LEAST:
            return Failed(f"fewer than {LEAST} architectures", f"{self.n} with known accuracy")
        if not np.isfinite(x).all():
            gaps = int((~np.isfinite(x)).sum())
            return Failed("score is not finite everywhere", f"{gaps} of {self.n} architectures")
        if self._better is None:
            return self._sorted(x)
        wins = x[:, None] > x[None, :]
        untied = int(np.count_nonzero(wins))
        if untied == 0:
            return Failed("constant score")
        if self._untied == 0:
            return Failed("constant truth")
        concordant = int(np.count_nonzero(wins & self._better))
        discordant = int(np.count_nonzero(wins & self._worse))
        return Ok((concordant - discordant) / math.sqrt(untied * self._untied))

    def _sorted(self, x: npt.NDArray[np.float64]) -> Result[float]:
        if (x == x[0]).all():
            return Failed("constant score")
        if (self._truth == self._truth[0]).all():
            return Failed("constant truth")
        return Ok(float(scipy.stats.kendalltau(x, self._truth).statistic))
