"""What a page shows of ways to teach: what each loses, student by student."""

from __future__ import annotations

import re

import fake_runs
import pytest

from autodas.reports import build
from autodas.reports.figures.teachers import regret, regrets
from autodas.reports.read import read_run


def way(name, *at_first, **known):
    short = [
        {
            "arch": f"s{i}",
            "at_first": value,
            "accuracy": value,
            "calibrated_cross_entropy": None if value is None else 1.0 - value / 100,
            "fidelity": None if value is None else "1/9",
        }
        for i, value in enumerate(at_first)
    ]
    return {"name": name, "score": 0.5, "params": None, "macs": None, "short": short, **known}


WAYS = [
    way("good", 80.0, 70.0, stated=91.25, log_me=1.5, params=18900, macs=12),
    way("none", 75.5, 72.0),
    way("failed", None, 40.0),
]


def results(**changes):
    return {
        "command": "teachers",
        "space": "digits-cnn",
        "data": "digits",
        "students": ["s0", "s1"],
        "teachers": WAYS,
        "why": ["No teacher is shown to be better."],
        "seconds": 3.0,
        **changes,
    }


def test_regret_is_beside_the_best_of_each_student():
    assert regrets(WAYS) == [[0.0, 2.0], [4.5, 0.0], [None, 32.0]]


def test_the_picture_has_a_field_for_each_that_was_tried():
    drawn = regret(WAYS, "name")
    fields = re.findall(r">(\d+\.\d)</text>", drawn)
    assert sorted(fields) == ["0.0", "0.0", "2.0", "32.0", "4.5"]
    assert "good loses least on average, 1.0; the most that is lost is 32.0" in drawn
    assert regret([way("good"), way("none")], "name") is None


@pytest.mark.parametrize("tried", [True, False])
def test_the_page_tells_what_is_known_of_each(tmp_path, tried):
    ways = WAYS if tried else [{**each, "short": []} for each in WAYS]
    run = fake_runs.write_run(tmp_path, results(teachers=ways, students=["s0"] if tried else []))
    text = build(run).read_text(encoding="utf-8")
    assert "<h1>Teachers compared</h1>" in text
    assert "Choose for students of digits-cnn among good, none and failed." in text
    assert "No teacher is shown to be better." in text
    row = re.search(r'<tr><th scope="row">good</th>(.*?)</tr>', text)[1]
    assert re.findall("<td>(.*?)</td>", row)[:3] == ["0.50", "91.25", "–"]
    longest = re.findall(r'<tr><th scope="row">(?:none|failed)</th><td>1</td>(.*?)</tr>', text)
    assert longest == tried * [
        '<td>75.50</td><td>0.245</td><td class="text">1/9</td>',
        '<td>–</td><td>–</td><td class="text">not tried</td>',
    ]
    assert ("The darker, the more is lost" in text) is tried
    assert ("It is not this that decides, but the accuracy after the longest" in text) is tried


def test_a_run_of_several_steps_has_no_part_of_teachers(tmp_path):
    """Its results may say teachers of their own."""
    fake_runs.write_run(tmp_path / "search", fake_runs.contested("s"))
    whole = {"command": "run", "search": ["search"], "teachers": ["good"], "seconds": 1.0}
    assert len(read_run(fake_runs.write_run(tmp_path, whole)).parts) == 1
