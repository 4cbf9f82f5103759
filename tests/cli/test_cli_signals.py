"""Ctrl-C once and twice, SIGTERM, a closed terminal, and streams that nobody reads."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from autodas.cli.main import main
from autodas.cli.signals import Stopped, stopping

# A command whose work starts worker processes and never ends; what follows decides how it stops.
COMMAND = """
import os, signal, sys, time, types
from dataclasses import dataclass
from pathlib import Path
from autodas.backends import backend
from autodas.cli.commands import COMMANDS, Command
from autodas.cli.main import main

@dataclass(frozen=True)
class Config:
    out: Path = Path("runs/work")

def slow(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60)

def run(config, progress):
    progress.start("working", 2)
    try:
        list(backend("processes", 2).run(slow, [str(config.out)] * 2))
    finally:
        if STUBBORN:
            (config.out / "stubborn").touch()
            time.sleep(60)
    return {}

STUBBORN = len(sys.argv) > 2
if __name__ == "__main__":
    # What runs these tests in the background has told them to ignore signals.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    module = types.ModuleType("worker_command")
    module.Config, module.run = Config, run
    sys.modules["worker_command"] = module
    COMMANDS["work"] = Command("work", "worker_command", "a test")
    sys.exit(main(["work", "--out", sys.argv[1]]))
"""


class Running:
    """The command at work, with two workers, in a session of its own."""

    def __init__(self, folder: Path, *more: str, stderr: int = subprocess.PIPE) -> None:
        script = folder / "script.py"
        script.write_text(COMMAND)
        self.out = folder / "out"
        self.out.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(self.out), *more],
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
        self.wait_for(lambda: len(self.workers()) == 2)

    def workers(self) -> list[int]:
        return [int(path.name) for path in self.out.iterdir() if path.name.isdecimal()]

    @staticmethod
    def wait_for(what) -> None:
        limit = time.monotonic() + 60
        while not what() and time.monotonic() < limit:
            time.sleep(0.02)
        assert what()

    def all_gone(self) -> None:
        self.wait_for(lambda: not any(alive(pid) for pid in self.workers()))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    started = Running(tmp_path)
    yield started
    started.process.kill()
    started.process.communicate()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_one_line_an_exit_status_and_nobody_left(running, number, status):
    os.killpg(running.process.pid, number)
    _, said = running.process.communicate(timeout=30)
    assert running.process.returncode == status
    assert said.splitlines()[-1] == (
        f"autodas: stopped; what is done is kept in {running.out}; the same command goes on from "
        "there"
    )
    assert "Traceback" not in said
    running.all_gone()


def test_workers_end_with_a_parent_that_was_killed(running):
    running.process.kill()
    running.all_gone()


def test_a_second_ctrl_c_does_not_wait(tmp_path):
    running = Running(tmp_path, "stubborn")
    os.killpg(running.process.pid, signal.SIGINT)
    running.wait_for((running.out / "stubborn").exists)
    os.killpg(running.process.pid, signal.SIGINT)
    _, said = running.process.communicate(timeout=10)
    assert running.process.returncode == 130
    assert said.splitlines()[-1].startswith("autodas: stopped at once")
    assert "Traceback" not in said
    running.all_gone()


def test_a_closed_terminal_is_no_reason_for_a_traceback(tmp_path):
    master, slave = pty.openpty()
    running = Running(tmp_path, stderr=slave)
    os.close(slave)
    os.close(master)  # from here on writing to the terminal fails
    os.killpg(running.process.pid, signal.SIGHUP)
    assert running.process.wait(timeout=30) == 129
    running.all_gone()


def test_only_the_first_of_several_hang_ups_counts_and_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with stopping():
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
            with pytest.raises(Stopped, match="SIGHUP") as caught:
                signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGHUP)
        assert caught.value.status == 129
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_outside_the_main_thread_nothing_is_changed():
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(main(["--version"])))
    thread.start()
    thread.join()
    assert statuses == [0]


def autodas(*arguments: str, **streams: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "autodas", *arguments]
    return subprocess.run(command, text=True, check=False, timeout=60, **streams)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_results_that_cannot_be_written_are_no_success():
    with Path("/dev/full").open("w") as full:
        done = autodas("list", "spaces", stdout=full.fileno(), stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr.startswith("autodas: error: ")
    assert "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_error_that_nobody_reads_keeps_its_status():
    read, write = os.pipe()
    os.close(read)
    done = autodas("zzz", stdout=subprocess.DEVNULL, stderr=write)
    os.close(write)
    assert done.returncode == 2
