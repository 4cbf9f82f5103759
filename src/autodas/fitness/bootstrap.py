"""How sure is a rank correlation? Percentile bootstrap over architectures (Efron, 1979).

A resample is a vector of multiplicities w. Kendall's τ-b of it is

    Σ w_i w_j s_ij t_ij / √(Σ w_i w_j s_ij² · Σ w_i w_j t_ij²),

with the signs s and t of the differences of score and truth, so all resamples of one table come
out of one matrix product, and two scores on the same resamples can be compared in pairs. The
weighted τ (Vigna, 2015) gives the architecture i the weight F_i, the sum of 1/(r + 1) over the
ranks r that its copies take, and is Σ F_i w_j s_ij t_ij divided by the roots of the same sums
without the other's sign. Beyond :data:`LARGEST_MATRIX` architectures, sorting is faster.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.stats

from autodas.core.errors import InvalidInput
from autodas.core.rng import derive
from autodas.fitness.correlation import best_first

__all__ = ["Interval", "Resamples", "interval_of", "weighted_ranks"]

Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.floating]
LEVEL = 0.95
ROWS_AT_ONCE = 512
LARGEST_MATRIX = 3000


@dataclass(frozen=True)
class Interval:
    """An estimate and its percentile interval.

    Attributes:
        value: The estimate from all architectures.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float


def interval_of(value: float, samples: Floats, level: float = LEVEL) -> Interval:
    """The percentile interval of bootstrap ``samples``, leaving out those that are undefined."""
    defined = samples[np.isfinite(samples)]
    if not len(defined):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(defined, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(value, float(low), float(high))


class Resamples:
    """Bootstrap resamples of n architectures.

    Args:
        n: Architectures.
        n_boot: Resamples, at least 1.
        seed: Decides them; equal seeds give equal resamples, which pairs comparisons.
    """

    def __init__(self, n: int, n_boot: int = 1000, seed: int = 0) -> None:
        if n_boot < 1:
            raise InvalidInput(f"n_boot must be at least 1, got {n_boot}")
        self.n = n
        rng = derive(seed, "bootstrap", n, n_boot)
        drawn = rng.multinomial(n, np.full(n, 1.0 / n), size=n_boot)
        self.weights: npt.NDArray[np.float32] = drawn.astype(np.float32)

    @classmethod
    def whole(cls, n: int) -> Resamples:
        """The one resample in which every architecture is drawn once: the sample itself."""
        once = cls.__new__(cls)
        once.n, once.weights = n, np.ones((1, n), dtype=np.float32)
        return once

    def taus(self, score: Floats, truth: Floats) -> Floats:
        """``(n_boot,)`` τ-b of the resamples; NaN where one is constant."""
        if self.n > LARGEST_MATRIX:
            return self._each(lambda x, y: scipy.stats.kendalltau(x, y).statistic, score, truth)
        agreement = _agreement(score, truth, self.weights, self.weights)
        pairs = _untied(score, self.weights, self.weights)
        pairs *= _untied(truth, self.weights, self.weights)
        return _ratio(agreement, pairs)

    def weighted_taus(self, score: Floats, truth: Floats) -> Floats:
        """``(n_boot,)`` weighted τ of the resamples; NaN where one is constant."""
        if self.n > LARGEST_MATRIX:
            return self._each(_weighted_tau, score, truth)
        weights = self.weights.astype(np.float64)
        importance = _importance(truth, weights)
        agreement = _agreement(score, truth, importance, weights)
        pairs = _untied(score, importance, weights) * _untied(truth, importance, weights)
        return _ratio(agreement, pairs)

    def rhos(self, score: Floats, truth: Floats) -> Floats:
        """``(n_boot,)`` Spearman's ρ of the resamples; NaN where one is constant."""
        x, y = (weighted_ranks(values, self.weights) for values in (score, truth))
        left = x * self.weights
        xy, xx = (np.einsum("rn,rn->r", left, ranks) for ranks in (y, x))
        return _ratio(xy, xx * np.einsum("rn,rn,rn->r", self.weights, y, y))

    @cached_property
    def _drawn(self) -> list[npt.NDArray[np.intp]]:
        return [np.repeat(np.arange(self.n), counts.astype(np.intp)) for counts in self.weights]

    def _each(self, tau: Callable[[Floats, Floats], float], score: Floats, truth: Floats) -> Floats:
        return np.array([tau(score[rows], truth[rows]) for rows in self._drawn], dtype=np.float64)


def weighted_ranks(values: Floats, weights: npt.NDArray[np.floating]) -> Floats:
    """``(R, n)`` mean ranks of the values within each resample, centred.

    Args:
        values: ``(n,)`` numbers.
        weights: ``(R, n)`` how often each of them was drawn.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    counts = np.add.reduceat(weights[:, order], starts, axis=1, dtype=np.float64)
    ranks = np.cumsum(counts, axis=1) - counts / 2.0
    group = np.empty(len(values), dtype=np.intp)
    group[order] = np.repeat(np.arange(len(starts)), np.diff([*starts, len(values)]))
    total = weights.sum(axis=1, keepdims=True, dtype=np.float64)
    centred: Floats = ranks[:, group] - total / 2.0
    return centred


def _ratio(agreement: Floats, pairs: Floats) -> Floats:
    undefined = np.full(len(pairs), np.nan)
    found: Floats = np.divide(agreement, np.sqrt(pairs), out=undefined, where=pairs > 0.0)
    return found


def _agreement(score: Floats, truth: Floats, left: Weights, right: Weights) -> Floats:
    """``(R,)`` Σ left_i right_j s_ij t_ij.

    Of multiplicities the sums are integers below 2²⁴ per block, so float32 is exact.
    """
    found = np.zeros(len(left))
    for start in range(0, len(score), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        signs = (_signs(score, rows) * _signs(truth, rows)).astype(right.dtype, copy=False)
        found += ((right @ signs.T) * left[:, rows]).sum(axis=1, dtype=np.float64)
    return found


def _untied(values: Floats, left: Weights, right: Weights) -> Floats:
    """``(R,)`` Σ left_i right_j [v_i ≠ v_j] = all pairs − pairs within groups of one value."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    a, b = (
        np.add.reduceat(each[:, order], starts, axis=1, dtype=np.float64) for each in (left, right)
    )
    if len(starts) == 1:
        return np.zeros(len(left))  # exactly, whatever the rounding of the importance
    untied: Floats = a.sum(axis=1) * b.sum(axis=1) - (a * b).sum(axis=1)
    return untied


def _importance(truth: Floats, weights: Floats) -> Floats:
    """``(R, n)`` Σ 1/(r + 1) over the ranks r, 0 for the best, that an architecture's copies take.

    Copies, and others of equal truth, take consecutive ranks in the order given.
    """
    order = np.argsort(best_first(truth))
    counts = weights[:, order].astype(np.intp)
    ends = np.cumsum(counts, axis=1)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, ends[0, -1] + 1))])
    found = np.empty_like(weights)
    found[:, order] = harmonic[ends] - harmonic[ends - counts]
    return found


def _weighted_tau(x: Floats, y: Floats) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(scipy.stats.weightedtau(x, y, rank=best_first(y)).statistic)


def _signs(values: Floats, rows: slice) -> npt.NDArray[np.float32]:
    return np.sign(values[rows, None] - values[None, :]).astype(np.float32)
