"""A search whose finalists train for a while, and what is trained afterwards."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from autodas.core.errors import AutodasError, InvalidInput
from autodas.data import load_data
from autodas.distill import evaluate
from autodas.steps.distill import run as distill
from autodas.steps.search import run as search
from autodas.steps.search.config import SearchConfig
from autodas.steps.search.text import contest_in_words
from autodas.workbench.load_student import load_student

ASKED = SearchConfig(
    space="digits-vit", score="params", max_params="3k", trainings=2, epochs=15, jobs=1, random=0
)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    out = tmp_path_factory.mktemp("search") / "run"
    return out, search.run(replace(ASKED, out=out))


def test_the_winner_of_the_contest_is_the_chosen_student(done):
    _, results = done
    contest = results["contest"]
    winner = contest["arms"][contest["winner"]]
    assert results["chosen"]["arch"] == winner["arch"]
    assert results["chosen"]["taught"] == bool(winner["teachers"])
    assert contest["trainings"] == 2.0
    assert 0.95 <= contest["cost"] <= 1
    assert contest["arms"][0] == {
        "arch": results["students"][0]["arch"],
        "teachers": ["digits-cnn-teacher"],
        "losses": [],
    }


def test_it_is_told_why(done):
    _, results = done
    said = " ".join(results["summary"])
    assert "lowest calibrated cross-entropy on validation images" in said
    assert "The score alone would have taken" in said
    assert results["why"] == contest_in_words(results["contest"])


@pytest.fixture(scope="module")
def duelled(tmp_path_factory):
    out = tmp_path_factory.mktemp("duel") / "run"
    return out, search.run(replace(ASKED, out=out, trainings=4, epochs=9, finalists=3))


def test_from_four_trainings_on_whole_ones_decide_about_the_teacher(duelled):
    _, results = duelled
    contest = results["contest"]
    *rungs, duel = contest["rungs"]
    tried = [contest["arms"][each["arm"]] for rung in rungs for each in rung["results"]]
    assert len(tried) >= 2
    assert all(arm["teachers"] for arm in tried)
    assert [bool(contest["arms"][e["arm"]]["teachers"]) for e in duel["results"]] == [True, False]
    assert 2.85 <= contest["cost"] <= 3.08
    winner = contest["arms"][contest["winner"]]
    assert results["chosen"]["arch"] == winner["arch"]
    assert results["chosen"]["taught"] == bool(winner["teachers"])
    said = " ".join(results["why"])
    assert f"Whether {winner['arch']} needs a teacher was decided by full trainings" in said
    for each in duel["results"]:
        assert f"{each['accuracy']:.1f} % of the validation images right" in said
    assert "--trainings 4" not in said


def test_below_four_the_rungs_decide_and_say_that_they_do(done):
    _, results = done
    assert not any(rung.get("duel") for rung in results["contest"]["rungs"])
    assert {bool(arm["teachers"]) for arm in results["contest"]["arms"]} == {True, False}
    assert "decided at 1/3 of a training, which is often wrong" in " ".join(results["why"])


def test_a_single_finalist_is_tried_both_ways_from_three_trainings_on(tmp_path):
    found = search.run(replace(ASKED, out=tmp_path, trainings=3, epochs=2, finalists=1))
    (duel,) = found["contest"]["rungs"]
    assert (duel["duel"], len(duel["results"])) == (True, 2)
    assert found["contest"]["cost"] == pytest.approx(2, abs=0.1)


def test_without_the_question_there_is_no_duel(tmp_path):
    asked = replace(ASKED, out=tmp_path, trainings=4, epochs=2, without_teacher=False)
    found = search.run(replace(asked, finalists=2))
    assert not any(rung.get("duel") for rung in found["contest"]["rungs"])
    assert "needs a teacher" not in " ".join(found["why"])


def test_a_finished_search_trains_nothing_again(done, monkeypatch):
    out, results = done
    monkeypatch.setattr("autodas.workbench.contest.train_unit", None)
    again = search.run(replace(ASKED, out=out))
    assert again["contest"] == results["contest"]


def test_processes_choose_the_same(done, tmp_path):
    _, results = done
    found = search.run(replace(ASKED, out=tmp_path, jobs=2))
    for one, other in zip(found["contest"]["rungs"], results["contest"]["rungs"], strict=True):
        for mine, theirs in zip(one["results"], other["results"], strict=True):
            assert mine["cross_entropy"] == theirs["cross_entropy"]
    assert found["chosen"] == results["chosen"]


def test_by_default_the_score_alone_decides(tmp_path):
    results = search.run(SearchConfig(out=tmp_path, space="digits-vit", score="params", jobs=1))
    assert results["contest"] is None
    assert results["chosen"] == results["students"][0] | {"taught": True}
    assert results["finalists"] == []


def test_named_finalists_are_told_for_another_trainer(tmp_path):
    results = search.run(replace(ASKED, out=tmp_path, trainings=1, finalists=3))
    assert len(results["finalists"]) == 3
    assert results["finalists"][0] == results["students"][0]["arch"]
    assert results["summary"][-1] == f"finalist 3: {results['finalists'][2]}"


def test_finalists_are_first_by_the_score_and_by_size_in_turn(tmp_path):
    results = search.run(
        replace(ASKED, out=tmp_path, score="neg(params)", trainings=1, finalists=4, top=500)
    )
    smallest = [student["arch"] for student in results["students"]]
    assert results["finalists"][::2] == smallest[:2]
    assert results["finalists"][1] == results["largest"]["arch"]
    sizes = {student["arch"]: student["params"] for student in results["students"]}
    assert sizes[results["finalists"][3]] == sorted(sizes.values())[-2]


def test_no_more_finalists_are_tried_than_asked(tmp_path):
    results = search.run(replace(ASKED, out=tmp_path, finalists=1, without_teacher=False))
    assert len(results["contest"]["arms"]) == 1
    assert results["contest"]["rungs"] == []
    assert "leave none to compare" in results["why"][-1]


TWO = ("untrained:digits-cnn-teacher", "digits-cnn-teacher")


@pytest.fixture(scope="module")
def among_two(tmp_path_factory):
    out = tmp_path_factory.mktemp("two") / "run"
    asked = replace(ASKED, trainings=3, finalists=1, teachers=TWO, any_teacher=True)
    return search.run(replace(asked, out=out))


def test_several_teachers_are_arms_and_one_is_chosen(among_two):
    contest = among_two["contest"]
    assert [arm["teachers"] for arm in contest["arms"]] == [[TWO[0]], [TWO[1]], []]
    winner = contest["arms"][contest["winner"]]
    assert among_two["chosen"]["teachers"] == winner["teachers"]
    # An untrained teacher teaches nothing.
    assert winner["teachers"] != [TWO[0]]
    # Whoever asks for an untrained one knows that it is.
    assert [check["teacher"] for check in among_two["teacher_checks"]] == [TWO[1]]
    said = " ".join(among_two["why"])
    assert f"The score alone would have taken {contest['arms'][0]['arch']} with {TWO[0]}" in said


@pytest.fixture(scope="module")
def by_losses(tmp_path_factory):
    out = tmp_path_factory.mktemp("losses") / "run"
    asked = replace(ASKED, out=out, trainings=3, finalists=1, try_losses=("kd=0.9", "kd=1+at=1e5"))
    return out, search.run(asked)


def test_losses_are_arms_where_there_is_a_teacher(by_losses):
    _, found = by_losses
    contest, teacher = found["contest"], ["digits-cnn-teacher"]
    assert [(arm["teachers"], arm["losses"]) for arm in contest["arms"]] == [
        (teacher, ["kd=0.9"]), (teacher, ["kd=1", "at=1e5"]), ([], []),
    ]  # fmt: skip
    last = {each["arm"]: each for each in contest["rungs"][0]["results"]}
    assert len({each["calibrated_cross_entropy"] for each in last.values()}) == 3
    winner = contest["arms"][contest["winner"]]
    assert found["chosen"]["losses"] == winner["losses"]
    # So much weight on maps of attention leaves nothing for the labels.
    assert winner["losses"] != ["kd=1", "at=1e5"]
    assert "with the teacher by kd=0.9" in " ".join(found["summary"])


def test_a_student_is_trained_by_the_losses_that_won(by_losses, tmp_path, monkeypatch):
    out, found = by_losses
    trained = []

    def noted(unit):
        trained.append(unit.setup)
        return {"accuracy": 50.0, "seconds": 0.0, "history": [], "quality": {}}

    monkeypatch.setattr("autodas.steps.distill.run.train_unit", noted)
    asked = distill.Config(out=tmp_path, search=out, epochs=1, seeds=1, backend="serial")
    distill.run(asked)
    wanted = found["chosen"]["losses"] or ["kd=0.9"]
    assert {f"{n}={w:g}" for s in trained for n, w in s.recipe.terms.items()} == {*wanted}


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        (("kd=0.9", "xx=1"), "xx"),
        (("kd=0.9", "kd=0.9"), "must differ"),
        (("kd",), "NAME=WEIGHT"),
    ],
)
def test_losses_that_cannot_be_tried_are_refused(losses, said, tmp_path):
    with pytest.raises(AutodasError, match=said):
        search.run(replace(ASKED, out=tmp_path, try_losses=losses))
    with pytest.raises(InvalidInput, match="give --trainings 2 or more"):
        search.run(replace(ASKED, out=tmp_path, trainings=1, try_losses=("kd=1", "dkd=1")))


def test_none_is_tried_once_and_only_if_wanted(tmp_path):
    asked = replace(ASKED, out=tmp_path, finalists=1, teachers=(TWO[1], "none"))
    found = search.run(replace(asked, without_teacher=False))
    assert [arm["teachers"] for arm in found["contest"]["arms"]] == [[TWO[1]], []]


def test_a_score_alone_cannot_choose_a_teacher(tmp_path):
    with pytest.raises(InvalidInput, match="choose among 2 teachers: give --trainings 2 or more"):
        search.run(replace(ASKED, out=tmp_path, trainings=1, teachers=TWO))


def test_statistics_look_at_the_first_teacher(tmp_path):
    asked = replace(ASKED, score="diswot", candidates=6, max_params="70k")
    asked = replace(asked, teachers=(TWO[1], "none"))
    first = search.run(replace(asked, out=tmp_path / "a", trainings=2, finalists=1))
    protocol = replace(asked.protocol, teacher=TWO[1])
    other = replace(asked, teachers=(), protocol=protocol, trainings=1)
    other = search.run(replace(other, out=tmp_path / "b"))
    assert [each["score"] for each in first["students"]] == [
        each["score"] for each in other["students"]
    ]


@pytest.mark.parametrize("options", [{"trainings": 0.5}, {"trainings": "x"}, {"finalists": 0}])
def test_what_cannot_be_done_is_refused(options):
    with pytest.raises(InvalidInput):
        replace(ASKED, **options)


def test_a_student_that_learns_better_from_labels_alone_is_trained_so(done, tmp_path):
    out, _ = done
    found = json.loads((out / "results.json").read_text())
    untaught = tmp_path / "search"
    untaught.mkdir()
    chosen = found["chosen"] | {"taught": False}
    (untaught / "results.json").write_text(json.dumps(found | {"chosen": chosen}))
    asked = distill.Config(out=tmp_path / "out", search=untaught, epochs=1, seeds=1, jobs=1)
    results = distill.run(asked)
    student = results["students"][0]
    assert (student["taught"], student["accuracies"]) == (False, student["vanilla"])
    assert student["gain"]["mean"] == student["with_teacher"][0] - student["vanilla"][0]
    data = load_data("digits")
    for folder, accuracy in ((".", student["vanilla"]), ("with-teacher", student["with_teacher"])):
        network = load_student(tmp_path / "out" / folder)
        assert evaluate(network, data.test_images, data.test_labels) == accuracy[0]


def test_without_any_teacher_there_is_nothing_to_compare(done, tmp_path):
    _, results = done
    arch = results["chosen"]["arch"]
    asked = distill.Config(
        out=tmp_path, space="digits-vit", arch=arch, teacher="none", epochs=1, seeds=1, jobs=1
    )
    found = distill.run(asked)
    (student,) = found["students"]
    assert (found["teacher_accuracy"], student["gain"], student["with_teacher"]) == (None,) * 3
    assert found["verdict"][0].endswith("from labels alone")


@pytest.mark.parametrize("again", [False, True])
def test_what_the_score_alone_would_have_lost_is_said_to_have_no_interval(again):
    arms = [{"arch": name, "teachers": ["t"], "losses": []} for name in ("first", "other")]
    results = [
        {"arm": arm, "accuracy": accuracy, "calibrated_cross_entropy": 1.0 - arm}
        for arm, accuracy in enumerate((60.0, 62.5))
    ]
    rung = {"fidelity": "1/3", "results": results, "promoted": [1, 0], "cost": 0.5, "again": again}
    contest = {"arms": arms, "rungs": [rung], "first": 0, "winner": 1, "doubts": []}
    seeds = "mean of two seeds" if again else "one seed"
    told = f"it has 2.5 points fewer of the validation images right ({seeds}, no interval)."
    assert any(told in line for line in contest_in_words(contest))
