"""The page tells the classes apart that the student cannot."""

from __future__ import annotations

from itertools import count

import pytest

from autodas.reports.classes import classes_of


def made(counts, mistaken=(), names=()):
    numbers = count()
    results = {
        "confusion": {"classes": counts, "mistaken": [list(each) for each in mistaken]},
        "class_names": list(names),
    }
    return classes_of(results, lambda kind: f"{kind}-{next(numbers)}")


def test_the_hardest_class_comes_first_with_its_interval():
    found = made([[9, 10], [5, 10], [0, 0]], [(1, 0, 4), (0, 2, 1), (1, 2, 1)], "abc")
    assert [row["name"] for row in found["rows"]] == ["b", "a"]
    assert (found["images"], found["accuracy"]) == (20, 70.0)
    # Wilson's interval of 5 of 10, by a published table: 23.7 to 76.3 %.
    assert found["rows"][0]["low"] == pytest.approx(23.66, abs=0.01)
    assert found["rows"][0]["high"] == pytest.approx(76.34, abs=0.01)
    assert found["mistakes"][0] == {"name": "b", "guess": "a", "images": 4}
    assert found["figure"].count("<svg") == 1


def test_of_many_classes_the_hardest_are_shown_and_no_matrix():
    found = made([[i, 100] for i in range(60)])
    assert [row["name"] for row in found["rows"]] == [str(i) for i in range(50)]
    assert (found["hidden"], found["figure"], found["mistakes"]) == (10, None, [])


def test_a_run_of_an_earlier_version_has_none():
    assert classes_of({}, str) is None
    assert classes_of({"confusion": None, "class_names": []}, str) is None
