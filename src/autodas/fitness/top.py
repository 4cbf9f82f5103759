"""The top of the list: what a score's favourites are worth, whatever it says of all others.

A search trains the few architectures that a score likes best, so a rank correlation over all of
them says too much and too little. Ties in the score are broken at random: all numbers are expected
ones. Architectures of unknown accuracy are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.fitness.correlation import usable
from autodas.fitness.regret import expected_best

__all__ = ["DEFAULT_TOP", "Top", "gain_of_top", "top_of_list"]

Floats = npt.NDArray[np.float64]
DEFAULT_TOP = 10


@dataclass(frozen=True)
class Top:
    """What the k architectures of highest score are worth.

    Attributes:
        k: How many; at most half of those with known accuracy, and at least one.
        ndcg: Normalised discounted cumulative gain of the first k places, in [0, 1]: an
            architecture gains 2^accuracy, so that a percentage point less counts half, and the
            place r counts 1 / log2(r + 1) (Järvelin & Kekäläinen, 2002).
        precision: Share of them that are truly among the best k.
        best: Accuracy of the best of them, in percent.
        regret: What that lacks of the best of all, in percentage points.
        random: What the best of k random ones lacks.
    """

    k: int
    ndcg: float
    precision: float
    best: float
    regret: float
    random: float


def top_of_list(score: npt.ArrayLike, truth: npt.ArrayLike, k: int = DEFAULT_TOP) -> Result[Top]:
    """The top of the list that a score makes.

    Args:
        score: ``(A,)`` numbers, higher is better.
        truth: ``(A,)`` accuracies in percent; NaN where unknown.
        k: How many architectures one would look at.

    Raises:
        InvalidInput: the shapes differ, or ``k`` is below 1.
    """
    if k < 1:
        raise InvalidInput(f"the top of a list has at least 1 place, got {k}")
    pairs = usable(score, truth)
    if isinstance(pairs, Failed):
        return pairs
    x, y = pairs.value
    k = max(1, min(k, len(y) // 2))
    gain = np.exp2(y - y.max())
    places = _levels(x, k)
    ideal = np.sort(gain)[::-1][:k] @ _discounts(k)
    among_best = (y >= np.sort(y)[-k]).astype(np.float64)
    best = expected_best(y, x, k)
    return Ok(
        Top(
            k=k,
            ndcg=float(_mean_at(places, x, gain) @ _discounts(k) / ideal),
            precision=float(_mean_at(places, x, among_best).mean()),
            best=best,
            regret=float(y.max()) - best,
            random=float(y.max()) - expected_best(y, np.zeros(len(y)), k),
        )
    )


def gain_of_top(score: npt.ArrayLike, truth: npt.ArrayLike, k: int = DEFAULT_TOP) -> Result[float]:
    """Share of what random choice loses that the score gains back; 1 is no regret, at least -1."""
    found = top_of_list(score, truth, k)
    if isinstance(found, Failed):
        return found
    if found.value.random <= 0.0:
        return Failed("the best of random ones is the best of all")
    return Ok(max(-1.0, 1.0 - found.value.regret / found.value.random))


def _discounts(k: int) -> Floats:
    return np.array([1.0 / math.log2(place + 1) for place in range(1, k + 1)])


def _levels(score: Floats, k: int) -> list[float]:
    """The score at each of the first k places; whoever has it is equally likely to be there."""
    return [float(each) for each in np.sort(score)[::-1][:k]]


def _mean_at(places: list[float], score: Floats, values: Floats) -> Floats:
    """``(k,)`` expected value at each place."""
    return np.array([values[score == level].mean() for level in places])
