"""How sure is what a choice loses? Bootstrap over architectures, paired over budgets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed
from autodas.fitness.bootstrap import Interval, Resamples, interval_of
from autodas.fitness.correlation import usable
from autodas.fitness.regret import Regret, expected_best
from autodas.fitness.top import Top

__all__ = ["lost_by_top", "lost_on_average"]

Floats = npt.NDArray[np.float64]


def lost_on_average(
    score: npt.ArrayLike,
    truth: npt.ArrayLike,
    cost: npt.ArrayLike,
    regrets: Sequence[Regret],
    resamples: Resamples,
) -> dict[str, Interval]:
    """What choosing one architecture loses, as the mean over budgets, with its interval.

    A resample stands for another sample of the space, of which the score takes its favourite: it is
    compared with the best of that sample, and with all that fit there.

    Args:
        score: ``(A,)`` numbers, higher is better.
        truth: ``(A,)`` accuracies in percent; NaN where unknown.
        cost: ``(A,)`` what the budgets limit.
        regrets: What :func:`autodas.fitness.top1_regret` has found of them, one per budget.
        resamples: Of the architectures with known accuracy.

    Returns:
        ``lost`` to the best that fits; ``over_random``, what a random one loses beyond that;
        ``lost_top5``, what the best of the favourite 5 % loses; ``largest_lost`` and
        ``random_lost``, what the largest that fits and a random one lose: in percentage points.
        Nothing where nothing can be chosen.
    """
    pairs = usable(score, truth)
    if isinstance(pairs, Failed) or not regrets:
        return {}
    x, y = pairs.value
    price = np.asarray(cost, dtype=np.float64)[np.isfinite(np.asarray(truth, dtype=np.float64))]
    samples: dict[str, list[Floats]] = {}
    for each in regrets:
        fits = price <= each.budget
        drawn, among = resamples.weights[:, fits].astype(np.float64), y[fits]
        best = _first(among, among, drawn)
        chosen = _first(x[fits], among, drawn)
        count = drawn.sum(axis=1)
        random = np.divide(drawn @ among, count, out=np.full(len(count), np.nan), where=count > 0)
        for name, reached in (
            ("lost", best - chosen),
            ("over_random", chosen - random),
            ("lost_top5", best - _best_of_first(x[fits], among, drawn, each.top5.k)),
            ("largest_lost", best - _first(price[fits], among, drawn)),
            ("random_lost", best - random),
        ):
            samples.setdefault(name, []).append(reached)
    values = {
        "lost": [each.score for each in regrets],
        "over_random": [each.random - each.score for each in regrets],
        "lost_top5": [each.top5.score for each in regrets],
        "largest_lost": [each.largest for each in regrets],
        "random_lost": [each.random for each in regrets],
    }
    return {
        name: interval_of(float(np.mean(values[name])), np.mean(found, axis=0))
        for name, found in samples.items()
    }


def lost_by_top(
    score: npt.ArrayLike, truth: npt.ArrayLike, top: Top, resamples: Resamples
) -> Interval:
    """What the best of a score's first k lacks of the best of all, with its interval.

    Args:
        score: ``(A,)`` numbers, higher is better, of which :func:`autodas.fitness.top_of_list` has
            found ``top``.
        truth: ``(A,)`` accuracies in percent; NaN where unknown.
        top: What it has found.
        resamples: Of the architectures with known accuracy.

    Raises:
        InvalidInput: the score has no value that can be compared.
    """
    pairs = usable(score, truth)
    if isinstance(pairs, Failed):
        raise InvalidInput(pairs.reason)
    x, y = pairs.value
    drawn = resamples.weights.astype(np.float64)
    lost = _first(y, y, drawn) - _best_of_first(x, y, drawn, top.k)
    return interval_of(top.regret, lost)


def _best_of_first(by: Floats, values: Floats, drawn: Floats, k: int) -> Floats:
    """``(R,)`` expected best value of the k drawn of highest ``by``; NaN where none is drawn.

    Where fewer are drawn than k, of all of them.
    """
    if len(np.unique(by)) < len(by):  # ties are broken at random
        copies = [np.repeat(np.arange(len(by)), counts.astype(np.intp)) for counts in drawn]
        return np.array(
            [
                expected_best(values[rows], by[rows], min(k, len(rows))) if len(rows) else np.nan
                for rows in copies
            ]
        )
    order = np.argsort(-by)
    counts = drawn[:, order]
    before = np.cumsum(counts, axis=1) - counts
    found = np.where((counts > 0) & (before < k), values[order], -np.inf).max(axis=1)
    first: Floats = np.where(np.isfinite(found), found, np.nan)
    return first


def _first(by: Floats, values: Floats, drawn: Floats) -> Floats:
    """``(R,)`` mean value of those drawn whose ``by`` is the highest; NaN where none is drawn."""
    order = np.argsort(-by, kind="stable")
    ordered = by[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    counts = np.add.reduceat(drawn[:, order], starts, axis=1)
    sums = np.add.reduceat(drawn[:, order] * values[order], starts, axis=1)
    first = np.argmax(counts > 0, axis=1)[:, None]
    count, total = (np.take_along_axis(each, first, axis=1)[:, 0] for each in (counts, sums))
    found: Floats = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return found
