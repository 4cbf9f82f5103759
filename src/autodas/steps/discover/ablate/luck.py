"""How much of a difference of τ is luck of the architectures that it was looked at on.

Seeds say how much of a difference is luck of a search; all of them are judged on the same
architectures. Those are drawn again here (percentile bootstrap, Efron 1979), the same for both
sides and all seeds. Both variances add up, and the interval is Student's with the degrees of
freedom of Welch and Satterthwaite, where that of the architectures counts as known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import stats

from autodas.core.intervals import CONFIDENCE, Ends, mean_interval
from autodas.fitness.bootstrap import Resamples

__all__ = ["interval_and_p", "scores_of", "spread", "spread_of_mean"]

RESAMPLES = 1000
Scores: TypeAlias = Mapping[str, tuple[float, float]]
"""Architecture -> score and accuracy."""


def scores_of(results: Mapping[str, Any], space: str, target: str) -> Scores:
    """What the proxy of a discovery says of the architectures of the report part.

    Args:
        results: What the discovery left in ``results.json``.
        space: Of a table.
        target: Of the table.

    Returns:
        Nothing where the proxy is not defined.
    """
    for cloud in results.get("scatter") or ():
        if (cloud["space"], cloud["target"]) == (space, target) and cloud["score"] is not None:
            columns = (cloud[name] for name in ("architectures", "part", "score", "accuracy"))
            return {
                text: (float(score), float(accuracy))
                for text, part, score, accuracy in zip(*columns, strict=True)
                if part == "report" and score is not None and accuracy is not None
            }
    return {}


def spread(mine: Mapping[int, Scores], theirs: Mapping[int, Scores]) -> float | None:
    """Standard deviation of a difference of τ, mean over seeds, on other samples of architectures.

    Args:
        mine: By seed, what a variant's proxy says.
        theirs: The same of the variant that it is compared with.

    Returns:
        None where the two have no architectures in common.
    """
    seeds = [seed for seed in mine if seed in theirs]
    shared = [set(each[seed]) for each in (mine, theirs) for seed in seeds]
    common = sorted(set.intersection(*shared)) if shared else []
    if len(common) < 2:
        return None
    resamples = Resamples(len(common), RESAMPLES)

    def taus(scores: Scores) -> npt.NDArray[np.float64]:
        both = np.array([scores[text] for text in common])
        return resamples.taus(both[:, 0], both[:, 1])

    drawn = np.mean([taus(mine[seed]) - taus(theirs[seed]) for seed in seeds], axis=0)
    defined = drawn[np.isfinite(drawn)]
    return float(defined.std()) if len(defined) else None


def spread_of_mean(spreads: Iterable[tuple[str, float | None]]) -> float:
    """Standard deviation of a mean over tables.

    Tables of one space may share their architectures and count as one sample; other spaces have
    architectures of their own.

    Args:
        spreads: Of each table its space and its standard deviation.
    """
    by_space: dict[str, float] = {}
    count = 0
    for space, each in spreads:
        by_space[space] = by_space.get(space, 0.0) + (each or 0.0)
        count += 1
    return math.hypot(*by_space.values()) / count if count else 0.0


def interval_and_p(values: Sequence[float], architectures: float) -> tuple[Ends, float | None]:
    """Mean over seeds with its interval over seeds and architectures, and the p-value of 0.

    Args:
        values: A difference by seed.
        architectures: Its standard deviation over samples of architectures.

    Returns:
        No ends and no p-value for a single seed.
    """
    ends = mean_interval(values)
    if ends[0] is None or len(values) < 2:
        return ends, None
    mean, seeds = ends[0], float(np.var(values, ddof=1)) / len(values)
    variance = seeds + architectures**2
    if not variance > 0:
        return (mean, mean, mean), 0.0 if mean else 1.0
    freedom = variance**2 / (seeds**2 / (len(values) - 1)) if seeds else math.inf
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, freedom)) * math.sqrt(variance)
    p = 2 * float(stats.t.sf(abs(mean) / math.sqrt(variance), freedom))
    return (mean, mean - half, mean + half), p
