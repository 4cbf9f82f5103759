"""How sure is a rank correlation? Percentile bootstrap over architectures (Efron, 1979).

A resample is a vector of multiplicities w. Kendall's τ-b of it is

    Σ w_i w_j s_ij t_ij / √(Σ w_i w_j s_ij² · Σ w_i w_j t_ij²),

with the signs s and t of the differences of score and truth, so all resamples of one table come
out of one matrix product, and two scores on the same resamples can be compared in pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.core.rng import derive
from autodas.fitness.correlation import usable

__all__ = ["Interval", "Resamples", "bootstrap_difference", "bootstrap_tau", "interval_of"]

Floats = npt.NDArray[np.float64]
LEVEL = 0.95
ROWS_AT_ONCE = 512


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
        self.weights = rng.multinomial(n, np.full(n, 1.0 / n), size=n_boot).astype(np.float32)

    def taus(self, score: Floats, truth: Floats) -> Floats:
        """``(n_boot,)`` τ-b of the resamples; NaN where one is constant."""
        agreement = self._agreement(score, truth)
        pairs = self._untied(score) * self._untied(truth)
        undefined = np.full(len(pairs), np.nan)
        found: Floats = np.divide(agreement, np.sqrt(pairs), out=undefined, where=pairs > 0.0)
        return found

    def _agreement(self, score: Floats, truth: Floats) -> Floats:
        """Σ w_i w_j s_ij t_ij; integers below 2²⁴ per block, so float32 is exact."""
        found = np.zeros(len(self.weights))
        for start in range(0, self.n, ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            signs = _signs(score, rows) * _signs(truth, rows)
            blocks = (self.weights @ signs.T) * self.weights[:, rows]
            found += blocks.sum(axis=1, dtype=np.float64)
        return found

    def _untied(self, values: Floats) -> Floats:
        """Σ w_i w_j [v_i ≠ v_j] = n² − Σ over distinct values of (their multiplicity)²."""
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        counts = np.add.reduceat(self.weights[:, order], starts, axis=1).astype(np.float64)
        untied: Floats = float(self.n) ** 2 - (counts**2).sum(axis=1)
        return untied


def _signs(values: Floats, rows: slice) -> npt.NDArray[np.float32]:
    return np.sign(values[rows, None] - values[None, :]).astype(np.float32)


def bootstrap_tau(
    score: npt.ArrayLike, truth: npt.ArrayLike, *, n_boot: int = 1000, seed: int = 0
) -> Result[Interval]:
    """Kendall's τ-b with a 95 % interval.

    Args:
        score: ``(A,)`` numbers, higher is better.
        truth: ``(A,)`` accuracies; NaN where unknown.
        n_boot: Resamples.
        seed: Decides the resamples.
    """
    pairs = usable(score, truth)
    if isinstance(pairs, Failed):
        return pairs
    x, y = pairs.value
    return Ok(interval_of(_tau(x, y), Resamples(len(x), n_boot, seed).taus(x, y)))


def bootstrap_difference(
    score: npt.ArrayLike,
    other: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    n_boot: int = 1000,
    seed: int = 0,
) -> Result[Interval]:
    """τ of one score minus τ of another, both on the same resamples.

    Args:
        score: ``(A,)`` numbers, higher is better.
        other: ``(A,)`` numbers to compare with.
        truth: ``(A,)`` accuracies; NaN where unknown.
        n_boot: Resamples.
        seed: Decides the resamples.
    """
    first, second = usable(score, truth), usable(other, truth)
    if isinstance(first, Failed):
        return first
    if isinstance(second, Failed):
        return Failed(f"the score compared with: {second.reason}", second.details)
    (x, y), (z, _) = first.value, second.value
    resamples = Resamples(len(x), n_boot, seed)
    samples = resamples.taus(x, y) - resamples.taus(z, y)
    return Ok(interval_of(_tau(x, y) - _tau(z, y), samples))


def _tau(x: Floats, y: Floats) -> float:
    once = Resamples.__new__(Resamples)
    once.n, once.weights = len(x), np.ones((1, len(x)), dtype=np.float32)
    return float(once.taus(x, y)[0])
