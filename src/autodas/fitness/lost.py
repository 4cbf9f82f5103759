"""How sure is what a choice loses? Bootstrap over architectures, paired over budgets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from autodas.core.results import Failed
from autodas.fitness.bootstrap import Interval, Resamples, interval_of
from autodas.fitness.correlation import usable
from autodas.fitness.regret import Regret

__all__ = ["lost_on_average"]

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
        ``lost`` to the best that fits, and ``over_random``, what a random one loses beyond that, in
        percentage points; nothing where nothing can be chosen.
    """
    pairs = usable(score, truth)
    if isinstance(pairs, Failed) or not regrets:
        return {}
    x, y = pairs.value
    price = np.asarray(cost, dtype=np.float64)[np.isfinite(np.asarray(truth, dtype=np.float64))]
    lost, over = [], []
    for each in regrets:
        fits = price <= each.budget
        drawn = resamples.weights[:, fits].astype(np.float64)
        chosen = _first(x[fits], y[fits], drawn)
        best = _first(y[fits], y[fits], drawn)
        count = drawn.sum(axis=1)
        random = np.divide(drawn @ y[fits], count, out=np.full(len(count), np.nan), where=count > 0)
        lost.append(best - chosen)
        over.append(chosen - random)
    values = [each.score for each in regrets], [each.random - each.score for each in regrets]
    return {
        name: interval_of(float(np.mean(value)), np.mean(samples, axis=0))
        for name, value, samples in zip(("lost", "over_random"), values, (lost, over), strict=True)
    }


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
