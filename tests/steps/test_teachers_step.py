"""The choice among teachers: what is known of them, and the contest of short distillations."""

import itertools
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from autodas.cli.main import main
from autodas.core.errors import InvalidInput
from autodas.data import load_data
from autodas.data.validation import for_choosing
from autodas.distill import RECIPES, get_recipe
from autodas.steps.teachers import TeachersConfig, _sentences, run
from autodas.steps.train_teacher import TrainTeacherConfig
from autodas.steps.train_teacher import run as train_teacher
from autodas.teachers import load_teacher
from autodas.workbench.arms import Ladder
from autodas.workbench.chances import Luck
from autodas.workbench.teacher_contest import Placing, placings, plan_for_all
from autodas.workbench.teacher_facts import facts_of, non_target_entropy

SHIPPED = "digits-cnn-teacher"
SHORT = replace(get_recipe("digits-vit-short"), name="shorter", epochs=16)


@pytest.fixture(autouse=True)
def shorter():
    RECIPES.add("shorter", SHORT)
    yield
    RECIPES.remove("shorter")


@pytest.fixture(scope="module")
def weak(tmp_path_factory):
    """A teacher that was stopped early."""
    out = tmp_path_factory.mktemp("teachers") / "weak.safetensors"
    train_teacher(TrainTeacherConfig(out=out, depths=(1, 1, 1), widths=(4, 8, 16), epochs=8))
    return str(out)


@pytest.fixture(scope="module")
def asked(weak):
    return TeachersConfig(
        space="digits-vit", candidates=(weak, SHIPPED, f"{SHIPPED}+{weak}", "none"),
        recipe="shorter", backend="serial",
    )  # fmt: skip


@pytest.fixture(scope="module")
def tried(asked, tmp_path_factory):
    RECIPES.add("shorter", SHORT)
    try:
        out = tmp_path_factory.mktemp("run") / "a"
        return run(replace(asked, trainings=3, students=2, out=out)), out
    finally:
        RECIPES.remove("shorter")


def test_the_entropy_of_wrong_classes_is_that_of_a_hand_computation():
    logits = torch.tensor([[9.0, 2.0, 2.0, 2.0], [4.0, 0.0, 0.0, -1000.0]])
    labels = torch.tensor([0, 0])
    expected = (math.log(3) + math.log(2)) / 2
    assert non_target_entropy(logits, labels, 2.0) == pytest.approx(expected)
    # The target's own probability is not in it, and heat makes the others alike.
    assert non_target_entropy(logits + 5 * torch.eye(4)[labels], labels, 2.0) == pytest.approx(
        expected
    )
    sharp = torch.tensor([[0.0, 3.0, 0.0, 0.0]])
    cold, hot = (non_target_entropy(sharp, labels[:1], t) for t in (0.5, 50.0))
    assert cold < 0.1 < math.log(3) - 0.01 < hot


def test_what_is_known_of_a_teacher_is_measured_on_the_validation_part(weak):
    part = for_choosing(load_data("digits"))
    facts = facts_of((weak,), "digits", 2.0)
    with torch.inference_mode():
        logits = load_teacher(weak).network(part.test_images)
    right = (logits.argmax(dim=1) == part.test_labels).double().mean()
    assert (facts.images, facts.accuracy) == (40, pytest.approx(100 * float(right)))
    assert facts.stated == load_teacher(weak).accuracy
    assert facts.params == sum(p.numel() for p in load_teacher(weak).network.parameters())
    both = facts_of((SHIPPED, weak), "digits", 2.0)
    alone = facts_of((SHIPPED,), "digits", 2.0)
    assert (both.params, both.macs) == (alone.params + facts.params, alone.macs + facts.macs)
    assert both.stated is None


def test_without_trainings_they_rank_by_what_is_stated_for_them(asked, weak, tmp_path):
    found = run(replace(asked, out=tmp_path))
    assert [each["name"] for each in found["teachers"]] == [
        SHIPPED,
        f"{SHIPPED}+weak",
        "weak",
        "none",
    ]
    first, both, last, none = found["teachers"]
    assert first["score"] == load_teacher(SHIPPED).accuracy
    assert both["score"] == pytest.approx((first["score"] + last["score"]) / 2)
    assert (none["score"], none["accuracy"], none["teacher"]) == (None, None, "none")
    assert found["cost"] == 0
    assert "Nothing was distilled" in found["why"][0]
    assert len(found["teacher_checks"]) == 2


