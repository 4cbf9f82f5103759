"""What every backend does, and how to get one by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from autodas.backends.attempt import attempt
from autodas.backends.processes import Processes
from autodas.backends.serial import Serial
from autodas.core.catalog import Catalog
from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Result

__all__ = ["BACKENDS", "Backend", "attempt", "backend"]

X = TypeVar("X")
Y = TypeVar("Y")


class Backend(Protocol):
    """Runs a function on many items."""

    def run(
        self, fn: Callable[[X], Y | Failed], items: Sequence[X]
    ) -> Iterator[tuple[int, Result[Y]]]:
        """Yield (number of the item, result) in order of completion, each exactly once.

        An exception in ``fn`` and a ``Failed`` returned by it both arrive as ``Failed``. Closing
        the iterator, or Ctrl-C while waiting for it, stops all work.
        """
        ...


BACKENDS: Catalog[Callable[[int], Backend]] = Catalog("backend")
BACKENDS.add("serial", lambda _: Serial())
BACKENDS.add("processes", Processes)


def backend(name: str, jobs: int = 1) -> Backend:
    """The backend called ``name``.

    Args:
        name: ``"serial"`` or ``"processes"``.
        jobs: Number of worker processes, at least 1; ``serial`` has one whatever is asked.

    Raises:
        UnknownName: there is none of that name.
        InvalidInput: ``jobs`` is less than 1.
    """
    make = BACKENDS.get(name)
    if jobs < 1:
        raise InvalidInput(f"the number of jobs must be at least 1, got {jobs}")
    return make(jobs)
