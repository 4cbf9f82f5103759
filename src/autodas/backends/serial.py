"""Everything in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from autodas.backends.attempt import attempt
from autodas.core.results import Failed, Result

__all__ = ["Serial"]

X = TypeVar("X")
Y = TypeVar("Y")


class Serial:
    """Runs units in order. The easiest to debug; nothing needs to be sendable."""

    def run(
        self, fn: Callable[[X], Y | Failed], items: Sequence[X]
    ) -> Iterator[tuple[int, Result[Y]]]:
        """See :class:`autodas.backends.Backend`."""
        for number, item in enumerate(items):
            yield number, attempt(fn, item)
