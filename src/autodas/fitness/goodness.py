"""How good one score is on one family, in the ways that a discovery may ask for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.fitness.measures import is_odd, judge_of
from autodas.fitness.size_control import BeyondSize

__all__ = ["Goodness"]


class Goodness:
    """The goodness of scores on one family.

    Args:
        truth: ``(A,)`` accuracies; NaN where unknown.
        sizes: ``(S, A)`` sizes, of which the first is the number of parameters; needed for
            ``size_control`` and ``lift``.
        measure: One of :data:`~autodas.fitness.measures.MEASURES`, or ``module:function``.
        size_control: Share in [0, 1] of the size-controlled τ in the goodness.
        lift: Count what #params has less.

    Attributes:
        odd: Whether a score turned over has minus the goodness.
        floor: The goodness of #params if it is to be counted from there, else 0.
    """

    def __init__(
        self,
        truth: npt.ArrayLike,
        sizes: npt.ArrayLike | None = None,
        *,
        measure: str = "tau",
        size_control: float = 0.0,
        lift: bool = False,
    ) -> None:
        if not 0.0 <= size_control <= 1.0:
            raise InvalidInput(f"size control must lie in [0, 1], got {size_control}")
        if (size_control or lift) and sizes is None:
            raise InvalidInput("size control and lift need the sizes of the architectures")
        self._plain = judge_of(measure, truth)
        self.odd = is_odd(measure)
        self.size_control = size_control
        self._beyond = BeyondSize(truth, sizes) if size_control and sizes is not None else None
        self.floor = 0.0
        if lift and sizes is not None:
            params = self._plain(np.asarray(sizes, dtype=np.float64)[0])
            self.floor = params.value if isinstance(params, Ok) else 0.0

    def __call__(self, score: npt.ArrayLike) -> Result[float]:
        """The goodness, at most 1 of those that have a name; or why there is none."""
        plain = self._plain(score)
        if isinstance(plain, Failed) or self._beyond is None:
            return plain
        beyond = self._beyond(score)
        if isinstance(beyond, Failed):
            return beyond
        return Ok((1.0 - self.size_control) * plain.value + self.size_control * beyond.value)
