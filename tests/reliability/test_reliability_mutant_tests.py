"""Which tests a mutant meets, and that a run tells a noticed change from one that was not."""

from __future__ import annotations

import importlib.util
import os
import time
from pathlib import Path

import mutant_tests
import pytest

SOURCE = """\
LEAST = 2

def f(x, least=3):
    if (x >
            least):
        return (x +
            1)
    return x
"""


@pytest.mark.parametrize(
    ("line", "first", "last"), [(1, 1, 1), (3, 3, 3), (4, 4, 5), (5, 4, 5), (7, 6, 7), (8, 8, 8)]
)
def test_a_statement_over_several_lines_is_one_and_a_head_is_without_its_body(line, first, last):
    assert mutant_tests.statement(SOURCE, line) == range(first, last + 1)


@pytest.fixture
def reach():
    seconds = {"t.py::slow": 9.0, "t.py::fast": 0.1, "u.py::other": 0.5, "t.py::middle": 1.0}
    return mutant_tests.Reach(
        seconds, {"m.py": {4: ["t.py::slow"], 5: ["t.py::fast"], 8: ["t.py::middle"]}}
    )


def test_tests_that_reach_the_statement_come_alone_and_the_fastest_first(reach):
    assert reach.of(Path("m.py"), SOURCE, 4) == ["t.py::fast", "t.py::slow"]


def test_what_runs_while_loading_meets_all_tests_those_of_its_file_first(reach):
    assert reach.of(Path("m.py"), SOURCE, 1) == [
        "t.py::fast",
        "t.py::middle",
        "t.py::slow",
        "u.py::other",
    ]


def test_what_no_test_loads_is_noticed_by_none_without_running_any(reach, tmp_path):
    assert reach.of(Path("other.py"), SOURCE, 1) == []
    assert not mutant_tests.noticed(tmp_path / "nowhere", [], reach)


@pytest.fixture
def tree(tmp_path):
    """A tree with one function and three tests of which one does not reach it."""
    tree = tmp_path / "tree"
    room = tree / "src" / "autodas" / "room"
    room.mkdir(parents=True)
    (room / "sums.py").write_text("def double(x):\n    return x * 2\n")
    tests = tree / "tests"
    tests.mkdir()
    (tests / "test_sums.py").write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(room)!r})\n"
        "from sums import double\n"
        "def test_two():\n    assert double(2) == 4\n"
        "def test_three():\n    assert double(3) == 6\n"
        "def test_beside():\n    pass\n"
    )
    (tree / "pytest.ini").write_text("[pytest]\nmarkers =\n    slow: s\n    gpu: g\n")
    return tree


def mutate(path, source):
    path.write_text(source)
    os.utime(path, (1_000_000_000, 1_000_000_000))


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("coverage") is None, reason="needs coverage")
def test_changes_are_noticed_by_what_reaches_them(tree):
    reach = mutant_tests.record(tree, ["room"], ["tests"], tree.parent / "reach.json")
    path = Path("src/autodas/room/sums.py")
    source = (tree / path).read_text()
    tests = reach.of(path, source, 2)
    assert sorted(tests) == ["tests/test_sums.py::test_three", "tests/test_sums.py::test_two"]
    assert not mutant_tests.noticed(tree, tests, reach)
    # Of one size and one second: a compiled form that the first left would hide the second.
    mutate(tree / path, source.replace("* 2", "+ 2"))
    assert not mutant_tests.noticed(tree, ["tests/test_sums.py::test_two"], reach)
    assert mutant_tests.noticed(tree, ["tests/test_sums.py::test_three"], reach)
    mutate(tree / path, source.replace("* 2", "- 2"))
    assert mutant_tests.noticed(tree, ["tests/test_sums.py::test_two"], reach)
    (tree / path).write_text(source)
    assert not mutant_tests.noticed(tree, tests, reach)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("coverage") is None, reason="needs coverage")
def test_what_a_fixture_runs_for_several_tests_is_reached_by_each(tree):
    path = tree / "tests" / "test_sums.py"
    path.write_text(
        path.read_text().split("def test_two")[0] + "import pytest\n"
        "@pytest.fixture(scope='module')\ndef four():\n    return double(2)\n"
        "@pytest.fixture\ndef five(four):\n    return four + 1\n"
        "def test_first(four):\n    assert four\n"
        "def test_second(five):\n    assert five == 5\n"
        "def test_beside():\n    pass\n"
    )
    reach = mutant_tests.record(tree, ["room"], ["tests"], tree.parent / "reach.json")
    source = Path("src/autodas/room/sums.py")
    tests = reach.of(source, (tree / source).read_text(), 2)
    assert sorted(tests) == ["tests/test_sums.py::test_first", "tests/test_sums.py::test_second"]


@pytest.mark.slow
def test_what_a_module_shares_is_made_once_for_each_run(tree):
    made = tree / "made"
    tests = []
    for name in "abc":
        (tree / "tests" / f"test_{name}.py").write_text(
            "import pathlib, pytest\n@pytest.fixture(scope='module')\ndef shared():\n"
            f"    with pathlib.Path({str(made)!r}).open('a') as file:\n"
            f"        file.write({name!r})\n"
            "def test_one(shared):\n    pass\ndef test_two(shared):\n    pass\n"
        )
        tests += [f"tests/test_{name}.py::test_{number}" for number in ("one", "two")]
    interleaved = [*tests[::2], *tests[1::2]]
    reach = mutant_tests.Reach(dict.fromkeys(tests, 0.0), {})
    assert not mutant_tests.noticed(tree, interleaved, reach)
    assert sorted(made.read_text()) == ["a", "b", "c"]


@pytest.mark.slow
def test_one_test_that_hangs_is_not_waited_for_as_long_as_for_all(tree, monkeypatch):
    monkeypatch.setattr(mutant_tests, "LEAST_PATIENCE", 2.0)
    tests = [f"tests/test_sums.py::test_{name}" for name in ("two", "three", *range(100))]
    reach = mutant_tests.Reach(dict.fromkeys(tests, 1.0), {})
    path = tree / "src" / "autodas" / "room" / "sums.py"
    path.write_text("def double(x):\n    while x == 2:\n        pass\n    return x * 2\n")
    start = time.monotonic()
    assert mutant_tests.noticed(tree, tests, reach)
    assert time.monotonic() - start < 100
    assert not mutant_tests.noticed(tree, tests[1:], reach)


def test_what_hangs_is_ended_and_counts_as_noticed(tree):
    start = time.monotonic()
    assert mutant_tests.forked(tree, lambda: time.sleep(60) or 0, 0.2) == -1
    assert time.monotonic() - start < 30


@pytest.mark.slow
def test_tests_that_fail_unchanged_are_not_recorded(tree):
    (tree / "tests" / "test_sums.py").write_text("def test_it():\n    assert False\n")
    with pytest.raises(SystemExit, match="without a change"):
        mutant_tests.record(tree, ["room"], ["tests"], tree.parent / "reach.json")
    assert not (tree.parent / "reach.json").exists()
