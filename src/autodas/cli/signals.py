"""Ctrl-C, a request to end, and a terminal that is closed: stop cleanly, and say how to go on."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

__all__ = ["Stopped", "stopping"]

ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
IMPATIENT = (signal.SIGINT, signal.SIGTERM)
"""Signals that somebody sends a second time because the first was not enough. Closing a terminal
can send several of its kind at once."""
SHOW_CURSOR = "\x1b[?25h"


class Stopped(KeyboardInterrupt):
    """A signal has asked the command to stop.

    Args:
        number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)

    @property
    def status(self) -> int:
        """The exit status that shells give to a command that a signal has ended."""
        return 128 + self.number


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Within the block the first signal raises :class:`Stopped`, a second one ends at once.

    What is ignored already, as by ``nohup`` and by shells for what runs in the background, stays
    ignored. Outside the main thread nothing is changed: signals do not arrive there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stop = _Stop()
    earlier: dict[signal.Signals, Any] = {}
    for number in ASKED:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            earlier[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


class _Stop:
    """The handler of the signals."""

    def __init__(self) -> None:
        # Later it cannot be told: a terminal that was closed is none.
        self._terminals = [number for number in (1, 2) if os.isatty(number)]
        self._first: int | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._hang_up()
        if self._first is None:
            self._first = number
            raise Stopped(number)
        if number in IMPATIENT:
            self._end(number)

    def _hang_up(self) -> None:
        """Nobody is there to read; what is still said must not fail."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for terminal in self._terminals:
            os.dup2(nowhere, terminal)
        os.close(nowhere)

    def _end(self, number: int) -> None:
        # Every file is whole at every moment, and workers end with their parent.
        line = "autodas: stopped at once; the same command goes on from there\n"
        cursor = SHOW_CURSOR if 2 in self._terminals else ""
        with contextlib.suppress(OSError):
            os.write(2, (cursor + line).encode())
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(128 + number)
