"""Values whose last bits differ between processors are made the same before they are kept."""

from __future__ import annotations

import numpy as np

from autodas.core.results import Failed, Ok, Result
from autodas.statistics.measurement import Measured
from autodas.statistics.negligible import grid_of

__all__ = ["settled"]


def settled(value: Result[Measured]) -> Result[Measured]:
    """One statistic of a network in double precision, on a grid of about 2⁻³³ of its largest value.

    The largest of all segments counts, since a whole layer may be nothing but rounding beside the
    others. Whole numbers are on the grid, so counts stay counts.

    Args:
        value: As it was measured, float64.
    """
    if isinstance(value, Failed):
        return value
    segments = value.value.segments
    largest = max((float(np.abs(each).max()) for each in segments if each.size), default=0.0)
    if largest == 0.0:
        return value
    step = grid_of(largest)
    # Adding zero makes zero of -0.
    rounded = tuple(np.asarray(np.rint(each / step) * step + 0.0) for each in segments)
    return Ok(Measured(rounded, value.value.counts))
