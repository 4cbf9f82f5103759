"""Backends: order, failures as values, dying workers, stopping."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

from autodas.backends import BACKENDS, backend
from autodas.core.errors import InvalidInput, UnknownName
from autodas.core.results import Failed, Ok

# Ray is an extra and has tests of its own beside this file.
OWN = [name for name in BACKENDS.names() if name != "ray"]


def square(x):
    return x * x


def picky(x):
    if x == 3:
        raise ValueError("three is\nnot welcome")
    if x == 4:
        raise InvalidInput("four neither")
    if x == 5:
        return Failed("five by hand")
    return x


def threads(_):
    return os.environ.get("OMP_NUM_THREADS")


def process(_):
    time.sleep(0.05)
    return os.getpid()


def nap(seconds):
    time.sleep(seconds)
    return os.getpid()


def deadly(tries, x):
    """Kills its process on 2, and notes that it did; every other unit must survive."""
    if x == 2:
        with tries.open("a") as handle:
            handle.write("x")
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def exits(status, x):
    if x == 0:
        os._exit(status)
    return x


def dies_once(marker, x):
    if x == 1 and not marker.exists():
        marker.touch()
        os._exit(1)
    return x


def has_a_child(_):
    child = get_context("fork").Process(target=os._exit, args=(3,))
    child.start()
    child.join()
    return child.exitcode


def unsendable(x):
    return (lambda: x) if x == 1 else x


def test_a_unit_may_start_processes_of_its_own():
    assert dict(backend("processes", 1).run(has_a_child, [0])) == {0: Ok(3)}


@pytest.mark.parametrize("name", OWN)
def test_every_item_is_answered_once(name):
    results = dict(backend(name, 2).run(square, range(50)))
    assert results == {i: Ok(i * i) for i in range(50)}


@pytest.mark.parametrize("name", OWN)
def test_no_items_no_results(name):
    assert list(backend(name, 2).run(square, [])) == []


@pytest.mark.parametrize(("jobs", "begun"), [(1, [1]), (2, [1, 10])])
@pytest.mark.parametrize("name", OWN)
def test_items_that_are_appended_meanwhile_are_run_as_well(name, jobs, begun):
    items, found = list(begun), []
    for number, result in backend(name, jobs).run(square, items):
        found.append((number, result))
        if len(items) < 8:
            items.append(items[number] + 1)
    assert sorted(number for number, _ in found) == list(range(8))
    assert all(result == Ok(items[number] ** 2) for number, result in found)


def test_what_is_appended_must_be_sendable_too():
    items = [1]
    running = backend("processes", 2).run(square, items)
    next(running)
    items.append(lambda: 0)
    with pytest.raises(InvalidInput, match="item 1 cannot be sent"):
        next(running)


def test_a_worker_that_dies_while_it_has_nothing_to_do_is_replaced():
    items = [0.0, 0.3]
    pids = set()
    for number, result in backend("processes", 2).run(nap, items):
        pids.add(result.value)
        if number == 0:
            os.kill(result.value, signal.SIGKILL)
        if number == 1:
            items += [0.2, 0.2]
    assert len(pids) == 3


@pytest.mark.parametrize("name", OWN)
def test_failures_are_values_with_a_one_line_reason(name):
    results = dict(backend(name, 2).run(picky, range(7)))
    assert results[2] == Ok(2)
    assert results[3].reason == "ValueError: three is"
    assert "in picky" in results[3].details
    assert results[4].reason == "four neither"
    assert results[5] == Failed("five by hand")
    assert results[6] == Ok(6)


def test_a_worker_has_one_thread_and_the_parent_keeps_its_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert dict(backend("processes", 1).run(threads, [0])) == {0: Ok("1")}
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_work_is_shared_between_processes():
    pids = {result.value for _, result in backend("processes", 2).run(process, range(40))}
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_a_process_begins_with_a_unit_of_its_own():
    found = dict(backend("processes", 2).run(nap, [0.2, 0.2]))
    assert found[0] != found[1]


def test_a_unit_that_kills_two_workers_fails_and_the_others_survive(tmp_path):
    tries = tmp_path / "tries"
    results = dict(backend("processes", 2).run(partial(deadly, tries), range(20)))
    assert tries.read_text() == "xx"
    assert results.pop(2).reason == "the worker process died (killed by SIGKILL)"
    assert results == {i: Ok(i) for i in range(20) if i != 2}


@pytest.mark.parametrize("status", [0, 7])
def test_a_worker_that_exits_is_noticed(status):
    results = dict(backend("processes", 1).run(partial(exits, status), range(3)))
    assert results[0].reason == f"the worker process died (exit status {status})"
    assert [results[1], results[2]] == [Ok(1), Ok(2)]


def test_a_unit_gets_a_second_try(tmp_path):
    fn = partial(dies_once, tmp_path / "died")
    assert dict(backend("processes", 2).run(fn, range(4))) == {i: Ok(i) for i in range(4)}
    assert (tmp_path / "died").exists()


def test_a_result_that_cannot_be_sent_fails_alone():
    results = dict(backend("processes", 1).run(unsendable, range(3)))
    assert "cannot be sent back" in results[1].reason
    assert [results[0], results[2]] == [Ok(0), Ok(2)]


def test_a_function_that_cannot_be_sent_is_refused():
    with pytest.raises(InvalidInput, match="the function cannot be sent"):
        next(backend("processes", 1).run(lambda x: x, [1]))


def test_an_item_that_cannot_be_sent_is_refused():
    with pytest.raises(InvalidInput, match="item 1 cannot be sent"):
        next(backend("processes", 1).run(square, [1, lambda: 2]))


def test_closing_the_iterator_stops_the_workers():
    running = backend("processes", 2).run(process, range(10_000))
    _, first = next(running)
    running.close()
    with pytest.raises(ProcessLookupError):
        os.kill(first.value, 0)


def test_names_and_jobs_are_checked():
    with pytest.raises(UnknownName, match="did you mean 'serial'"):
        backend("serail", 1)
    with pytest.raises(InvalidInput, match="at least 1, got 0"):
        backend("processes", 0)
    assert backend("processes").jobs == 1


def _script(folder: Path, body: str) -> Path:
    path = folder / "script.py"
    path.write_text(textwrap.dedent(body))
    return path


def test_a_script_without_guard_is_served_by_one_process(tmp_path):
    script = _script(
        tmp_path,
        """
        from autodas.backends import backend
        def double(x):
            return 2 * x
        for items in ([1, 2, 3], [4]):
            print([value.value for _, value in backend("processes", 2).run(double, items)])
        """,
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[2, 4, 6]", "[8]"]
    assert _says_to_guard(done.stderr)


def test_a_step_in_a_script_without_guard_is_done(tmp_path):
    script = _script(
        tmp_path,
        """
        import autodas
        done = autodas.measure(students=40, statistics=("weight",), jobs=2, cache="cache")
        print(done["measured"], done["missing"])
        """,
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert _says_to_guard(done.stderr)
    assert done.stdout == "40 {}\n"


def _says_to_guard(told):
    """One warning, whose line names what is missing."""
    said = [line for line in told.splitlines() if "RuntimeWarning" in line]
    return len(said) == 1 and 'if __name__ == "__main__":' in said[0] and "Traceback" not in told


def test_ctrl_c_stops_at_once_and_leaves_nobody_behind(tmp_path):
    script = _script(
        tmp_path,
        """
        import os, signal, sys, time
        from autodas.backends import backend
        # What runs these tests in the background has told them to ignore the signal.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        def slow(x):
            print(os.getpid(), flush=True)
            time.sleep(60)
        if __name__ == "__main__":
            try:
                list(backend("processes", 2).run(slow, [1, 2]))
            except KeyboardInterrupt:
                print("stopped", flush=True)
        """,
    )
    running = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    pids = [int(running.stdout.readline()) for _ in range(2)]
    os.killpg(running.pid, signal.SIGINT)  # a terminal sends it to the whole group
    out, err = running.communicate(timeout=30)
    assert out == "stopped\n"
    assert err == ""
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
