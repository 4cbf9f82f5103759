"""Progress on a terminal and elsewhere."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from autodas.cli.progress import Bar, Lines, reporting


class Clock:
    """Time that passes when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_lines_come_now_and_then_with_the_time_left(clock: Clock) -> None:
    stream = io.StringIO()
    lines = Lines(stream, every=5, clock=clock)
    lines.start("measuring", 100, done=20)
    for _ in range(40):
        clock.now += 1
        lines.advance()
    lines.note("best so far 0.5")
    lines.finish()
    assert stream.getvalue().splitlines() == [
        "measuring: 100 to do, 20 of them done before",
        # One unit a second, whatever an earlier run did: 75 left are 75 seconds.
        "measuring: 25/100, about 1 min left",
        "measuring: 30/100, about 1 min left",
        "measuring: 35/100, about 1 min left",
        "measuring: 40/100, about 1 min left",
        "measuring: 45/100, about 55 s left",
        "measuring: 50/100, about 50 s left",
        "measuring: 55/100, about 45 s left",
        "measuring: 60/100, about 40 s left",
        "best so far 0.5",
        "measuring: 60/100 after 40 s",
    ]


def test_quick_work_takes_two_lines(clock: Clock) -> None:
    stream = io.StringIO()
    lines = Lines(stream, clock=clock)
    lines.start("one", 3)
    lines.advance(3)
    lines.start("two", 1)
    lines.finish()
    lines.finish()
    assert stream.getvalue().splitlines() == [
        "one: 3 to do",
        "one: 3/3 after 0 s",
        "two: 1 to do",
        "two: 0/1 after 0 s",
    ]


def test_hours_are_spelt(clock: Clock) -> None:
    stream = io.StringIO()
    lines = Lines(stream, clock=clock)
    lines.start("labelling", 1000)
    clock.now = 60
    lines.advance(1)
    clock.now = 7200
    lines.finish()
    assert "1/1000, about 16.6 h left" in stream.getvalue()
    assert "after 2.0 h" in stream.getvalue()


@pytest.mark.parametrize("listener", [Lines(io.StringIO()), Bar()], ids=["lines", "bar"])
def test_nothing_breaks_out_of_order(listener: Lines | Bar) -> None:
    listener.finish()
    listener.advance()
    listener.note("before any task")
    listener.start("task", 0)
    listener.advance(5)
    listener.start("next", 2, done=2)
    listener.finish()


def test_lines_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with reporting() as progress:
        progress.start("task", 1)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == ["task: 1 to do", "task: 0/1 after 0 s"]


def test_a_task_left_open_by_an_error_is_closed(capfd: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        with reporting() as progress:
            progress.start("task", 1)
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert "after" in capfd.readouterr().err


SHOW = """
from autodas.cli.progress import reporting
with reporting() as progress:
    progress.start("measuring", 4, done=1)
    progress.advance()
    progress.note("[a note]")
"""


def test_a_bar_on_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with (tmp_path / "stdout").open("wb") as out:
        subprocess.run(
            [sys.executable, "-c", SHOW],
            stdout=out,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
            check=True,
        )
    os.close(theirs)
    shown = b""
    # A pseudo-terminal whose other end is closed reports an error instead of an end.
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:
        pass
    text = shown.decode()
    assert "measuring" in text
    assert "2/4" in text
    assert "[a note]" in text
    assert "━" in text
    assert (tmp_path / "stdout").read_bytes() == b""
