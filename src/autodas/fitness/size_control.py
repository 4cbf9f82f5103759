"""What a score knows beyond size.

Bigger networks are usually better, so a score that merely counts parameters orders them well.
Two numbers tell what is left when size is accounted for:

* the *partial* rank correlation: ranks of score and truth are regressed on the ranks of #params
  and MACs (log #params and log MACs have the same ranks), and τ-b of the residuals is taken;
* the mean τ-b *within bins* of similar #params.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.stats

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.fitness.bootstrap import Interval, Resamples, interval_of, weighted_ranks
from autodas.fitness.correlation import TauAgainst, usable

__all__ = ["BeyondSize", "BinnedTau", "GivenSize", "tau_given_size", "tau_within_bins"]

Floats = npt.NDArray[np.float64]
# Two size ranks and a mean are fitted; with fewer architectures next to nothing is left.
LEAST = 8
# Ranks are multiples of 1/2; residuals closer than this differ by rounding only.
RESOLUTION = 1e-6
# Up to here counting pairs for a single use is faster than sorting.
SMALL = 256


def _sizes(truth: npt.ArrayLike, params: npt.ArrayLike, macs: npt.ArrayLike) -> list[Floats]:
    y = np.asarray(truth, dtype=np.float64)
    sizes = [np.asarray(params, dtype=np.float64), np.asarray(macs, dtype=np.float64)]
    for name, each in zip(("params", "macs"), sizes, strict=True):
        if each.shape != y.shape:
            raise InvalidInput(f"{name} must have the shape {y.shape}, got {each.shape}")
        if not np.isfinite(each).all():
            raise InvalidInput(f"{name} must be finite for every architecture")
    return [each[np.isfinite(y)] for each in sizes]


def tau_given_size(
    score: npt.ArrayLike,
    truth: npt.ArrayLike,
    params: npt.ArrayLike,
    macs: npt.ArrayLike,
    *,
    n_boot: int = 1000,
    seed: int = 0,
) -> Result[Interval]:
    """Partial rank correlation given #params and MACs of a single score; see :class:`GivenSize`.

    Args:
        score: ``(A,)`` numbers, higher is better.
        truth: ``(A,)`` accuracies; NaN where unknown.
        params: ``(A,)`` numbers of parameters.
        macs: ``(A,)`` multiply-accumulate operations.
        n_boot: Resamples.
        seed: Decides the resamples; the same as those of the interval of τ.
    """
    return GivenSize(truth, params, macs, n_boot=n_boot, seed=seed)(score)


class _Residuals:
    """What the ranks of sizes leave of the ranks of something, by least squares in resamples.

    Args:
        sizes: ``(S, n)`` numbers of parameters, MACs, ….
        weights: ``(R, n)`` how often each architecture was drawn.
    """

    def __init__(self, sizes: Floats, weights: Floats) -> None:
        self._weights = weights
        self._ranks = np.stack([weighted_ranks(each, weights) for each in sizes], axis=1)
        weighted = self._ranks * weights[:, None, :]
        normal = np.einsum("rin,rjn->rij", weighted, self._ranks)
        # A tiny ridge: #params and MACs may have the same ranks, or be constant.
        scale = np.trace(normal, axis1=1, axis2=2) + 1.0
        normal += 1e-12 * scale[:, None, None] * np.eye(len(sizes))
        self._solved = np.linalg.solve(normal, weighted)

    def of(self, values: Floats) -> Floats:
        """``(R, n)`` what is left of ``(n,)`` values."""
        ranks = weighted_ranks(values, self._weights)
        slopes = self._solved @ ranks[..., None]
        left = ranks - (slopes.swapaxes(1, 2) @ self._ranks)[:, 0]
        rounded: Floats = np.round(left / RESOLUTION) * RESOLUTION
        return rounded


class BeyondSize:
    """Partial rank correlation with one truth given sizes; what can be precomputed is.

    A score that size explains without remainder, such as #params itself, has nothing left and
    gets exactly 0.

    Args:
        truth: ``(A,)`` accuracies; NaN where unknown.
        sizes: ``(S, A)`` numbers of parameters, MACs, ….
    """

    def __init__(self, truth: npt.ArrayLike, sizes: npt.ArrayLike) -> None:
        values = np.asarray(truth, dtype=np.float64)
        covariates = np.asarray(sizes, dtype=np.float64)
        if covariates.ndim != 2 or covariates.shape[1] != len(values):
            raise InvalidInput(f"sizes must be (S, {len(values)}), got {covariates.shape}")
        self._known = np.isfinite(values)
        known = values[self._known]
        self._judge: tuple[_Residuals, TauAgainst] | None = None
        if len(known) >= LEAST:
            residuals = _Residuals(covariates[:, self._known], np.ones((1, len(known))))
            left = residuals.of(known)[0]
            self._judge = residuals, TauAgainst(left)
            self._nothing = bool((left == left[0]).all())

    def __call__(self, score: npt.ArrayLike) -> Result[float]:
        """τ-b of what size leaves of both; 0 if it leaves nothing of one."""
        x = np.asarray(score, dtype=np.float64)[self._known]
        if self._judge is None:
            return Failed(f"fewer than {LEAST} architectures to control for size")
        if not np.isfinite(x).all():
            return Failed("score is not finite everywhere")
        residuals, against = self._judge
        left = residuals.of(x)[0]
        return Ok(0.0) if self._nothing or (left == left[0]).all() else against(left)


class GivenSize:
    """Partial rank correlation given #params and MACs, with a 95 % interval.

    Ranks and regressions are done anew in every resample; those of truth and sizes only once for
    all scores.

    Args:
        truth: ``(A,)`` accuracies; NaN where unknown.
        params: ``(A,)`` numbers of parameters.
        macs: ``(A,)`` multiply-accumulate operations.
        n_boot: Resamples.
        seed: Decides the resamples.
    """

    def __init__(
        self,
        truth: npt.ArrayLike,
        params: npt.ArrayLike,
        macs: npt.ArrayLike,
        *,
        n_boot: int,
        seed: int,
    ) -> None:
        self._truth = np.asarray(truth, dtype=np.float64)
        sizes = np.stack(_sizes(truth, params, macs))
        known = np.isfinite(self._truth)
        y = self._truth[known]
        self._value: BeyondSize | None = None
        if len(y) >= LEAST:
            self._value = BeyondSize(y, sizes)
            self._weights = Resamples(len(y), n_boot, seed).weights.astype(np.float64)
            self._residuals = _Residuals(sizes, self._weights)
            self._left = self._residuals.of(y)

    def __call__(self, score: npt.ArrayLike) -> Result[Interval]:
        """The correlation of a score ``(A,)``, higher is better."""
        pairs = usable(score, self._truth)
        if isinstance(pairs, Failed):
            return pairs
        if self._value is None:
            return Failed(f"fewer than {LEAST} architectures to control for size")
        x, _ = pairs.value
        value = self._value(x)
        if isinstance(value, Failed):
            return value
        return Ok(interval_of(value.value, self._resampled(self._residuals.of(x))))

    def _resampled(self, left: Floats) -> Floats:
        """``(R,)`` τ-b with the truth, 0 where nothing is left."""
        found = np.empty(len(left))
        for number, counts in enumerate(self._weights):
            rows = np.repeat(np.arange(left.shape[1]), counts.astype(np.int64))
            found[number] = _tau_or_nothing(left[number, rows], self._left[number, rows])
        return found


def _tau_or_nothing(x: Floats, y: Floats) -> float:
    """τ-b, and 0 if nothing is left of either because size explains it all."""
    if len(x) <= SMALL:
        tau = TauAgainst(y)(x)
        return tau.value if isinstance(tau, Ok) else 0.0
    if (x == x[0]).all() or (y == y[0]).all():
        return 0.0
    return float(scipy.stats.kendalltau(x, y).statistic)


@dataclass(frozen=True)
class BinnedTau:
    """Rank correlation among architectures of similar size.

    Attributes:
        value: Mean τ-b of the bins, weighted by their numbers of pairs; a bin in which the score
            does not vary counts as 0.
        bins: Bins that were used.
        n: Architectures in them.
    """

    value: float
    bins: int
    n: int


def tau_within_bins(
    score: npt.ArrayLike, truth: npt.ArrayLike, params: npt.ArrayLike, *, least: int = 8
) -> Result[BinnedTau]:
    """Mean τ-b inside bins of equally many architectures of similar #params.

    Within a bin #params still varies a little: compare with the value of #params itself.

    Args:
        score: ``(A,)`` numbers, higher is better.
        truth: ``(A,)`` accuracies; NaN where unknown.
        params: ``(A,)`` numbers of parameters; equal ones stay in one bin.
        least: Architectures per bin, at least; at most ten bins are made.
    """
    pairs = usable(score, truth)
    size, _ = _sizes(truth, params, params)
    if isinstance(pairs, Failed):
        return pairs
    if least < 2:
        raise InvalidInput(f"a bin needs at least 2 architectures, got least={least}")
    x, y = pairs.value
    edges = np.quantile(size, np.linspace(0.0, 1.0, min(10, len(x) // least) + 1)[1:-1])
    bin_of = np.searchsorted(np.unique(edges), size, side="right")
    total, weight, used, n = 0.0, 0, 0, 0
    for number in np.unique(bin_of):
        rows = np.flatnonzero(bin_of == number)
        if len(rows) < least:
            continue
        tau = TauAgainst(y[rows])(x[rows])
        if isinstance(tau, Failed) and tau.reason == "constant truth":
            continue
        count = len(rows) * (len(rows) - 1) // 2
        total += count * (tau.value if isinstance(tau, Ok) else 0.0)
        weight, used, n = weight + count, used + 1, n + len(rows)
    if not used:
        return Failed(f"no bin of at least {least} architectures")
    return Ok(BinnedTau(total / weight, used, n))
