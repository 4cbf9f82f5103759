"""From data and a budget to a trained student in one command."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from autodas.cli.main import main
from autodas.core.errors import InvalidInput, UnknownName
from autodas.data import load_data
from autodas.distill import evaluate
from autodas.scores import get_score
from autodas.spaces import get_space
from autodas.steps import run
from autodas.steps.distill import run as distill
from autodas.steps.distill.verdict import gain_of, verdict_of
from autodas.steps.run import RunConfig
from autodas.steps.search import config as search_config
from autodas.steps.search import run as search
from autodas.workbench.load_student import load_student, student_file
from autodas.workbench.protocol import Protocol

NOT_COMPARED = {"with_teacher": None, "vanilla": None}
UNTRAINED = {
    **{"accuracy": 1.0, "teacher_accuracy": None, "student_path": "s"},
    "students": [{"role": "chosen", "taught": True} | NOT_COMPARED],
}


def quick(out, **options):
    given = {"space": "digits-vit", "score": "params", "max_params": "3k", "jobs": 1}
    given["trainings"] = 1
    return RunConfig(**{"out": out, **given, **options})


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    return out, run.run(quick(out, compare=True))


def test_it_ends_with_the_trained_and_exported_best_student(done):
    out, results = done
    found = json.loads((out / "search" / "results.json").read_text())
    assert results["student"] == found["students"][0] | {"taught": True}
    assert results["student"]["params"] <= 3000
    data = load_data("digits")
    student = load_student(out / results["student_path"])
    assert student_file(out) == out / results["student_path"]
    assert evaluate(student, data.test_images, data.test_labels) == results["accuracy"]
    written = json.loads((out / "results.json").read_text())
    assert written["command"] == "run"
    assert written["student"] == results["student"]


def test_it_says_why_this_one(done):
    _, results = done
    text = " ".join(results["why"])
    for words in (
        results["student"]["arch"],
        f"{results['student']['params']:,} parameters",
        "at most 3,000 parameters",
        "The score is params",
        "No student that fits is larger",
        f"{results['accuracy']:.2f} %",
        "digits-cnn-teacher",
        "the teacher reaches 96.68 %",
        "random students",
    ):
        assert words in text, words
    assert all(sentence.endswith((".", ")")) for sentence in results["why"])
    assert results["summary"][-1].startswith("exported: ")


def test_comparison_trains_others_and_is_off_by_default(done, monkeypatch, tmp_path):
    out, _ = done
    trained = json.loads((out / "distill" / "results.json").read_text())
    assert [s["role"] for s in trained["students"]] == ["chosen", "largest", "random 1"]
    asked = []

    def fake(config, progress):
        asked.append(config)
        return UNTRAINED

    monkeypatch.setattr(distill, "run", fake)
    results = run.run(quick(tmp_path / "run", seeds=2, recipe="digits-cnn-short"))
    (config,) = asked
    assert config.search is None
    assert config.arch == results["student"]["arch"]
    assert (config.seeds, config.vanilla, config.recipe) == (2, False, "digits-cnn-short")
    assert (config.space, config.data) == ("digits-vit", "digits")


def test_a_second_run_trains_nothing_again(done):
    out, before = done
    journal = (out / "distill" / "journal.jsonl").read_bytes()
    after = run.run(quick(out, compare=True, max_params=3000))
    assert (out / "distill" / "journal.jsonl").read_bytes() == journal
    assert {k: v for k, v in after.items() if k != "seconds"} == {
        k: v for k, v in before.items() if k != "seconds"
    }


def test_a_choice_other_than_the_largest_says_where_the_largest_comes(tmp_path, monkeypatch):
    monkeypatch.setattr(
        distill,
        "run",
        lambda config, progress: UNTRAINED,
    )
    results = run.run(quick(tmp_path / "run", score="neg(params)"))
    scores = json.loads((tmp_path / "run" / "search" / "results.json").read_text())["points"]
    last = 1 + sum(score > -max(scores["params"]) for score in scores["score"])
    assert results["student"]["params"] == min(scores["params"])
    assert any(
        f"comes out as number {last} of {len(scores['score'])}" in line for line in results["why"]
    )
    assert any("minus" in line for line in results["why"])
    assert any("The runner-up" in line for line in results["why"])


@pytest.mark.parametrize(
    ("given", "space", "data", "teacher"),
    [
        ({}, "digits-cnn", "digits", "digits-cnn-teacher"),
        ({"protocol": Protocol(data="digits")}, "digits-cnn", "digits", "digits-cnn-teacher"),
        ({"space": "digits-vit"}, "digits-vit", "digits", "digits-cnn-teacher"),
        (
            {"protocol": Protocol(teacher="untrained:digits-cnn-teacher")},
            "digits-cnn",
            "digits",
            "untrained:digits-cnn-teacher",
        ),
        ({"space": "resnet"}, "resnet", "cifar100-sample", "cifar100-resnet32w"),
    ],
)
def test_what_is_left_open_suits_what_is_given(given, space, data, teacher):
    found = run._settled(RunConfig(**given))
    assert (found.space, found.protocol.data, found.protocol.teacher) == (space, data, teacher)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (
            {"protocol": Protocol(teacher="untrained:digits-cnn-teacher/3")},
            InvalidInput,
            "3 classes",
        ),
        ({"recipe": "digits-cnn-shrot"}, UnknownName, "digits-cnn-short"),
        ({"epochs": 0}, InvalidInput, "epochs"),
    ],
)
def test_what_cannot_be_trained_is_not_searched_for(wrong, error, message, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "run", lambda config, progress: pytest.fail("it searched"))
    with pytest.raises(error, match=message):
        run.run(quick(tmp_path / "run", **wrong))


def test_epochs_reach_the_training(tmp_path, monkeypatch):
    asked = []

    def fake(config, progress):
        asked.append(config.epochs)
        return UNTRAINED

    monkeypatch.setattr(distill, "run", fake)
    run.run(quick(tmp_path / "run", epochs=2))
    assert asked == [2]


def test_what_finalists_may_do_reaches_the_search(tmp_path, monkeypatch):
    asked = []

    def fake(config, progress):
        asked.append((config.trainings, config.without_teacher, config.epochs))
        raise InvalidInput("seen enough")

    monkeypatch.setattr(search, "run", fake)
    with pytest.raises(InvalidInput, match="seen enough"):
        run.run(quick(tmp_path / "run", trainings="20m", without_teacher=False, epochs=2))
    assert asked == [("20.0m", False, 2)]


def test_a_sum_of_formulas_is_told_in_short():
    said = run._meaning("proxy:general")
    assert said == (
        "a weighted sum of 23 formulas, the first of which is logarithm of params "
        "(autodas explain proxy:general tells of all)"
    )
    said = run._meaning("proxy:cnn")
    assert said.startswith("a weighted sum of 16 formulas, the heaviest of which is ")
    assert len(said) < 250
    assert run._meaning("neg(params)") == "minus params"
    assert run._meaning("depth") != ""


def test_students_that_come_out_equal_are_called_so():
    def student(role):
        found = {"role": role, "accuracy": 50.0, "accuracies": [50.0], "taught": True}
        return found | {"gain": None} | NOT_COMPARED

    _, line = verdict_of("mobile", [student("chosen"), student("largest")])
    assert line == "mobile: as good as the largest that fits (50.00 %)"
    drawn = student("largest") | {"called": "the largest drawn"}
    _, line = verdict_of("mobile", [student("chosen"), drawn])
    assert line == "mobile: as good as the largest drawn (50.00 %)"


def test_a_teacher_that_does_harm_is_named_and_both_students_are_exported(tmp_path):
    results = run.run(quick(tmp_path / "run", compare=True, epochs=1))
    chosen = json.loads((tmp_path / "run" / "distill" / "results.json").read_text())["students"][0]
    assert f"labels alone it reaches {chosen['vanilla'][0]:.2f} %" in " ".join(results["why"])
    alone = load_student(tmp_path / "run" / "distill" / "without-teacher")
    data = load_data("digits")
    assert evaluate(alone, data.test_images, data.test_labels) == chosen["vanilla"][0]
    assert (
        load_student(tmp_path / "run" / "distill").state_dict().keys() == alone.state_dict().keys()
    )


@pytest.mark.parametrize(("taught", "alone", "told"), [(35.4, 45.1, True), (45.1, 35.4, False)])
def test_the_verdict_tells_when_the_teacher_makes_the_student_worse(taught, alone, told):
    gain = gain_of([taught], [alone])
    chosen = {"role": "chosen", "accuracy": taught, "taught": True, "gain": gain}
    chosen |= {"vanilla": [alone], "with_teacher": [taught]}
    lines = verdict_of("some-space", [chosen])
    assert any("worse, by 9.70 points (one seed, no interval)" in each for each in lines) is told
    gap = f"{taught - alone:+.2f} points by the teacher, one seed, no interval"
    assert gap in lines[0]


@pytest.mark.parametrize("taught", [True, False])
def test_the_verdict_says_that_both_ways_are_level_where_seeds_cannot_tell(taught):
    with_teacher, alone = ([80.0, 84.0, 82.0], [83.0, 81.0, 83.0])
    ahead, behind = (alone, with_teacher) if taught else (with_teacher, alone)
    ahead = [accuracy + 0.5 for accuracy in ahead]
    both = (behind, ahead) if taught else (ahead, behind)
    chosen = {"role": "chosen", "accuracy": 82.0, "taught": taught, "gain": gain_of(*both)}
    chosen |= {"with_teacher": both[0], "vanilla": both[1]}
    _, line = verdict_of("s", [chosen])
    way, folder = (
        ("from labels alone", "without-teacher") if taught else ("with it", "with-teacher")
    )
    assert line == (
        f"s: {way} the student is as good, as far as 3 seeds can tell, and is exported, too "
        f"(folder {folder})"
    )


def test_the_verdict_gives_every_difference_its_interval_over_seeds():
    def student(role, *accuracies):
        found = {"role": role, "accuracy": sum(accuracies) / len(accuracies), "taught": True}
        return found | {"accuracies": list(accuracies), "gain": None} | NOT_COMPARED

    # Welch's interval by hand: standard error 0.1633, four degrees of freedom, 1.0 ± 0.4534.
    # Of the random ones: variances 0.04 and 0.3092, 3.95 degrees of freedom, -0.375 ± 0.840.
    random = [student("random 1", 97.0, 97.1), student("random 2", 96.0, 96.2)]
    others = [student("largest", 95.0, 95.2, 95.4), *random]
    _, largest, drawn = verdict_of("s", [student("chosen", 96.0, 96.2, 96.4), *others])
    assert largest == (
        "s: 1.00 points above the largest that fits (95.20 %; 95 % interval +0.55 to +1.45 over "
        "3 seeds)"
    )
    assert drawn.startswith("s: 0.38 points below random students (96.58 %; 95 % interval -1.2")
    assert drawn.endswith("over 3 seeds, includes 0)")
    _, alone, _ = verdict_of("s", [student("chosen", 96.0), student("largest", 95.0), random[0]])
    assert alone == "s: 1.00 points above the largest that fits (95.00 %; one seed, no interval)"


def test_the_verdict_does_not_call_the_chosen_one_taught_another_student():
    chosen = {"role": "chosen", "arch": "a", "accuracy": 50.0, "accuracies": [50.0]}
    largest = chosen | {"role": "largest", "accuracy": 47.0, "accuracies": [47.0], "taught": True}
    chosen |= {"taught": False, "with_teacher": [47.0], "vanilla": [50.0]}
    _, line = verdict_of("s", [chosen | {"gain": gain_of([47.0], [50.0])}, largest])
    assert line == "s: the largest that fits is the same student with the teacher"
    _, line = verdict_of("s", [chosen | {"gain": None}, largest])
    assert line == (
        "s: 3.00 points above the largest that fits, the same student with the teacher (47.00 %; "
        "one seed, no interval)"
    )


@pytest.mark.parametrize("side", [65, 96, 224])
def test_students_of_large_colour_images_are_not_dear(side):
    assert run._space_for((3, 32, 32)) == run._space_for((3, 64, 64)) == "resnet"
    assert run._space_for((1, side, side)) == "digits-cnn"
    space, rng = get_space(run._space_for((3, side, 48))), np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(9)]
    costs = [space.cost(arch, input_shape=(3, side, side)).macs for arch in drawn]
    assert np.median(costs) < 3e8


def test_wrong_use_is_told_before_anything_is_done(tmp_path):
    with pytest.raises(InvalidInput, match=r"0\.5M"):
        quick(tmp_path, max_params="many")
    with pytest.raises(InvalidInput, match="seeds"):
        quick(tmp_path, seeds=0)
    with pytest.raises(UnknownName):
        run.run(RunConfig(out=tmp_path / "run", space="digit-vit"))
    with pytest.raises(InvalidInput, match="its students have 1,"):
        run.run(quick(tmp_path / "run", max_params=10))


def test_the_command_line_runs_it_and_writes_a_page(done, capfd):
    out, results = done
    arguments = ["run", "--out", str(out), "--config", str(out / "config.toml"), "--json"]
    assert main(arguments) == 0
    printed = json.loads(capfd.readouterr().out)
    assert printed["student"] == results["student"]
    page = (out / "report.html").read_text()
    assert "Why this one" in page
    for sentence in results["why"]:
        assert sentence.replace('"', "&#34;") in page


def test_without_a_score_it_says_which_one_it_took_and_why(tmp_path, monkeypatch):
    monkeypatch.setattr(
        distill,
        "run",
        lambda config, progress: UNTRAINED,
    )
    elsewhere = replace(get_score("proxy:general"), found_on=frozenset({"resnet"}))
    monkeypatch.setattr(search_config, "get_score", lambda name: elsewhere)
    results = run.run(quick(tmp_path / "run", score=None))
    assert results["score"] == "params"
    assert RunConfig().score is None
    (why,) = [line for line in results["why"] if "No score was named" in line]
    assert "proxy:general has not seen digits-vit" in why
    assert why in results["summary"]
    searched = json.loads((tmp_path / "run" / "search" / "results.json").read_text())
    assert (searched["score"], searched["why"]) == ("params", [why])
