"""How much of a target is noise: training again with another seed does not give the same number.

No score can agree with the accuracies better than the accuracies agree with themselves.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodas.tables.table import Target

__all__ = ["Noise", "label_noise"]

LEAST = 3


@dataclass(frozen=True)
class Noise:
    """Agreement of a target with itself.

    Attributes:
        tau: Mean Kendall τ-b between the accuracies of two seeds.
        rho: Mean Spearman ρ between them.
        deviation: Standard deviation between seeds in percentage points, pooled over
            architectures.
        reliability: Share in [0, 1] of the variance of the mean over seeds that is not noise.
        ceiling_tau: τ that a score without error would reach against the mean over seeds.
        ceiling_rho: The same for ρ.
        seeds: Number of seeds.
        n: Architectures with at least two seeds.
    """

    tau: float
    rho: float
    deviation: float
    reliability: float
    ceiling_tau: float
    ceiling_rho: float
    seeds: int
    n: int


def label_noise(target: Target) -> Noise | None:
    """The noise of a target; None where there are not two seeds of three architectures.

    The mean τ between seeds gives the correlation r of a latent normal pair, τ = 2/π · asin r
    (Greiner, 1909). The mean of S seeds then has the reliability S·r / (1 + (S − 1)·r)
    (Spearman, 1910; Brown, 1910), and the truth correlates with it by the root of that.
    """
    if target.per_seed is None or len(target.seeds) < 2:
        return None
    runs = target.per_seed
    pairs = [_agreement(runs[:, a], runs[:, b]) for a, b in _pairs(runs.shape[1])]
    found = np.array([pair for pair in pairs if pair is not None])
    if not len(found):
        return None
    tau, rho = (float(value) for value in found.mean(axis=0))
    count = len(target.seeds)
    latent = math.sin(math.pi * tau / 2.0)
    reliability = max(0.0, count * latent / (1.0 + (count - 1) * latent)) if latent > -1.0 else 0.0
    ceiling = min(1.0, math.sqrt(reliability))
    repeated = np.isfinite(runs).sum(axis=1) >= 2
    return Noise(
        tau=tau,
        rho=rho,
        deviation=_deviation(runs[repeated]),
        reliability=reliability,
        ceiling_tau=2.0 / math.pi * math.asin(ceiling),
        ceiling_rho=6.0 / math.pi * math.asin(ceiling / 2.0),
        seeds=count,
        n=int(repeated.sum()),
    )


def _pairs(count: int) -> list[tuple[int, int]]:
    return list(itertools.combinations(range(count), 2))


def _agreement(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]
) -> tuple[float, float] | None:
    both = np.isfinite(a) & np.isfinite(b)
    x, y = a[both], b[both]
    if len(x) < LEAST or (x == x[0]).all() or (y == y[0]).all():
        return None
    # Half a second to import, which nobody pays who only lists or reads tables.
    from scipy import stats  # noqa: PLC0415

    return float(stats.kendalltau(x, y).statistic), float(stats.spearmanr(x, y).statistic)


def _deviation(runs: npt.NDArray[np.float64]) -> float:
    known = np.isfinite(runs)
    count = known.sum(axis=1)
    filled = np.where(known, runs, 0.0)
    centred = np.where(known, runs - (filled.sum(axis=1) / count)[:, None], 0.0)
    return float(np.sqrt((centred**2).sum() / (count - 1).sum()))
