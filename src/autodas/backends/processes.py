"""Several worker processes on this machine."""

from __future__ import annotations

import math
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar

from autodas.backends.serial import Serial
from autodas.backends.worker import UNGUARDED, Worker, leave_if_unguarded
from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Result

__all__ = ["Processes"]

X = TypeVar("X")
Y = TypeVar("Y")

TRIES = 2  # a unit whose worker died gets one more chance: the kill may have been bad luck
BATCH_SECONDS = 0.25  # work sent at once; makes the cost of sending small beside the work


# One dead worker breaks the standard library's pool. That of pebble knows which unit was at fault,
# but takes 0.09 ms of processor time to send a unit, where batches take 0.02 (20,000 empty units,
# two processes); of its own batches, all units are lost with the worker.
class Processes:
    """Runs units in ``jobs`` processes, each with one thread.

    The function and the items are sent to fresh interpreters, so the function must be defined
    at the top level of a module. Each of them imports the script that is running: one without
    the usual ``if __name__ == "__main__":`` is served by this process alone, with a warning.

    Args:
        jobs: Number of processes, at least 1.
    """

    unguarded = False
    """Whether the running script was found to lack its guard; it will not get one."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def run(
        self, fn: Callable[[X], Y | Failed], items: Sequence[X]
    ) -> Iterator[tuple[int, Result[Y]]]:
        """See :class:`autodas.backends.Backend`.

        Raises:
            InvalidInput: ``fn`` or an item cannot be sent to another process.
        """
        leave_if_unguarded()
        _check_sendable(fn, "the function")
        try:
            if not Processes.unguarded:
                yield from _Run(fn, items, self.jobs).results()
        except _Unguarded:
            Processes.unguarded = True
            warnings.warn(ALONE, RuntimeWarning, stacklevel=2)
        if Processes.unguarded:
            yield from Serial().run(fn, items)


ALONE = (
    "one process does all the work: workers import the script that starts them, so what it does "
    'must stand below if __name__ == "__main__":'
)


class _Unguarded(Exception):
    """Workers would do what this process does. Raised before any unit was done."""


class _Run:
    """The state of one call: what waits, which worker has what, who died over which unit."""

    def __init__(self, fn: Callable[[Any], Any], items: Sequence[Any], jobs: int) -> None:
        self.fn = fn
        self.items = items
        self.jobs = jobs
        self.context = get_context("spawn")
        self.known = 0
        self.waiting: deque[int] = deque()
        self.deaths: Counter[int] = Counter()
        self.stillborn = 0
        self.workers: list[Worker] = []

    def results(self) -> Iterator[tuple[int, Result[Any]]]:
        try:
            while self._busy():
                ready = wait([worker.connection for worker in self.workers])
                for worker in [w for w in self.workers if w.connection in ready]:
                    yield from self._read(worker)
        finally:
            for worker in self.workers:
                worker.stop()

    def _busy(self) -> bool:
        """Hand out what has come to wait; whether there is anything to wait for."""
        for number in range(self.known, len(self.items)):
            _check_sendable(self.items[number], f"item {number}")
            self.waiting.append(number)
        self.known = len(self.items)
        for worker in self.workers:
            if not worker.pending:
                self._feed(worker)
        self._staff()
        return any(worker.pending for worker in self.workers)

    def _staff(self) -> None:
        """Start workers while there is work for them."""
        while self.waiting and len(self.workers) < self.jobs:
            self.workers.append(Worker(self.context, self.fn))
            self._feed(self.workers[-1])

    def _feed(self, worker: Worker) -> None:
        size = self._batch_size(worker)
        batch = [self.waiting.popleft() for _ in range(min(size, len(self.waiting)))]
        if batch:
            worker.send([(number, self.items[number]) for number in batch])

    def _batch_size(self, worker: Worker) -> int:
        """As many units as fill ``BATCH_SECONDS``, but leave a fair share to the others."""
        if not worker.units:
            return 1
        each = max(worker.seconds / worker.units, 1e-6)
        fair = math.ceil(len(self.waiting) / (2 * self.jobs))
        return max(1, min(int(BATCH_SECONDS / each), fair))

    def _read(self, worker: Worker) -> Iterator[tuple[int, Result[Any]]]:
        try:
            answer = worker.receive()
        except EOFError:
            yield from self._bury(worker)
            return
        if answer is None:
            return
        if not worker.pending:
            self._feed(worker)
        yield answer

    def _bury(self, worker: Worker) -> Iterator[tuple[int, Result[Any]]]:
        """Put a dead worker's units back; the one it was busy with has a death to its name."""
        self.workers.remove(worker)
        how = worker.describe_death()
        worker.stop()
        if not worker.ready:
            self._return_unblamed(worker, how)
            return
        if not worker.pending:
            return
        guilty, *innocent = worker.pending
        self.waiting.extendleft(reversed(innocent))
        self.deaths[guilty] += 1
        if self.deaths[guilty] < TRIES:
            self.waiting.append(guilty)
        else:
            details = f"{TRIES} worker processes died over this unit"
            yield guilty, Failed(f"the worker process died ({how})", details)
        self._staff()

    def _return_unblamed(self, worker: Worker, how: str) -> None:
        self.stillborn += 1
        if worker.process.exitcode == UNGUARDED:
            raise _Unguarded
        if self.stillborn >= TRIES:
            raise InvalidInput(
                f"worker processes cannot start ({how}); a script that uses them needs an "
                'if __name__ == "__main__": guard, or take the serial backend'
            )
        self.waiting.extendleft(reversed(worker.pending))
        self._staff()


def _check_sendable(value: object, what: str) -> None:
    try:
        ForkingPickler.dumps(value)
    except Exception as error:
        raise InvalidInput(
            f"{what} cannot be sent to a worker process ({type(error).__name__}); "
            "use a function at the top level of a module and plain values"
        ) from error
