"""What a score costs in accuracy when it chooses one network within a budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.fitness.correlation import usable

__all__ = ["Regret", "budgets_of", "top1_regret"]

Floats = npt.NDArray[np.float64]


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
    """

    budget: float
    n: int
    oracle: float
    score: float
    largest: float
    random: float

    def to_json(self) -> dict[str, float | int]:
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
    price = price[known]
    limits = budgets if budgets is not None else [*budgets_of(price), float(price.max())]
    return Ok([_one(limit, x, y, price) for limit in limits if (price <= limit).any()])


def _one(limit: float, score: Floats, truth: Floats, price: Floats) -> Regret:
    fits = price <= limit
    x, y, size = score[fits], truth[fits], price[fits]
    oracle = float(y.max())
    return Regret(
        budget=float(limit),
        n=int(fits.sum()),
        oracle=oracle,
        score=oracle - float(y[x == x.max()].mean()),
        largest=oracle - float(y[size == size.max()].mean()),
        random=oracle - float(y.mean()),
    )
