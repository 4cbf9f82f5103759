"""How good one score is on one family, in the ways that a discovery may ask for."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.fitness.correlation import TauAgainst, correlate
from autodas.fitness.size_control import BeyondSize

__all__ = ["Correlation", "Goodness"]

Correlation = Literal["kendall", "spearman"]


class Goodness:
    """The goodness of scores on one family.

    Args:
        truth: ``(A,)`` accuracies; NaN where unknown.
        sizes: ``(S, A)`` sizes, of which the first is the number of parameters; needed for
            ``size_control`` and ``lift``.
        correlation: ``kendall`` (τ-b) or ``spearman`` (ρ).
        size_control: Share in [0, 1] of the size-controlled τ in the goodness.
        lift: Count what is above the correlation of #params.
    """

    def __init__(
        self,
        truth: npt.ArrayLike,
        sizes: npt.ArrayLike | None = None,
        *,
        correlation: Correlation = "kendall",
        size_control: float = 0.0,
        lift: bool = False,
    ) -> None:
        if not 0.0 <= size_control <= 1.0:
            raise InvalidInput(f"size control must lie in [0, 1], got {size_control}")
        if (size_control or lift) and sizes is None:
            raise InvalidInput("size control and lift need the sizes of the architectures")
        self._truth = np.asarray(truth, dtype=np.float64)
        self._tau = TauAgainst(self._truth)
        self._correlation = correlation
        self.size_control = size_control
        self._beyond = BeyondSize(truth, sizes) if size_control and sizes is not None else None
        self.floor = 0.0
        if lift and sizes is not None:
            params = self._plain(np.asarray(sizes, dtype=np.float64)[0])
            self.floor = params.value if isinstance(params, Ok) else 0.0

    def _plain(self, score: npt.ArrayLike) -> Result[float]:
        if self._correlation == "kendall":
            return self._tau(score)
        found = correlate(score, self._truth, "spearman")
        return Ok(found.value.value) if isinstance(found, Ok) else found

    def __call__(self, score: npt.ArrayLike) -> Result[float]:
        """The goodness, in [-1, 1] without lift; or why there is none."""
        plain = self._plain(score)
        if isinstance(plain, Failed) or self._beyond is None:
            return plain
        beyond = self._beyond(score)
        if isinstance(beyond, Failed):
            return beyond
        return Ok((1.0 - self.size_control) * plain.value + self.size_control * beyond.value)
