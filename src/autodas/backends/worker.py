"""One worker process and the pipe to it.

The parent sends batches of numbered items and the worker answers unit by unit. So the parent
always knows which unit a dead worker was busy with, and no finished unit is lost with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import current_process, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from time import perf_counter
from typing import Any

from autodas.backends.serial import attempt
from autodas.core.results import Failed, Result

__all__ = ["UNGUARDED", "Worker", "leave_if_unguarded"]

# What a terminal sends to the whole process group; it is the parent that decides what it means.
OF_TERMINALS = (signal.SIGINT, signal.SIGHUP)
# Read once, when the numeric libraries load: small networks run many times slower when two
# threads of each of several processes fight for the same cores.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


UNGUARDED = 79
"""Exit status of a worker that was about to do what its parent does."""


def leave_if_unguarded() -> None:
    """End this process if it is a worker that has just begun to import the user's script.

    A script without ``if __name__ == "__main__":`` is run again by every worker that imports it.
    The worker leaves without a word, and the parent says what is wrong.
    """
    # What multiprocessing itself looks at, before it would raise an error of several lines.
    if getattr(current_process(), "_inheriting", False):
        os._exit(UNGUARDED)


class Worker:
    """A process that applies one function to the items it is sent.

    Args:
        context: How to start it. A fresh interpreter, because a fork of a process in which a
            numeric library already runs threads can hang.
        fn: The function, importable by name in the worker.
    """

    def __init__(self, context: SpawnContext, fn: Callable[[Any], Any]) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, fn), daemon=True)
        with _environment(ONE_THREAD), _undisturbed():
            self.process.start()
        theirs.close()
        self.pending: deque[int] = deque()
        self.ready = False
        self.seconds = 0.0
        self.units = 0

    def send(self, batch: Sequence[tuple[int, Any]]) -> None:
        """Give it more numbered items. A worker that just died is noticed when it is read."""
        self.pending.extend(number for number, _ in batch)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(batch)

    def receive(self) -> tuple[int, Result[Any]] | None:
        """The next (number, result), or None at the greeting of a new worker.

        Raises:
            EOFError: the process is gone.
        """
        try:
            message = self.connection.recv()
        except ConnectionResetError:
            raise EOFError from None
        if not self.ready:
            self.ready = True
            return None
        number, result, seconds = message
        self.pending.popleft()
        self.seconds += seconds
        self.units += 1
        return number, result

    def describe_death(self) -> str:
        """How the process ended, once it has."""
        self.process.join()
        code = self.process.exitcode
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exit status {code}"

    def stop(self) -> None:
        """End the process at once."""
        self.connection.close()
        self.process.terminate()
        self.process.join(timeout=5)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()


def _serve(connection: Connection, fn: Callable[[Any], Any]) -> None:
    """What the worker process does until the parent closes the pipe or is gone."""
    for number in OF_TERMINALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OF_TERMINALS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Daemons must have no children, and a training may want processes that decode its images.
    current_process().daemon = False
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        connection.send("ready")  # a death before this is not the fault of any unit
        while True:
            for number, item in connection.recv():
                start = perf_counter()
                result = attempt(fn, item)
                _answer(connection, number, result, perf_counter() - start)


def _end_with_parent() -> None:
    """A unit may take hours, and without the parent nobody wants its result."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _answer(connection: Connection, number: int, result: Result[Any], seconds: float) -> None:
    try:
        connection.send((number, result, seconds))
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:
        failed = Failed(f"the result cannot be sent back: {type(error).__name__}: {error}")
        connection.send((number, failed, seconds))


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Children started inside do not hear the terminal's signals until they are ready to.

    The mask is inherited; while Python starts, it would answer Ctrl-C with a traceback.
    """
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, OF_TERMINALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set variables for the children started inside."""
    earlier = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in earlier.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
