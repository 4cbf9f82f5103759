"""Choosing teachers on tables of pairs: who chooses whom, and what that loses."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from autodas.core.rng import derive
from autodas.tables.pairs import PairRung, PairTable
from benchmarks import teachers, teachers_page, teachers_published, teachers_regret

SPACE = "digits-vit"
STUDENTS = tuple(
    f'{{"depth":{depth},"heads":1,"mlp_ratio":1.0,"width":12}}' for depth in (1, 2, 3, 4)
)
WAYS = ("good", "famous", "both", "none")
MEMBERS = {"good": [90.0], "famous": [95.0], "both": [90.0, 95.0], "none": []}
SIZES = {"good": 3000, "famous": 10**6, "both": 10**6 + 3000, "none": None}
ECE = {"good": 1.0, "famous": 9.0, "both": 4.0, "none": None}
MEANS = np.array([80.0, 60.0, 75.0, 70.0])


def _known(name: str) -> dict[str, float]:
    return {
        "params": SIZES[name],
        "ece": ECE[name],
        "entropy": ECE[name] / 10,
        "calibrated_cross_entropy": ECE[name] / 20,
        "margin": 1 - ECE[name] / 10,
    }


def made_up(noise: float = 0.0) -> teachers.Pairs:
    """Four students; the most accurate teacher is the worst, and short trainings know it."""
    facts = {
        name: {"name": name, "members": [{"name": "gone", "accuracy": a} for a in MEMBERS[name]]}
        | ({"facts": _known(name)} if MEMBERS[name] else {})
        for name in WAYS
    }
    accuracy = np.tile(MEANS[:, None], (len(STUDENTS), 1, 2)) + np.arange(4)[:, None, None]
    rng = np.random.default_rng(0)
    rungs = []
    for number, cost in ((9, Fraction(1, 9)), (3, Fraction(1, 3))):
        seen = accuracy - 100 / number + rng.normal(0, 1 + noise, accuracy.shape)
        loss = (100 - accuracy) / 50
        # By plain cross-entropy the worst comes first, since it makes nobody too sure.
        sure = np.where(np.array(WAYS)[None, :, None] == "famous", 0.1, loss)
        rungs.append(PairRung(Fraction(1, number), cost, seen, sure, *[loss] * 4))
    recipe = {"epochs": 30, "batch_size": 50, "temperature": 4.0}
    meta = {"space": SPACE, "dataset": "digits", "recipe": recipe}
    table = PairTable("made-up", STUDENTS, WAYS, accuracy, (0, 1), facts, tuple(rungs), meta)
    return teachers.Pairs(table)


@pytest.mark.parametrize(
    ("rule", "chosen"),
    [
        ("most accurate", "famous"),
        ("least accurate", "good"),
        ("largest", "both"),
        ("best calibrated", "good"),
        ("largest margin", "good"),
        ("none", "none"),
        ("the same for all", "good"),
    ],
)
def test_a_rule_takes_one_for_all(rule, chosen):
    pairs = made_up()
    found = teachers.RULES[rule](pairs)
    assert [WAYS[i] for i in found] == [chosen] * 4
    expected = MEANS.max() - MEANS[WAYS.index(chosen)]
    np.testing.assert_allclose(teachers_regret.lost(pairs.table.accuracy, found), expected)


def test_a_rule_whose_teachers_are_not_here_is_left_out():
    """The table says nothing of features, and nobody has the teacher."""
    usable = teachers.usable_rules([made_up()])
    assert "largest margin" in usable
    left = [name for name in teachers.RULES if name not in usable]
    assert left == ["highest LogME", "highest H-score", "highest NCTI"]


def test_what_a_table_does_not_say_is_measured(monkeypatch):
    asked = []

    class Facts:
        def to_json(self):
            return {"log_me": float(len(asked))}

    monkeypatch.setattr(teachers, "facts_of", lambda *given: asked.append(given) or Facts())
    pairs = made_up()
    found = pairs.fact("log_me")
    assert asked == [(("gone",), "digits", 4.0)] * 2 + [(("gone", "gone"), "digits", 4.0)]
    assert found.tolist()[:3] == [1.0, 2.0, 3.0]
    assert np.isnan(found[3])


def test_the_nearest_larger_teacher_depends_on_the_student():
    pairs = made_up()
    smaller = pairs.params < SIZES["good"]
    assert smaller.any()
    assert not smaller.all()
    found = [WAYS[i] for i in teachers.nearest_larger(pairs)]
    assert found == ["good" if small else "famous" for small in smaller]


@pytest.mark.parametrize(
    ("decider", "everyone", "chosen"),
    [
        ("calibrated cross-entropy", True, "good"),
        ("calibrated cross-entropy", False, "both"),  # three are tried, and train twice
        ("cross-entropy", True, "famous"),
        ("accuracy", True, "good"),
    ],
)
def test_a_contest_goes_by_what_decides(decider, everyone, chosen):
    decide = teachers.DECIDERS[decider]
    found = teachers.contest(made_up(), 1, decide, derive(0, "test"), everyone=everyone)
    assert WAYS[found] == chosen


@pytest.mark.parametrize(("lead", "chosen"), [(2.0, "good"), (3.0, "famous")])
def test_a_winner_may_have_to_be_clearly_ahead_of_the_most_accurate(lead, chosen):
    """It is by 0.4 nats, and 40 images say so: by 2.5 over their square root."""
    decide = teachers.DECIDERS["calibrated cross-entropy"]
    found = teachers.contest(made_up(), 1, decide, derive(0, "test"), lead=lead)
    assert WAYS[found] == chosen


def test_of_equal_accuracy_the_lower_loss_decides():
    seen = {"accuracy": 50.0, "cross_entropy": 1.0, "calibrated_cross_entropy": 1.0, "brier": 0.5}
    for name in ("accuracy, then cross-entropy", "accuracy, then calibrated"):
        decide = teachers.DECIDERS[name]
        lower = seen | dict.fromkeys(("cross_entropy", "calibrated_cross_entropy"), 0.9)
        assert decide(lower) > decide(seen)
        # One more image of ten thousand counts more than any loss.
        assert decide(seen | {"accuracy": 50.01}) > decide(seen | {"cross_entropy": 0.0})


def test_none_is_asked_first_and_then_the_accurate():
    assert [WAYS[i] for i in teachers.in_order(made_up())] == ["none", "famous", "both", "good"]


def test_without_some_ways_everything_is_of_the_others():
    pairs = made_up()
    fewer = teachers.leaving_out(pairs, ["famous", "nobody"])
    assert fewer.table.teachers == ("good", "both", "none")
    np.testing.assert_array_equal(fewer.mean, pairs.mean[:, [0, 2, 3]])
    third = Fraction(1, 3)
    np.testing.assert_array_equal(
        fewer.rung("accuracy", third), pairs.rung("accuracy", third)[:, [0, 2, 3]]
    )
    chosen = teachers.RULES["most accurate"](fewer)
    assert fewer.table.teachers[chosen[0]] == "both"


def test_sums_of_squares_are_divided():
    pairs = made_up()
    found = teachers.shares(pairs)
    ways, students = 4 * ((MEANS - MEANS.mean()) ** 2).sum(), 4 * 5.0  # of 0, 1, 2, 3
    assert found["ways"] == pytest.approx(100 * ways / (ways + students))
    assert found["students"] == pytest.approx(100 * students / (ways + students))
    assert found["rest"] == pytest.approx(0.0, abs=1e-9)


def test_the_page_holds_what_was_found(tmp_path, monkeypatch):
    monkeypatch.setattr(teachers, "PAGE", tmp_path / "teachers.md")
    monkeypatch.setattr(teachers, "load_table", lambda name: name)
    monkeypatch.setattr(teachers, "pairs_of", lambda name: made_up().table)
    page = f"before\n{teachers_page.BEGIN}\nold\n{teachers_page.END}\nafter\n"
    (tmp_path / "teachers.md").write_text(page)
    found = teachers.main(["made-up"], draws=2)
    text = (tmp_path / "teachers.md").read_text()
    assert "| most accurate | 20.00 (20.00 to 20.00) | 20.00 (20.00 to 20.00) |" in text
    assert found["more than the most accurate"]["none"][0] == -10.0
    assert found["regret"]["random"]["all"][0] == 80 - MEANS.mean()
    assert "On digits the contest by accuracy, then calibrated, loses 0.00 of the most" in text
    assert "20.00 points, 0 % (0 to 0 %)" in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text


def test_published_comparisons_are_counted_within_one_matrix(monkeypatch):
    facts = {"a": {"accuracy": 80.0}, "b": {"accuracy": 70.0}, "c": {"accuracy": None}}
    values = np.array([[50.0, 52.0, 99.0, 1.0], [60.0, 59.0, np.nan, 1.0], [60.0, np.nan, 9.0, 1]])
    table = PairTable("m", ("x", "y", "z"), ("a", "b", "c", "none"), values[..., None], (0,), facts)
    monkeypatch.setattr(teachers_published, "published_pairs", lambda: [table, table])
    found = teachers_published.published()
    assert found["comparisons"] == 4
    assert found["the more accurate teacher is better"] == 2
    assert found["regret of the more accurate"] == pytest.approx(1.0)
    assert found["regret of either at random"] == pytest.approx(0.75)
