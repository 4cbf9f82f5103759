"""One unit of work, with its failure as a value, and all of them in this process."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from autodas.core.errors import AutodasError
from autodas.core.results import Failed, Ok, Result

__all__ = ["Serial", "attempt"]

X = TypeVar("X")
Y = TypeVar("Y")


def attempt(fn: Callable[[X], Y | Failed], item: X) -> Result[Y]:
    """``fn(item)``, or why there is no such thing.

    Only ``Exception`` is caught: Ctrl-C and interpreter exit are not failures of the unit.
    """
    try:
        value = fn(item)
    except AutodasError as error:
        return Failed(str(error), traceback.format_exc())
    except Exception as error:
        first_line = str(error).partition("\n")[0]
        reason = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
        return Failed(reason, traceback.format_exc())
    return value if isinstance(value, Failed) else Ok(value)


class Serial:
    """Runs units in order. The easiest to debug; nothing needs to be sendable."""

    def run(
        self, fn: Callable[[X], Y | Failed], items: Sequence[X]
    ) -> Iterator[tuple[int, Result[Y]]]:
        """See :class:`autodas.backends.Backend`."""
        for number, item in enumerate(items):
            yield number, attempt(fn, item)
