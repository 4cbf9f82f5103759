"""How often a report part was looked at, over the runs of a user."""

from __future__ import annotations

import datetime

import pytest

from autodas.core.errors import FileProblem
from autodas.core.files import write_json
from autodas.core.looks import Look, look, looks_of, said

TODAY = datetime.datetime.now(datetime.UTC).date().isoformat()


@pytest.fixture
def runs(tmp_path):
    for name in "abc":
        (tmp_path / name).mkdir()
    return tmp_path


def test_every_run_counts_once_per_table_however_often_it_asks(runs):
    cache = runs / "cache"
    assert look(runs / "a", {"s0": "d1"}, cache) == (Look("s0", "d1", 1, TODAY),)
    assert [each.times for each in look(runs / "b", {"s0": "d1", "pit": "d2"}, cache)] == [2, 1]
    # Asked again it says what it said, though another has looked meanwhile.
    assert [each.times for each in look(runs / "a", {"s0": "d1"}, cache)] == [1]
    assert [each.times for each in look(runs / "c", {"s0": "d1"}, cache)] == [3]
    # Of another content, it is another table.
    assert [each.times for each in look(runs / "c", {"s0": "d3"}, cache)] == [3, 1]
    assert looks_of(runs / "b") == (Look("s0", "d1", 2, TODAY), Look("pit", "d2", 1, TODAY))


def test_a_run_that_was_killed_before_it_had_counted_leaves_one_mark(runs, monkeypatch):
    cache = runs / "cache"
    with monkeypatch.context() as patch:
        patch.setattr("autodas.core.looks._counted", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            look(runs / "a", {"s0": "d1"}, cache)
    name = (runs / "a" / "looks.json").read_bytes()
    look(runs / "a", {"s0": "d1"}, cache)
    (runs / "a" / "looks.json").write_bytes(name)  # as a kill after the mark would leave it
    assert look(runs / "a", {"s0": "d1"}, cache)[0].times == 1


def test_the_first_date_is_that_of_the_oldest_mark(runs):
    cache = runs / "cache"
    look(runs / "a", {"s0": "d1"}, cache)
    (mark,) = (cache / "looks" / "d1").iterdir()
    mark.write_text("2026-01-31")
    (found,) = look(runs / "b", {"s0": "d1"}, cache)
    assert found.first == "2026-01-31"
    assert said(found) == (
        "The report part of s0 has now been looked at 2 times (first on 2026-01-31): the more "
        "often, the less it says."
    )
    mark.write_text("no date")
    assert look(runs / "c", {"s0": "d1"}, cache)[0].first == TODAY


def test_a_cache_that_cannot_be_written_is_no_error(runs):
    (runs / "cache").write_text("a file in the place of the folder")
    (found,) = look(runs / "a", {"s0": "d1"}, runs / "cache")
    assert found == Look("s0", "d1", 1, TODAY)
    assert said(found) == "The report part of s0 has now been looked at once."


def test_the_cache_of_the_user_is_the_usual_one(runs, monkeypatch):
    monkeypatch.setenv("AUTODAS_CACHE", str(runs / "mine"))
    look(runs / "a", {"s0": "d1"})
    assert len([*(runs / "mine" / "looks" / "d1").iterdir()]) == 1


def test_a_count_that_was_changed_is_refused(runs):
    look(runs / "a", {"s0": "d1"}, runs / "cache")
    path = runs / "a" / "looks.json"
    path.write_text(path.read_text().replace('"times": 1', '"times": 0'))
    with pytest.raises(FileProblem, match="was changed or damaged"):
        looks_of(runs / "a")


ROW = {"table": "s0", "digest": "d1", "times": 1, "first": "2026-01-31"}


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"tables": 1},
        {"tables": [1]},
        {"tables": [{"table": "s0"}]},
        {"tables": [ROW | {"times": "often"}]},
        {"tables": [ROW | {"times": None}]},
    ],
)
def test_a_file_that_counts_nothing_is_refused_by_name(runs, content):
    write_json(runs / "a" / "looks.json", content)
    with pytest.raises(FileProblem, match=r"looks\.json: is not a count of looks"):
        looks_of(runs / "a")
    with pytest.raises(FileProblem, match=r"looks\.json: is not a count of looks"):
        look(runs / "a", {"s0": "d1"}, runs / "cache")


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"run": None},
        {"run": ""},
        {"run": "../../../mark"},
        {"run": ".0123456789abcde"},
        {"run": "0123456789abcdef\n"},
    ],
)
def test_no_mark_is_left_where_a_run_of_others_says(runs, named):
    """Anybody can seal a file, so a name that leads out of the cache must not be followed."""
    write_json(runs / "a" / "looks.json", {**named, "tables": []})
    with pytest.raises(FileProblem, match=r"looks\.json: is not a count of looks"):
        look(runs / "a", {"s0": "d1"}, runs / "cache")
    assert not list(runs.glob("**/mark"))
