"""The table of rooms whose lines are changed on purpose, and which changes are worth a run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import mutants
import pytest

SOURCE = """\
def f(x: int | None = 1 + 2, *, y: list[int] = ()) -> float | None:
    z: dict[str, int] = 3 - x
    return z
"""


def spec(text, number=0):
    """The change of the operator ``text``, or of the number-th of several."""
    rows = SOURCE.splitlines()
    found = [
        (row, column)
        for row, content in enumerate(rows, start=1)
        for column in range(len(content))
        if content.startswith(text, column)
    ]
    start = found[number]
    end = (start[0], start[1] + len(text))
    return SimpleNamespace(
        module_path=Path("m.py"),
        operator_name=text,
        occurrence=number,
        start_pos=start,
        end_pos=end,
    )


@pytest.mark.parametrize(
    ("text", "number", "run"),
    [("|", 0, False), ("|", 1, False), ("+", 0, True), ("- x", 0, True), ("1", 0, True)],
)
def test_what_types_are_written_with_is_not_changed(text, number, run):
    assert mutants.is_run(spec(text, number), mutants.annotations(SOURCE)) is run


def test_the_order_is_one_for_all_and_another_for_another_seed():
    several = [spec(text, number) for text, number in (("|", 0), ("|", 1), ("+", 0), ("1", 0))]
    keys = [mutants.order(each, 0) for each in several]
    assert len(set(keys)) == 4
    assert keys == [mutants.order(each, 0) for each in several]
    assert set(keys).isdisjoint(mutants.order(each, 1) for each in several)


@pytest.mark.parametrize("name", mutants.ROOMS)
def test_every_room_has_sources_and_tests(name):
    room = mutants.ROOMS[name]
    for source in room.sources:
        assert list((mutants.ROOT / "src" / "autodas" / source).glob("*.py"))
    for tests in room.tests:
        assert (mutants.ROOT / "tests" / tests).exists()


def test_shares_leave_out_what_was_not_run_and_survivors_are_shown_with_their_change():
    def result(outcome, diff=""):
        found = None if outcome is None else SimpleNamespace(value=outcome)
        return SimpleNamespace(test_outcome=found, diff=diff)

    diff = "--- a\n+++ b\n@@\n x\n-    a = 1\n+    a = 2\n"
    tried = [
        (spec("+"), result("killed")),
        (spec("1"), result("killed")),
        (spec("- x"), result("survived", diff)),
        (spec("|"), result(None)),
    ]
    text = mutants.report({"core": (90, tried), "losses": (5, [])})
    _, core, losses, *survivors = text.splitlines()
    assert core.split() == ["core", "90", "4", "2", "1", "66.7"]
    assert losses.split() == ["losses", "5", "0", "0", "0", "–"]
    assert survivors == ["", "m.py:2 survived", "  -    a = 1", "  +    a = 2"]
