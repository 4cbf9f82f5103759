"""What every backend does, and how to get one by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from autodas.backends.processes import Processes
from autodas.backends.ray import Ray
from autodas.backends.serial import Serial, attempt
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

        Items may be appended while results are read, such as those that need them; they are run
        as well.

        An exception in ``fn`` and a ``Failed`` returned by it both arrive as ``Failed``. Closing
        the iterator, or Ctrl-C while waiting for it, stops all work.
        """
        ...


@dataclass(frozen=True)
class Place:
    """What a backend may want to know.

    Attributes:
        jobs: Number of worker processes.
        address: Of a Ray cluster.
        gpus: Share of a GPU that a unit asks Ray for.
    """

    jobs: int
    address: str | None
    gpus: float


BACKENDS: Catalog[Callable[[Place], Backend]] = Catalog("backend")
BACKENDS.add("serial", lambda _: Serial())
BACKENDS.add("processes", lambda place: Processes(place.jobs))
BACKENDS.add("ray", lambda place: Ray(place.jobs, place.address, place.gpus))


def backend(name: str, jobs: int = 1, *, address: str | None = None, gpus: float = 0.0) -> Backend:
    """The backend called ``name``.

    Args:
        name: ``"serial"``, ``"processes"`` or ``"ray"``.
        jobs: Number of worker processes, at least 1; ``serial`` has one whatever is asked, and an
            existing Ray cluster has as many as it has CPUs.
        address: ``HOST:PORT`` of a Ray cluster, or ``auto``; others pay no attention to it.
        gpus: Share of a GPU that a unit asks Ray for.

    Raises:
        UnknownName: there is none of that name.
        InvalidInput: ``jobs`` is less than 1.
    """
    make = BACKENDS.get(name)
    if jobs < 1:
        raise InvalidInput(f"the number of jobs must be at least 1, got {jobs}")
    return make(Place(jobs, address, gpus))