def test_short_distillations_of_every_student_decide(tried, asked):
    found, _ = tried
    assert len(found["students"]) == 2
    assert 0 < found["cost"] <= 2 * 1.02
    for each in found["teachers"]:
        assert [short["arch"] for short in each["short"]] == found["students"]
        beaten = [(4 - short["place"]) / 3 for short in each["short"]]
        assert each["score"] == pytest.approx(np.mean(beaten))
    scores = [each["score"] for each in found["teachers"]]
    assert scores == sorted(scores, reverse=True)
    for number in range(2):
        places = [each["short"][number]["place"] for each in found["teachers"]]
        tried_ones = [s for s in places if s < 4]
        assert len(set(tried_ones)) == len(tried_ones) >= 2
    assert len(found["why"]) == 3
    best = found["teachers"][0]
    first = sum(short["place"] == 1 for short in best["short"])
    alone = best["name"] == "none"
    who = "Learning from labels alone" if alone else f"The teacher {best['name']}"
    assert found["why"][0].startswith(f"{who} comes first: by the accuracy of 2 students on")
    assert found["why"][0].endswith(f"all of them for {first}.")
    assert "than the most accurate one" in found["why"][1]


def test_what_decides_is_told_of_every_short_training(tried):
    found, _ = tried
    for number in range(2):
        shorts = [each["short"][number] for each in found["teachers"]]
        last = [s for s in shorts if s["fidelity"] == "1/3"]
        best = sorted(last, key=lambda s: (-s["accuracy"], s["calibrated_cross_entropy"]))
        assert best == sorted(last, key=lambda each: each["place"])


def test_a_finished_choice_trains_nothing_again(tried, asked, monkeypatch):
    found, out = tried
    monkeypatch.setattr("autodas.workbench.contest.train_unit", None)
    again = run(replace(asked, trainings=3, students=2, out=out))
    assert again["teachers"] == found["teachers"]


def test_students_that_are_named_are_those_that_are_tried(asked, tmp_path):
    arch = '{"width":12,"depth":1,"heads":1,"mlp_ratio":0.5}'
    found = run(replace(asked, candidates=(SHIPPED, "none"), arch=(arch,), trainings=2,
                        out=tmp_path))  # fmt: skip
    assert found["students"] == ['{"depth":1,"heads":1,"mlp_ratio":0.5,"width":12}']


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"candidates": ()}, "name the teachers to choose among: --candidates"),
        ({"candidates": ("none",)}, "there is no teacher among the candidates: name one beside"),
        (
            {"candidates": (SHIPPED, f"untrained:{SHIPPED}", f"untrained:{SHIPPED}/10")},
            "one network",
        ),
        (
            {
                "arch": (
                    '{"depth":1,"heads":1,"mlp_ratio":0.5,"width":12}',
                    '{"width":12, "depth":1,"heads":1,"mlp_ratio":0.5}',
                )
            },
            "names one student twice",
        ),
        ({"candidates": ("none", "none")}, "two of the teachers are called 'none'"),
        ({"candidates": ("untrained:digits-cnn-teacher/3",)}, "knows 3 classes"),
        ({"candidates": ("fashion-cnn-teacher",)}, "with --any-teacher"),
        ({"arch": ("7-7",)}, "space 'digits-vit'"),
        ({"trainings": 1.02}, "cannot pay for all 4 candidates; give more --trainings"),
    ],
)
def test_what_cannot_be_chosen_among_is_refused(asked, tmp_path, change, message):
    with pytest.raises(InvalidInput, match=message) as why:
        run(replace(asked, out=tmp_path / "run", **change))
    assert "\n" not in str(why.value)


def test_no_students_are_refused():
    with pytest.raises(InvalidInput, match="students must be at least 1, got 0"):
        TeachersConfig(students=0)


def test_who_has_come_further_is_placed_before_who_has_not():
    """Two rungs and a second seed; of six ways one is never tried and one fails."""
    ways = [("t0",), ("t1",), ("t2",), (), ("t4",), ("t5",)]

    def rung(fidelity, measured, **more):
        results = [
            {"arm": arm, "accuracy": accuracy, "calibrated_cross_entropy": loss}
            for arm, (accuracy, loss) in measured.items()
        ]
        return {"fidelity": fidelity, "results": results, **more}

    contest = {
        "arms": [{"arch": "a", "teachers": list(way)} for way in ways[:5]],
        "rungs": [
            # Of those that stay behind, two are as accurate.
            rung("1/9", {0: (50, 2.0), 1: (58, 1.4), 2: (50, 1.8), 3: (62, 2.2), 4: (None, None)}),
            rung("1/3", {1: (70, 0.7), 3: (72, 0.6)}),
            rung("1/3", {3: (69, 0.5), 1: (71, 0.65)}, again=True),
        ],
    }
    wrong = {("t1",): [[0, 1], [0, 0]], (): [[0, 1], [1, 0]]}
    found = placings(contest, ways, wrong, Luck(0.1, 2))
    assert {way: each.place for way, each in found.items()} == {
        ("t1",): 1, (): 2, ("t2",): 3, ("t0",): 4, ("t4",): 6, ("t5",): 6,
    }  # fmt: skip
    assert found["t1",].beaten == 1.0
    told = [(found[way].fidelity, found[way].accuracy) for way in ((), ("t2",), ("t5",))]
    assert told == [("1/3", 69), ("1/9", 50), (None, None)]
    assert [found[way].at_first for way in ((), ("t2",), ("t5",))] == [62, 50, None]
    assert [found[way].beaten for way in ((), ("t5",))] == [pytest.approx(0.8), 0.0]
    assert (found["t1",].wrong, found["t2",].wrong) == ([[0, 1], [0, 0]], ())


