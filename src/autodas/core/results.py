"""A failed evaluation is a value with a reason, never a sentinel number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

__all__ = ["Failed", "Ok", "Result"]

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Ok(Generic[T_co]):
    """A value that was computed."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Failed:
    """A value that could not be computed.

    Attributes:
        reason: One line, stable enough to be counted ("constant score").
        details: Anything longer, such as a traceback.
    """

    reason: str
    details: str = ""


Result: TypeAlias = Ok[T_co] | Failed
