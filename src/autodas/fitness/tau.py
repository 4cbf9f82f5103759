"""Kendall's τ-b of many scores with one truth: what a discovery spends its time on."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import scipy.stats

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.fitness.correlation import LEAST

__all__ = ["TauAgainst"]

# Above this, counting in n × n masks takes longer than scipy's sorting.
LARGEST_MASK = 512


class TauAgainst:
    """τ-b against one truth, with everything that depends on the truth alone precomputed.

    The masks say which of two architectures is truly better; a score's concordant and discordant
    pairs are then counts of ones in two bitwise products. The counts are integers, so the result
    is exact, and the rules are those of :mod:`autodas.fitness.correlation`.

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
        self._untied = 0
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
