"""Which of a ranked population may be parents.

A selection sees ranks only, 0 being the best of n, so that no scale of fitness can mislead it. What
changes over a run is a function of progress in [0, 1], which knows nothing of generations.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from autodas.core.errors import InvalidInput

__all__ = ["AdaptiveElite", "FixedElite", "ParentSelection", "Tournament", "elite_size"]


class ParentSelection(Protocol):
    """Draws parents from a ranked population."""

    def ratio(self, progress: float) -> float:
        """The share of the population that can become a parent, in (0, 1]."""
        ...

    def draw(self, n: int, progress: float, rng: np.random.Generator) -> int:
        """The rank of a parent among ``n`` ranked individuals, 0 being the best.

        Args:
            n: Size of the ranked population, at least 1.
            progress: 0 at the first selection of a run, 1 at the last.
            rng: Source of randomness.
        """
        ...


def elite_size(ratio: float, n: int) -> int:
    """How many of ``n`` are the elite: ⌈ratio · n⌉, at least 1."""
    # 0.07 * 100 is 7.000000000000001: rounding first keeps the ceiling what was meant.
    return max(1, math.ceil(round(ratio * n, 9)))


def _check_share(name: str, value: float) -> None:
    if not 0.0 < value <= 1.0:
        raise InvalidInput(f"{name} must lie in (0, 1], got {value}")


class _Elite(ABC):
    """Parents come from the best of the population."""

    pressure: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.pressure <= 1.0:
            raise InvalidInput(f"pressure must lie in [0, 1], got {self.pressure}")

    @abstractmethod
    def ratio(self, progress: float) -> float:
        """As of :class:`ParentSelection`."""

    def draw(self, n: int, progress: float, rng: np.random.Generator) -> int:
        size = elite_size(self.ratio(progress), n)
        if self.pressure == 0.0 or size == 1:
            return int(rng.integers(size))
        # Linear ranking (Baker, 1985): weights fall from 1 + pressure to 1 − pressure.
        weights = 1.0 + self.pressure * (1.0 - 2.0 * np.arange(size) / (size - 1))
        return int(rng.choice(size, p=weights / weights.sum()))


@dataclass(frozen=True)
class AdaptiveElite(_Elite):
    """Parents come from an elite that shrinks as the search proceeds (Auto-DAS, ECCV 2024).

    The elite is the best p(t) of the population with p(t) = p_max − (p_max − p_min) · t/T: wide
    at first to explore, narrow at the end to exploit.

    Attributes:
        p_max: Elite ratio at the first selection, in (0, 1].
        p_min: Elite ratio at the last, in (0, p_max].
        pressure: 0 draws evenly within the elite; up to 1 prefers better ranks linearly.
    """

    p_max: float = 0.5
    p_min: float = 0.1
    pressure: float = 0.0

    def __post_init__(self) -> None:
        _check_share("p_max", self.p_max)
        _check_share("p_min", self.p_min)
        if self.p_min > self.p_max:
            raise InvalidInput(
                f"p_min <= p_max must hold, got p_min={self.p_min}, p_max={self.p_max}"
            )
        super().__post_init__()

    def ratio(self, progress: float) -> float:
        return self.p_max - (self.p_max - self.p_min) * progress


@dataclass(frozen=True)
class FixedElite(_Elite):
    """Parents come from the best ``p`` of the population throughout.

    Attributes:
        p: Elite ratio in (0, 1].
        pressure: As of :class:`AdaptiveElite`.
    """

    p: float = 0.2
    pressure: float = 0.0

    def __post_init__(self) -> None:
        _check_share("p", self.p)
        super().__post_init__()

    def ratio(self, progress: float) -> float:  # noqa: ARG002 - a selection's signature
        return self.p


@dataclass(frozen=True)
class Tournament:
    """The best of ``k`` drawn evenly with replacement; anyone can become a parent.

    Attributes:
        k: Contestants, at least 1.
    """

    k: int = 3

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InvalidInput(f"a tournament needs at least 1 contestant, got {self.k}")

    def ratio(self, progress: float) -> float:  # noqa: ARG002 - a selection's signature
        return 1.0

    def draw(self, n: int, progress: float, rng: np.random.Generator) -> int:  # noqa: ARG002
        return int(rng.integers(n, size=self.k).min())