def test_a_chance_is_told_where_both_got_to_the_last_rung():
    rng = np.random.default_rng(0)
    good = Placing(1, 1.0, "1/3", 90.0, [rng.normal(1, 0.1, 200)])
    bad = Placing(2, 0.5, "1/3", 60.0, [rng.normal(2, 0.1, 200)])
    lower = Placing(3, 0.0, "1/9", 90.0)
    assert good.chance_over(bad) > 0.999
    assert bad.chance_over(good) < 0.001
    for one, other in itertools.permutations((good, lower), 2):
        assert one.chance_over(other) is None
    lucky = Placing(1, 1.0, "1/3", 90.0, good.wrong, Luck(1.0, 1))
    assert 0.5 < lucky.chance_over(bad) < 0.9


PRICES = {
    Fraction(1, 27): Fraction(1, 25),
    Fraction(1, 9): Fraction(1, 9),
    Fraction(1, 3): Fraction(1, 3),
}


@pytest.mark.parametrize(
    ("trainings", "arms", "rungs", "again"),
    [
        (3, 13, [("1/9", 13)], 3),  # 1.44, and 0.33 for the best three once more
        (3, 5, [("1/3", 5)], 0),
        (3, 4, [("1/3", 4)], 2),
        (4, 13, [("1/9", 13), ("1/3", 4)], 0),
        (5, 13, [("1/9", 13), ("1/3", 5)], 2),
        (3, 40, [("1/27", 40), ("1/9", 4)], 0),
        (2, 30, [], 0),
        (1, 2, [], 0),
    ],
)
def test_every_way_is_tried_for_as_long_as_can_be_paid(trainings, arms, rungs, again):
    plan = plan_for_all(Ladder(PRICES, Fraction(1, 3)), Fraction(trainings), arms)
    assert [(str(rung.fidelity), rung.arms) for rung in plan.bracket.rungs] == rungs
    assert plan.again == again
    assert plan.cost <= trainings * Fraction(102, 100) - 1 or not rungs


def test_people_are_shown_a_table(capfd, tmp_path, weak):
    words = ["teachers", "--space", "digits-vit", "--out", str(tmp_path / "run")]
    assert main([*words, "--candidates", SHIPPED, weak, "none"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["teacher", "score", "stated", "accuracy"]
    assert [line.split()[0] for line in lines[1:4]] == [SHIPPED, "weak", "none"]
    assert lines[1].split()[2] == "96.68"


@pytest.mark.parametrize(
    ("taught", "untaught", "said"),
    [
        (1.0, 2.0, "Distilling is shown to help at 1/3 of a training"),
        (2.0, 1.0, "Distilling is shown to do harm at 1/3 of a training"),
        (1.0, 1.0, "That distilling helps is not shown, nor that it does harm."),
    ],
)
def test_whether_distilling_helps_is_said_of_the_length_that_was_tried(taught, untaught, said):
    rng = np.random.default_rng(0)
    losses = {("t",): taught, (): untaught}
    found = {
        "a": {
            way: Placing(1, 1.0, "1/3", 50.0, [loss + 0.1 * rng.normal(size=100)])
            for way, loss in losses.items()
        }
    }
    short = [{"place": 1, "accuracy": 55.0}]
    teachers = [{"name": "t", "stated": 90.0, "accuracy": 90.0, "short": short}]
    lines = list(_sentences(teachers, {"t": ("t",), "none": ()}, found))
    assert lines[0] == (
        "The teacher t comes first: after the longest short training no other student has more "
        "validation images right than its 55.0 %."
    )
    assert lines[-1].startswith(said)
    assert lines[-1].endswith("Longer trainings may turn that round.") == (taught != untaught)
