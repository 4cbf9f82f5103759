"""Statistics of one student beside several teachers at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autodas.core.results import Failed, Ok, Result
from autodas.statistics.measurement import Measured

__all__ = ["mean_of"]


def mean_of(each: Sequence[Mapping[str, Result[Measured]]]) -> dict[str, Result[Measured]]:
    """The mean over teachers of every statistic, entry by entry.

    What could not be measured beside one of them cannot be said of all.

    Args:
        each: What was measured of the same student beside each teacher, at least one.
    """
    names = [name for name in each[0] if all(name in other for other in each)]
    return {name: _mean([other[name] for other in each]) for name in names}


def _mean(each: Sequence[Result[Measured]]) -> Result[Measured]:
    there: list[Measured] = []
    for value in each:
        if isinstance(value, Failed):
            return value
        there.append(value.value)
    first = there[0]
    if len(there) == 1:
        return Ok(first)
    several = zip(*(value.segments for value in there), strict=True)
    segments = [np.mean(parts, axis=0, dtype=parts[0].dtype) for parts in several]
    return Ok(Measured(tuple(map(np.asarray, segments)), first.counts))
