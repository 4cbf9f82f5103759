"""Progress for people: a bar on a terminal, a line now and then elsewhere. Always stderr."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from autodas.core.progress import Progress

if TYPE_CHECKING:
    import rich.progress

__all__ = ["Bar", "Lines", "reporting"]

EVERY_SECONDS = 5.0


@contextlib.contextmanager
def reporting() -> Iterator[Progress]:
    """The progress fit for standard error; whatever is open is closed at the end."""
    listener: Progress = Bar() if sys.stderr.isatty() else Lines(sys.stderr)
    try:
        yield listener
    finally:
        listener.finish()


class Bar:
    """A bar with the pace so far and the time left."""

    def __init__(self) -> None:
        self._display: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None

    def start(self, task: str, total: int, done: int = 0) -> None:
        from rich import progress as bars
        from rich.console import Console

        self.finish()
        self._display = bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn("·"),
            bars.TimeElapsedColumn(),
            bars.TextColumn("· left"),
            bars.TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._display.start()
        # rich estimates the pace from advances alone, so what was done before does not count.
        self._task = self._display.add_task(task, total=total, completed=done)

    def advance(self, n: int = 1) -> None:
        if self._display is not None and self._task is not None:
            self._display.advance(self._task, n)

    def note(self, text: str) -> None:
        if self._display is not None:
            self._display.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr)

    def finish(self) -> None:
        if self._display is not None:
            self._display.stop()
        self._display, self._task = None, None


class Lines:
    """Plain lines, at most one every few seconds.

    Args:
        stream: Where they go.
        every: Seconds between two lines.
        clock: Seconds since any moment; tests pass their own.
    """

    def __init__(
        self,
        stream: TextIO,
        every: float = EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream, self._every, self._clock = stream, every, clock
        self._task = ""
        self._total = self._before = self._done = 0
        self._started = self._said = 0.0

    def start(self, task: str, total: int, done: int = 0) -> None:
        self.finish()
        self._task, self._total, self._before, self._done = task, total, done, done
        self._started = self._said = self._clock()
        already = f", {done} of them done before" if done else ""
        self.note(f"{task}: {total} to do{already}")

    def advance(self, n: int = 1) -> None:
        self._done += n
        now = self._clock()
        if self._task and now - self._said >= self._every:
            self._said = now
            self.note(f"{self._task}: {self._done}/{self._total}{self._time_left(now)}")

    def note(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def finish(self) -> None:
        if self._task:
            seconds = self._clock() - self._started
            self.note(f"{self._task}: {self._done}/{self._total} after {_spell(seconds)}")
        self._task = ""

    def _time_left(self, now: float) -> str:
        mine, left = self._done - self._before, max(0, self._total - self._done)
        pace = (now - self._started) / mine if mine > 0 else 0.0
        return f", about {_spell(pace * left)} left" if pace > 0 else ""


def _spell(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
