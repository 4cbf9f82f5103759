"""The tests of a mutant: those that reach its line, fastest first, each run in a forked process.

PyTorch takes seconds to load and the tests of a room a minute; most mutants are noticed by the
first test that reaches them. So which test reaches which line is recorded once, by coverage.py, and
what is slow to load is loaded before the processes fork.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

# None of them loads a module of ours, so whatever is mutated is loaded by the forked process.
SLOW_TO_LOAD = ("torch", "scipy.stats", "sklearn.ensemble", "hypothesis", "matplotlib.pyplot")
# Nobody reads how a test failed, and rewriting its assertions takes half of a mutant's time.
OPTIONS = ("-q", "-x", "--assert=plain", "-m", "not slow and not gpu",
           "-p", "no:cacheprovider", "-p", "no:logging", "-p", "no:xdist")  # fmt: skip
FEW = 100  # of the fastest tests: the file with most of them is tried before others are collected
LEAST_PATIENCE = 15.0  # seconds
PATIENCE = 4.0  # times what the tests take without a change, from where on they hang


@dataclass(frozen=True)
class Reach:
    """Which tests of a room reach which lines.

    Attributes:
        seconds: What each test takes, by its pytest identifier.
        lines: For each source file (relative to the tree) and line, the tests that ran it.
    """

    seconds: dict[str, float]
    lines: dict[str, dict[int, list[str]]]

    def of(self, path: Path, source: str, line: int) -> list[str]:
        """The tests that reach a line's statement, fastest first; all where that cannot be told.

        What is run while a module is loaded (constants, defaults, decorators) is reached by
        every test that reaches the module at all, and may show in any: there, those of the
        module come first. A module that no test loads is reached by none.
        """
        known = self.lines.get(path.as_posix(), {})
        if not known:
            return []
        reached = {test for each in statement(source, line) for test in known.get(each, [])}
        if reached:
            return self.fastest(reached)
        beside = {test for tests in known.values() for test in tests}
        return self.fastest(beside) + self.fastest(self.seconds.keys() - beside)

    def fastest(self, tests: Iterable[str]) -> list[str]:
        """These tests, the fastest first."""
        return sorted(tests, key=lambda test: (self.seconds.get(test, 0.0), test))

    def patience(self, tests: Iterable[str]) -> float:
        """Seconds after which these tests count as hanging."""
        return LEAST_PATIENCE + PATIENCE * sum(self.seconds.get(each, 0.0) for each in tests)


def statement(source: str, line: int) -> range:
    """The lines of the innermost statement at a line; of a compound one, its head alone."""
    found = range(line, line + 1)
    smallest = None
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.stmt):
            continue
        body = getattr(node, "body", None)
        end = body[0].lineno - 1 if body else node.end_lineno or node.lineno
        if node.lineno <= line <= max(end, node.lineno):
            size = end - node.lineno
            if smallest is None or size <= smallest:
                smallest, found = size, range(node.lineno, max(end, node.lineno) + 1)
    return found


class Recorder:
    """A plugin for pytest that tells coverage.py which test runs, and notes how long each takes.

    What a fixture runs for several tests is reached by each of them, not by the first alone.
    """

    def __init__(self, coverage: Any) -> None:
        self.coverage = coverage
        self.seconds: dict[str, float] = {}
        self.users: dict[str, list[str]] = {}
        self._context = ""

    def _switch(self, context: str) -> None:
        self._context = context
        self.coverage.switch_context(context)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._switch(nodeid)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for known in item._fixtureinfo.name2fixturedefs.values():  # type: ignore[attr-defined]
                for each in known:
                    self.users.setdefault(_shared(each), []).append(item.nodeid)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        before = self._context
        if fixturedef.scope != "function":
            self._switch(_shared(fixturedef))
        yield
        self._switch(before)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration


def _shared(fixture: Any) -> str:
    return f"{fixture.baseid} {fixture.argname}"


class Chosen:
    """A plugin for pytest that runs these tests alone, in this order, and ends with one that hangs.

    Args:
        tests: By their pytest identifiers.
        reach: Says how long they take without a change.
    """

    def __init__(self, tests: Sequence[str], reach: Reach) -> None:
        self.place = {test: number for number, test in enumerate(tests)}
        # In another order any of them may be the first, which loads what others use as well.
        self.patience = max((reach.patience([test]) for test in tests), default=0.0)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self) -> Iterator[None]:
        # Nobody handles the alarm, so it ends the process, even in the midst of a computation.
        signal.setitimer(signal.ITIMER_REAL, self.patience)
        yield
        signal.setitimer(signal.ITIMER_REAL, 0.0)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (each for each in items if each.nodeid in self.place),
            key=lambda each: self.place[each.nodeid],
        )


def record(tree: Path, sources: Sequence[str], tests: Sequence[str], kept: Path) -> Reach:
    """Run the tests once without a change, and note what each reaches; or read what was noted.

    Args:
        tree: The copy of the repository.
        sources: Folders of ``src/autodas`` in it whose lines are of interest.
        tests: Files and folders of its ``tests``.
        kept: JSON file of what was noted.

    Raises:
        SystemExit: the tests fail without a change.
    """
    if not kept.exists():
        code = forked(tree, lambda: _record(tree, sources, tests, kept), keep_compiled=True)
        if code:
            raise SystemExit(f"tests fail without a change: {' '.join(tests)} (exit status {code})")
    noted = json.loads(kept.read_text(encoding="utf-8"))
    lines = {
        path: {int(line): [noted["tests"][number] for number in reached]
               for line, reached in of_path.items()}
        for path, of_path in noted["lines"].items()
    }  # fmt: skip
    return Reach(noted["seconds"], lines)


def _record(tree: Path, sources: Sequence[str], tests: Sequence[str], kept: Path) -> int:
    from coverage import Coverage

    folders = [str(tree / "src" / "autodas" / each) for each in sources]
    coverage = Coverage(data_file=None, source=folders)
    recorder = Recorder(coverage)
    coverage.start()
    code = int(pytest.main([*OPTIONS, *tests], plugins=[recorder]))
    coverage.stop()
    if code == 0:
        names = {test: number for number, test in enumerate(recorder.seconds)}
        numbers = {test: [number] for test, number in names.items()}
        for fixture, users in recorder.users.items():
            numbers[fixture] = [names[test] for test in users if test in names]
        lines = _by_line(coverage.get_data(), tree, numbers)
        reach = asdict(Reach(recorder.seconds, {})) | {"tests": list(names), "lines": lines}
        kept.write_text(json.dumps(reach), encoding="utf-8")
    return code


def _by_line(
    data: Any, tree: Path, numbers: Mapping[str, Sequence[int]]
) -> dict[str, dict[int, list[int]]]:
    found = {}
    for path in data.measured_files():
        reached = data.contexts_by_lineno(path).items()
        found[Path(path).relative_to(tree).as_posix()] = {
            line: sorted({number for context in contexts for number in numbers.get(context, ())})
            for line, contexts in reached
        }
    return found


def noticed(tree: Path, tests: Sequence[str], reach: Reach, *, keep_compiled: bool = False) -> bool:
    """Whether one of these tests fails or hangs.

    Args:
        tree: The copy of the repository.
        tests: By their pytest identifiers, in the order in which they are run.
        reach: Says how long they take; one that takes far longer, or all together, hang.
        keep_compiled: Nothing is changed in the tree, so its compiled files serve those who follow.
    """
    for part in filter(None, _parts(tests)):
        files = dict.fromkeys(_file(test) for test in part)
        run = partial(pytest.main, [*OPTIONS, *files], plugins=[Chosen(part, reach)])
        if forked(tree, run, reach.patience(part), keep_compiled=keep_compiled) != 0:
            return True
    return False


def _parts(tests: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those of one file, which are quick to collect and notice most, and the others by file.

    What a module's fixture makes is made anew whenever tests of another file were run between.
    """
    files = [file for file, _ in Counter(_file(test) for test in tests[:FEW]).most_common()]
    files += dict.fromkeys(_file(test) for test in tests)
    by_file = {file: [test for test in tests if _file(test) == file] for file in files}
    first, *others = by_file.values() or [[]]
    return first, [test for those in others for test in those]


