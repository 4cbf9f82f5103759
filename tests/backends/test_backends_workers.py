"""Worker processes: how they start and end, and how much they are sent at once."""

import math
import signal
import subprocess
import sys
import time
from collections import deque
from functools import partial
from multiprocessing import get_context
from types import SimpleNamespace

import pytest
from test_backends import square

from autodas.backends import backend, processes, worker
from autodas.core.errors import InvalidInput
from autodas.core.results import Ok

Worker = worker.Worker


def note(folder, x):
    (folder / str(x)).touch()
    return x


def some_die_at_birth(monkeypatch, number):
    """The first workers are killed before they can greet."""
    born = []

    def start(context, fn):
        born.append(Worker(context, fn))
        if len(born) <= number:
            born[-1].process.kill()
        return born[-1]

    monkeypatch.setattr(processes, "Worker", start)


def test_a_worker_that_dies_before_it_begins_is_replaced(monkeypatch):
    some_die_at_birth(monkeypatch, 1)
    assert dict(backend("processes").run(square, [2, 3])) == {0: Ok(4), 1: Ok(9)}


def test_workers_that_cannot_begin_are_not_started_for_ever(monkeypatch):
    some_die_at_birth(monkeypatch, 99)
    with pytest.raises(InvalidInput, match=r"cannot start \(killed by SIGKILL\)"):
        next(backend("processes").run(square, [2, 3]))


def test_the_next_unit_runs_while_a_result_is_looked_at(tmp_path):
    running = backend("processes").run(partial(note, tmp_path), [0, 1])
    next(running)
    end = time.monotonic() + 20
    while not (tmp_path / "1").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    running.close()


class Sent(Worker):
    """Notes the number of the first unit, and how many, of what is sent."""

    def send(self, batch):
        self.log.append((batch[0][0], len(batch)))
        super().send(batch)


def test_small_units_are_sent_many_at_once_but_leave_a_share_to_others(monkeypatch):
    log = []
    monkeypatch.setattr(processes, "Worker", Sent)
    monkeypatch.setattr(Sent, "log", log, raising=False)
    assert len(list(backend("processes", 2).run(square, range(40)))) == 40
    assert [size for _, size in log[:2]] == [1, 1]  # nobody knows yet how long a unit takes
    assert max(size for number, size in log if number < 20) >= 5
    assert all(size <= math.ceil((40 - number) / 2) for number, size in log)


def test_a_worker_ends_by_itself_once_nobody_can_send_it_anything():
    alone = Worker(get_context("spawn"), square)
    try:
        assert alone.receive() is None
        alone.connection.close()
        alone.process.join(timeout=20)
        assert alone.process.exitcode == 0
    finally:
        alone.stop()


class Process:
    """Ends when it is told to, or only when it is killed."""

    def __init__(self, *, stubborn):
        self.exitcode, self.stubborn = None, stubborn

    def terminate(self):
        self.exitcode = None if self.stubborn else -signal.SIGTERM

    def kill(self):
        self.exitcode = -signal.SIGKILL

    def join(self, timeout=None):
        assert timeout is not None or self.exitcode is not None, "waits for ever"


@pytest.mark.parametrize(("stubborn", "end"), [(False, -signal.SIGTERM), (True, -signal.SIGKILL)])
def test_a_worker_that_will_not_end_is_killed(stubborn, end):
    one = Worker.__new__(Worker)
    one.connection, one.pending = SimpleNamespace(close=lambda: None), deque()
    one.process = Process(stubborn=stubborn)
    one.stop()
    assert one.process.exitcode == end


SCRIPT = """
import time
from autodas.backends import backend
running = backend("processes").run(time.sleep, [0, 30])
next(running)
print("busy", flush=True)
"""


def test_a_script_that_leaves_work_undone_ends():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=20, check=True
    )
    assert (done.stdout, done.stderr) == ("busy\n", "")


def test_workers_end_with_a_parent_that_is_killed():
    parent = subprocess.Popen(
        [sys.executable, "-c", SCRIPT + "list(running)"], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout.readline() == "busy\n"
    parent.kill()
    # The worker has the same standard output: it has ended once there is no more to come.
    assert parent.communicate(timeout=20)[0] == ""
