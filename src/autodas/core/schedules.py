"""Schedules are pure functions of progress in [0, 1]; they know nothing of epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Constant", "Linear", "Schedule"]


class Schedule(Protocol):
    """A number that changes with progress."""

    def __call__(self, progress: float) -> float:
        """The value at ``progress``, 0 at the start and 1 at the end."""
        ...


@dataclass(frozen=True)
class Constant:
    """Always ``value``."""

    value: float

    def __call__(self, progress: float) -> float:  # noqa: ARG002 - a schedule's signature
        return self.value


@dataclass(frozen=True)
class Linear:
    """From ``start`` to ``end`` at an even pace: start − (start − end)·progress."""

    start: float
    end: float

    def __call__(self, progress: float) -> float:
        return self.start - (self.start - self.end) * progress
