"""What a score costs in accuracy when it chooses networks within a budget.

Two ways to use a score: train the one architecture it likes best (*top 1*), or train the best 5 %
and keep the most accurate (*top 5 %*). Beside either stand the largest that fit and random ones,
equally many. Ties in a score, or in size, are broken at random: what counts is the expected
accuracy. Architectures of unknown accuracy cannot be chosen.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.fitness.correlation import usable

__all__ = ["Choice", "Regret", "budgets_of", "expected_best", "top1_regret"]

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
TOP = 0.05


@dataclass(frozen=True)
class Choice:
    """Accuracy lost by training ``k`` architectures within a budget and keeping the best.

    Attributes:
        k: Architectures that are trained.
        score: Lost, in percentage points, by taking those of highest score.
        largest: Lost by taking the largest that fit.
        random: Lost on average by taking any.
    """

    k: int
    score: float
    largest: float
    random: float


@dataclass(frozen=True)
class Regret:
    """Accuracy lost by choosing one architecture within a budget, in percentage points.

    Attributes:
        budget: The most that an architecture may cost.
        n: Architectures that fit.
        oracle: Accuracy of the best of them, in percent.
        score: Lost by taking the one of highest score; the mean over ties.
        largest: Lost by taking the largest that fits; the mean over ties.
        random: Lost on average by taking any.
        chosen: Number of the first architecture of highest score.
        ties: How many have the highest score.
        top5: The same if the best 5 % by score are trained, at least one.
    """

    budget: float
    n: int
    oracle: float
    score: float
    largest: float
    random: float
    chosen: int
    ties: int
    top5: Choice

    def to_json(self) -> dict[str, float | int | dict[str, float | int]]:
        """Plain values."""
        return dataclasses.asdict(self)


def budgets_of(cost: npt.ArrayLike, shares: Sequence[float] = (0.25, 0.5, 0.75)) -> list[float]:
    """Budgets that the given shares of architectures fit in.

    Args:
        cost: ``(A,)`` e.g. numbers of parameters.
        shares: In (0, 1].
    """
    if not all(0.0 < share <= 1.0 for share in shares):
        raise InvalidInput(f"shares must lie in (0, 1], got {tuple(shares)}")
    values = np.asarray(cost, dtype=np.float64)
    return [float(np.quantile(values, share, method="inverted_cdf")) for share in shares]


def expected_best(values: npt.ArrayLike, order: npt.ArrayLike, k: int) -> float:
    """Expected greatest value among the ``k`` of highest order, ties drawn at random.

    Args:
        values: ``(n,)`` numbers, n at least 1.
        order: ``(n,)`` by what to choose; all equal for a random choice.
        k: How many are taken, in [1, n].

    Raises:
        InvalidInput: ``k`` is out of range.
    """
    y, by = np.asarray(values, dtype=np.float64), np.asarray(order, dtype=np.float64)
    if not 1 <= k <= len(y):
        raise InvalidInput(f"k must lie in [1, {len(y)}], got {k}")
    last = np.sort(by)[-k]
    surely = y[by > last]
    floor = float(surely.max()) if len(surely) else -math.inf
    pool = np.sort(y[by == last])[::-1]
    drawn, left = k - len(surely), len(pool)
    # The i-th best of the pool is the best drawn with probability C(left - i, drawn - 1) / C(left,
    # drawn), each of which follows from the one before. What each lacks is added up, which is 0
    # exactly, without rounding, where all that can be drawn are equal.
    best, chance, lacking = max(float(pool[0]), floor), drawn / left, 0.0
    for i, value in enumerate(pool, start=1):
        lacking += chance * (best - max(float(value), floor))
        if i < left:
            chance *= (left - i - drawn + 1) / (left - i)
    return best - lacking


def top1_regret(
    score: npt.ArrayLike,
    truth: npt.ArrayLike,
    cost: npt.ArrayLike,
    budgets: Sequence[float] | None = None,
) -> Result[list[Regret]]:
    """Regret under each budget; budgets that no architecture with known accuracy fits are left out.

    Args:
        score: ``(A,)`` numbers, higher is better.
        truth: ``(A,)`` accuracies in percent; NaN where unknown.
        cost: ``(A,)`` what the budget limits, e.g. numbers of parameters.
        budgets: Limits, inclusive; by default those of :func:`budgets_of` and no limit.

    Raises:
        InvalidInput: the shapes differ.
    """
    pairs = usable(score, truth)
    price = np.asarray(cost, dtype=np.float64)
    known = np.isfinite(np.asarray(truth, dtype=np.float64))
    if price.shape != known.shape:
        raise InvalidInput(f"cost must have the shape {known.shape}, got {price.shape}")
    if isinstance(pairs, Failed):
        return pairs
    x, y = pairs.value
    price, numbers = price[known], np.flatnonzero(known)
    limits = budgets if budgets is not None else [*budgets_of(price), float(price.max())]
    return Ok([_one(limit, x, y, price, numbers) for limit in limits if (price <= limit).any()])


def _one(limit: float, score: Floats, truth: Floats, price: Floats, numbers: Index) -> Regret:
    fits = price <= limit
    x, y, size = score[fits], truth[fits], price[fits]
    first, several = (_choice(x, y, size, k) for k in (1, math.ceil(TOP * len(y))))
    return Regret(
        budget=float(limit),
        n=len(y),
        oracle=float(y.max()),
        score=first.score,
        largest=first.largest,
        random=first.random,
        chosen=int(numbers[fits][np.argmax(x)]),
        ties=int((x == x.max()).sum()),
        top5=several,
    )


def _choice(score: Floats, truth: Floats, size: Floats, k: int) -> Choice:
    oracle, anything = float(truth.max()), np.zeros(len(truth))
    orders = (score, size, anything)
    return Choice(k, *(oracle - expected_best(truth, order, k) for order in orders))
