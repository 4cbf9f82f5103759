"""Progress for people: a live view on a terminal, a line now and then elsewhere. Always stderr."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from autodas.core.printable import printable, printable_lines
from autodas.core.progress import Facts, Progress

if TYPE_CHECKING:
    import rich.console
    import rich.live
    import rich.progress

__all__ = ["Bar", "Lines", "reporting", "spelt"]

EVERY_SECONDS = 5.0
STATE_SECONDS = 10.0
TICKS = "▁▂▃▄▅▆▇█"
CURVE = 40


@contextlib.contextmanager
def reporting(tensorboard: Path | None = None) -> Iterator[Progress]:
    """The progress fit for standard error; whatever is open is closed at the end.

    Args:
        tensorboard: Folder to write the numbers of searches to as well, for TensorBoard.

    Raises:
        MissingData: TensorBoard is asked for and not installed.
    """
    listener: Progress = Bar() if sys.stderr.isatty() else Lines(sys.stderr)
    if tensorboard is not None:
        from autodas.cli.tensorboard import Board

        listener = Board(tensorboard, listener)
    try:
        yield listener
    finally:
        listener.finish()


def spelt(value: str | float) -> str:
    """A fact as people read it."""
    return f"{value:.3f}" if isinstance(value, float) else printable(str(value))


class Bar:
    """A bar with the pace so far and the time left, and above it how a search stands.

    Args:
        console: Where to draw; standard error by default.
    """

    def __init__(self, console: rich.console.Console | None = None) -> None:
        self._console = console
        self._bars: rich.progress.Progress | None = None
        self._live: rich.live.Live | None = None
        self._task: rich.progress.TaskID | None = None
        self._facts: Facts = {}
        self._curve: list[float] = []

    def start(self, task: str, total: int, done: int = 0) -> None:
        from rich import progress as bars
        from rich.console import Console
        from rich.live import Live

        self.finish()
        console = self._console or Console(stderr=True)
        self._bars = bars.Progress(
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn("·"),
            bars.TimeElapsedColumn(),
            bars.TextColumn("· left"),
            bars.TimeRemainingColumn(),
            console=console,
        )
        # rich estimates the pace from advances alone, so what was done before does not count.
        self._task = self._bars.add_task(printable(task), total=total, completed=done)
        self._live = Live(get_renderable=self._view, console=console, refresh_per_second=5)
        self._live.start()

    def advance(self, n: int = 1) -> None:
        if self._bars is not None and self._task is not None:
            self._bars.advance(self._task, n)

    def note(self, text: str) -> None:
        if self._live is not None:
            self._live.console.print(printable_lines(text), markup=False, highlight=False)
        else:
            print(printable_lines(text), file=sys.stderr)

    def state(self, facts: Facts) -> None:
        self._facts = dict(facts)
        numbers = [value for value in facts.values() if isinstance(value, float)]
        self._curve = [*self._curve, *numbers[:1]][-CURVE:]

    def finish(self) -> None:
        if self._live is not None:
            self._live.stop()
        self._live = self._bars = self._task = None
        self._facts, self._curve = {}, []

    def _view(self) -> rich.console.RenderableType:
        from rich.console import Group
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text

        bars = self._bars or Text()
        if not self._facts:
            return bars
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        # Text, not markup: a formula may hold what looks like it.
        for name, value in self._facts.items():
            table.add_row(name, Text(spelt(value)))
        if len(self._curve) > 1:
            table.add_row("so far", Text(_sparkline(self._curve)))
        return Group(Panel(table, title="best so far", title_align="left"), bars)


def _sparkline(values: list[float]) -> str:
    low, high = min(values), max(values)
    step = (high - low) / (len(TICKS) - 1) or 1.0
    return "".join(TICKS[round((value - low) / step)] for value in values)


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
        self._stated = -STATE_SECONDS

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
        # A run is not given up because nobody listens any more, as in `autodas … 2>&1 | head -1`.
        with contextlib.suppress(OSError):
            print(printable_lines(text), file=self._stream, flush=True)

    def state(self, facts: Facts) -> None:
        now = self._clock()
        if now - self._stated >= STATE_SECONDS:
            self._stated = now
            self.note(" · ".join(f"{name} {spelt(value)}" for name, value in facts.items()))

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