def _file(test: str) -> str:
    return test.partition("::")[0]


def forked(
    tree: Path,
    what: Callable[[], int],
    patience: float = float("inf"),
    *,
    keep_compiled: bool = False,
) -> int:
    """The exit status of a process of its own that does this in a tree; −1 if it was too slow."""
    process = os.fork()
    if process == 0:
        _alone(tree, what, keep_compiled=keep_compiled)
    end = time.monotonic() + patience
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            break
        if time.monotonic() > end:
            os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return -1
        time.sleep(0.01)
    with suppress(ProcessLookupError):  # workers of a mutant that does not end its own
        os.killpg(process, signal.SIGKILL)
    return code


def _alone(tree: Path, what: Callable[[], int], *, keep_compiled: bool) -> None:
    """The life of a forked process, which never returns."""
    code = 70
    try:
        os.setsid()
        os.chdir(tree)
        # A mutant may have the size of what it replaces and be written in the same second: its
        # compiled form would be taken for that of the next.
        sys.dont_write_bytecode = not keep_compiled
        os.environ["PYTHONPATH"] = str(tree / "src")
        if not keep_compiled:
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.path.insert(0, str(tree / "src"))
        with (tree.parent / "output.txt").open("w", encoding="utf-8") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            code = what()
    finally:
        os._exit(code)


def load_what_is_slow() -> None:
    """Load it here, once, for all processes that fork from this one."""
    for name in SLOW_TO_LOAD:
        __import__(name)
    gc.freeze()  # what is loaded stays: collecting it anew in each process is slow
