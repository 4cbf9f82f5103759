"""Whether differences between architectures are more than rounding.

Sums that vanish in exact arithmetic leave the last bits of their summands behind, and other ones on
another processor. A quotient or a logarithm makes numbers of any size of them. Which formulas do so
cannot be seen by their form; it can be tried: the statistics are changed in their last digits, and
scores that follow much are refused.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from autodas.core.digest import digest
from autodas.core.values import Column

__all__ = ["as_ranked", "stand_still", "trembling"]

Floats = npt.NDArray[np.float64]

TREMBLE = 2.0**-32
"""Largest relative change of a value.

Twice the step of large values (``statistics/negligible.py``), and a 256th of that of scores.
"""

MOVED = 1e-6
"""Share of the spread of scores that one may move by, and that is nothing."""

_SCATTER = np.uint64(0x9E3779B97F4A7C15)
"""2⁶⁴ over the golden ratio: its multiples are spread evenly (Knuth, TAOCP 3, section 6.4)."""

_COARSE = ~np.uint64((1 << 29) - 1)
"""Bits of a number, without its sign, that single precision has too."""

_FINE = 2.0**-4


def trembling(column: Column, name: str) -> Column:
    """The column with every value changed by up to ±2⁻³² of it.

    The magnitude alone decides by how much, so that what is equal stays equal. Nearly all of the
    change comes from the digits that single precision holds, so that another last digit makes
    nearly the same change; the rest moves values apart that are equal in these digits. Whole
    numbers stay what they are, because they are exact on every processor.

    Args:
        column: Statistics.
        name: What tells them from others, whose equal values change otherwise.
    """
    data = column.data.astype(np.float64)
    bits = data.view(np.uint64) << np.uint64(1)
    salt = np.uint64(int(digest("tremble", name)[:16], 16))
    change = _scattered((bits & _COARSE) ^ salt) + _FINE * _scattered(bits ^ salt)
    change *= TREMBLE / (1.0 + _FINE) * data
    change[data == np.rint(data)] = 0.0
    data += change
    return dataclasses.replace(column, data=data)


def _scattered(bits: npt.NDArray[np.uint64]) -> Floats:
    """Numbers in [-1, 1), evenly spread."""
    mixed = bits * _SCATTER
    mixed ^= mixed >> np.uint64(32)
    mixed *= _SCATTER
    return (mixed.view(np.int64) >> np.int64(32)).astype(np.float64) * 2.0**-31


def stand_still(scores: Floats, others: Floats) -> bool:
    """Whether ``(A,)`` scores are the same when statistics tremble, next to their differences.

    Each may move by 1e-6 of how far scores lie apart, or of its own distance from the middle where
    that is larger.
    """
    distance = np.abs(scores - np.median(scores))
    moved = np.abs(scores - others)
    return bool((moved <= MOVED * np.maximum(distance, _spread(scores))).all())


def as_ranked(scores: Floats) -> Floats:
    """``(A,)`` scores in single precision, zero where they are next to nothing beside the others.

    Scores that are equal in exact arithmetic, such as zero, are then equal on every processor.
    """
    rounded = scores.astype(np.float32).astype(np.float64)
    rounded[np.abs(scores) <= MOVED * _spread(scores)] = 0.0
    return rounded


def _spread(scores: Floats) -> float:
    """The distance between the quartiles; where most scores are equal, the mean deviation."""
    low, high = np.quantile(scores, (0.25, 0.75))
    return float(high - low) or float(np.abs(scores - np.median(scores)).mean())
