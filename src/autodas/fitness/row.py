"""One row of an honest table: a score on one target, beside what size alone can do."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodas.core.results import Failed, Ok, Result
from autodas.fitness.bootstrap import Interval, bootstrap_difference, bootstrap_tau
from autodas.fitness.correlation import correlate
from autodas.fitness.size_control import tau_given_size, tau_within_bins

__all__ = ["Row", "honest_row"]

LARGE, MANY, FEW = 1000, 1000, 200


@dataclass(frozen=True)
class Row:
    """How well a score orders architectures; intervals are 95 % percentile bootstraps.

    Attributes:
        n: Architectures with a known accuracy.
        tau: Kendall's τ-b, with ``tau_low`` and ``tau_high``.
        rho: Spearman's ρ.
        tau_given_size: τ-b of what is left after #params and MACs; None with too few
            architectures. With ``_low`` and ``_high``.
        tau_within_bins: Mean τ-b among architectures of similar #params, or None.
        delta_params: τ-b minus that of #params on the same resamples; None if all have the same
            number of parameters. With ``_low`` and ``_high``.
    """

    n: int
    tau: float
    tau_low: float | None
    tau_high: float | None
    rho: float
    tau_given_size: float | None
    tau_given_size_low: float | None
    tau_given_size_high: float | None
    tau_within_bins: float | None
    delta_params: float | None
    delta_params_low: float | None
    delta_params_high: float | None

    def to_json(self) -> dict[str, float | int | None]:
        """Plain values."""
        return dataclasses.asdict(self)


def honest_row(
    score: npt.ArrayLike,
    truth: npt.ArrayLike,
    params: npt.ArrayLike,
    macs: npt.ArrayLike,
    *,
    seed: int = 0,
    n_boot: int | None = None,
) -> Result[Row]:
    """Everything a table says of a score.

    Args:
        score: ``(A,)`` numbers, higher is better.
        truth: ``(A,)`` accuracies in percent; NaN where unknown.
        params: ``(A,)`` numbers of parameters.
        macs: ``(A,)`` multiply-accumulate operations.
        seed: Decides the resamples, the same for all scores.
        n_boot: Resamples; by default 1000, and 200 for more than 1000 architectures, whose
            intervals are narrow.

    Returns:
        The row, or why the score has no correlation with the truth.

    Raises:
        InvalidInput: shapes differ, or a size is not finite.
    """
    n = int(np.isfinite(np.asarray(truth, dtype=np.float64)).sum())
    n_boot = n_boot if n_boot is not None else (MANY if n <= LARGE else FEW)
    tau = bootstrap_tau(score, truth, n_boot=n_boot, seed=seed)
    rho = correlate(score, truth, "spearman")
    if isinstance(tau, Failed):
        return tau
    if isinstance(rho, Failed):
        return rho
    given = tau_given_size(score, truth, params, macs, n_boot=n_boot, seed=seed)
    delta = bootstrap_difference(score, params, truth, n_boot=n_boot, seed=seed)
    bins = tau_within_bins(score, truth, params)
    _, low, high = _ends(tau)
    return Ok(
        Row(
            n,
            tau.value.value,
            low,
            high,
            rho.value.value,
            *_ends(given),
            bins.value.value if isinstance(bins, Ok) else None,
            *_ends(delta),
        )
    )


def _ends(found: Result[Interval]) -> tuple[float | None, float | None, float | None]:
    if isinstance(found, Failed):
        return None, None, None
    each = found.value
    return _plain(each.value), _plain(each.low), _plain(each.high)


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
