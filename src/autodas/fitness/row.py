"""One row of an honest table: a score on one target, beside what size alone can do."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from autodas.core.results import Failed, Ok, Result
from autodas.fitness.bootstrap import Interval, Resamples, interval_of
from autodas.fitness.correlation import Measure, correlate, usable
from autodas.fitness.discoveries import two_sided_p
from autodas.fitness.size_control import GivenSize, tau_within_bins

__all__ = ["Row", "Yardstick"]

Floats = npt.NDArray[np.float64]
_Ends: TypeAlias = tuple[float | None, float | None, float | None]
# Up to so many architectures, so many resamples: the more there are, the narrower are intervals.
RESAMPLES = ((1000, 1000), (3000, 200), (math.inf, 100))


@dataclass(frozen=True)
class Row:
    """How well a score orders architectures; intervals are 95 % percentile bootstraps.

    Attributes:
        n: Architectures with a known accuracy.
        tau: Kendall's τ-b, with ``tau_low`` and ``tau_high``.
        rho: Spearman's ρ, with ``_low`` and ``_high``.
        weighted_tau: Weighted τ, with ``_low`` and ``_high``.
        tau_given_size: τ-b of what is left after #params and MACs; None with too few
            architectures. With ``_low`` and ``_high``.
        tau_within_bins: Mean τ-b among architectures of similar #params, or None.
        delta_params: τ-b minus that of #params on the same resamples; None if all have the same
            number of parameters. With ``_low`` and ``_high``.
        delta_params_p: Two-sided bootstrap p-value of that difference; None for scores that rank
            exactly as #params does.
        significance: ``better`` or ``worse`` than #params if the interval of the difference leaves
            out 0, else ``open``; None where ``delta_params_p`` is.
    """

    n: int
    tau: float
    tau_low: float | None
    tau_high: float | None
    rho: float | None
    rho_low: float | None
    rho_high: float | None
    weighted_tau: float | None
    weighted_tau_low: float | None
    weighted_tau_high: float | None
    tau_given_size: float | None
    tau_given_size_low: float | None
    tau_given_size_high: float | None
    tau_within_bins: float | None
    delta_params: float | None
    delta_params_low: float | None
    delta_params_high: float | None
    delta_params_p: float | None
    significance: str | None

    def to_json(self) -> dict[str, float | int | str | None]:
        """Plain values."""
        return dataclasses.asdict(self)


class Yardstick:
    """One truth that scores are held against, with all that does not depend on the score.

    Args:
        truth: ``(A,)`` accuracies in percent; NaN where unknown.
        params: ``(A,)`` numbers of parameters.
        macs: ``(A,)`` multiply-accumulate operations.
        seed: Decides the resamples, the same for all scores.
        n_boot: How many resamples; by default 1000, and fewer for more than 1000 architectures,
            whose intervals are narrow.

    Attributes:
        resamples: Of the architectures with known accuracy.

    Raises:
        InvalidInput: shapes differ, or a size is not finite.
    """

    def __init__(
        self,
        truth: npt.ArrayLike,
        params: npt.ArrayLike,
        macs: npt.ArrayLike,
        *,
        seed: int = 0,
        n_boot: int | None = None,
    ) -> None:
        self.truth = np.asarray(truth, dtype=np.float64)
        self.params = np.asarray(params, dtype=np.float64)
        self.n = int(np.isfinite(self.truth).sum())
        if n_boot is None:
            n_boot = next(count for most, count in RESAMPLES if self.n <= most)
        self._given = GivenSize(self.truth, params, macs, n_boot=n_boot, seed=seed)
        # Without known accuracies every row fails, and there is nothing to draw from.
        self.resamples = Resamples(max(1, self.n), n_boot, seed)
        self._by_size: tuple[float, Floats] | None = None
        size = usable(self.params, self.truth)
        if isinstance(size, Ok):
            self._by_size = self._tau(*size.value)

    def row(self, score: npt.ArrayLike) -> Result[Row]:
        """Everything a table says of a score.

        Args:
            score: ``(A,)`` numbers, higher is better.

        Returns:
            The row, or why the score has no correlation with the truth.

        Raises:
            InvalidInput: its shape is not that of the truth.
        """
        pairs = usable(score, self.truth)
        if isinstance(pairs, Failed):
            return pairs
        x, y = pairs.value
        tau, taus = self._tau(x, y)
        bins = tau_within_bins(score, self.truth, self.params)
        difference, p, meaning = self._beside_size(tau, taus)
        return Ok(
            Row(
                self.n,
                tau,
                *_ends(Ok(interval_of(tau, taus)))[1:],
                *_ends(Ok(self._measured("spearman", x, y))),
                *_ends(Ok(self._measured("weighted_kendall", x, y))),
                *_ends(self._given(score)),
                bins.value.value if isinstance(bins, Ok) else None,
                *difference,
                p,
                meaning,
            )
        )

    def _tau(self, x: Floats, y: Floats) -> tuple[float, Floats]:
        # Both by the same sums, so that equal scores differ by exactly 0.
        whole = Resamples.whole(len(x)).taus(x, y)
        return float(whole[0]), self.resamples.taus(x, y)

    def _measured(self, measure: Measure, x: Floats, y: Floats) -> Interval:
        found = correlate(x, y, measure)
        value = found.value.value if isinstance(found, Ok) else math.nan
        of = self.resamples.rhos if measure == "spearman" else self.resamples.weighted_taus
        return interval_of(value, of(x, y))

    def _beside_size(self, tau: float, taus: Floats) -> tuple[_Ends, float | None, str | None]:
        """The difference to #params with its ends, its p-value, and what that means."""
        if self._by_size is None:
            return (None, None, None), None, None
        size, sizes = self._by_size
        samples = taus - sizes
        ends = _ends(Ok(interval_of(tau - size, samples)))
        _, low, high = ends
        p = two_sided_p(samples)
        if low is None or high is None or p is None:
            return ends, None, None
        return ends, p, "better" if low > 0.0 else "worse" if high < 0.0 else "open"


def _ends(found: Result[Interval]) -> _Ends:
    if isinstance(found, Failed):
        return None, None, None
    each = found.value
    return _plain(each.value), _plain(each.low), _plain(each.high)


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
