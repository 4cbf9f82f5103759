"""A teacher is asked what it knows before anybody learns from it."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from autodas.core.errors import InvalidInput
from autodas.core.progress import Silent
from autodas.data import load_data
from autodas.networks import seeded
from autodas.reports import build
from autodas.steps import run
from autodas.steps.distill import run as distill
from autodas.steps.label import run as label
from autodas.steps.search import run as search
from autodas.teachers import load_teacher, read_description, save_checkpoint
from autodas.teachers.catalog import blueprint_of
from autodas.workbench import teacher_check
from autodas.workbench.protocol import Protocol
from autodas.workbench.teacher_check import AnyTeacher, check_teacher, judged

SHIPPED = "digits-cnn-teacher"
LABELS = np.repeat(np.arange(10), 25)
CYCLE = np.roll(np.arange(10), 3)  # output k is class (k - 3) mod 10


class Heard(Silent):
    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)


def own(folder, change, name="mine", **about):
    """A checkpoint of one's own: the shipped teacher's network after ``change``."""
    network = seeded(blueprint_of(SHIPPED).build, 0)
    network.load_state_dict(load_teacher(SHIPPED).network.state_dict())
    with torch.no_grad():
        change(network)
    file = folder / f"{name}.safetensors"
    save_checkpoint(file, network, {"network": blueprint_of(SHIPPED).to_json(), **about})
    return str(file)


def turned(network):
    """Its output k stands for what its output CYCLE[k] stood for."""
    for tensor in network.classifier.parameters():
        tensor.copy_(tensor[torch.from_numpy(CYCLE)])


def blank(network):
    """All weights drawn anew."""
    fresh = seeded(blueprint_of(SHIPPED).build, 5)
    network.load_state_dict(fresh.state_dict())


def found(answers, labels=LABELS, classes=10, **more):
    return judged("t", "d", np.asarray(answers), labels, num_classes=classes, **more)


def test_a_teacher_that_knows_the_classes_is_usable():
    answers = LABELS.copy()
    answers[::10] = (answers[::10] + 1) % 10
    check = found(answers, stated=95.0)
    assert (check.accuracy, check.chance, check.images) == (90.0, 10.0, 250)
    assert check.usable
    assert check.order is None
    assert "90.0 % of 250 training images right, where chance is 10.0 %." in check.sentence


def test_a_weak_but_right_teacher_is_usable():
    rng = np.random.default_rng(0)
    guess = rng.integers(0, 10, size=250)
    answers = np.where(rng.random(250) < 0.2, LABELS, guess)
    assert found(answers).usable


@pytest.mark.parametrize("seed", range(3))
def test_one_that_guesses_is_refused_with_what_would_be_accepted(seed):
    answers = np.random.default_rng(seed).integers(0, 10, size=250)
    check = found(answers)
    assert not check.usable
    assert check.order is None
    for words in (f"{check.accuracy:.1f} %", "10.0 %", "at least 15.2 %", "--any-teacher"):
        assert words in check.complaint


def tail(least, count, chance):
    """Probability of at least ``least`` right answers by chance."""
    return sum(
        math.comb(count, k) * chance**k * (1 - chance) ** (count - k)
        for k in range(least, count + 1)
    )


@pytest.mark.parametrize(("count", "classes"), [(250, 10), (40, 2), (12, 12), (90, 3)])
def test_chance_reaches_what_is_needed_once_in_a_hundred(count, classes):
    labels = np.arange(count) % classes
    check = found(labels, labels, classes)
    needed = round(check.needed * count / 100)
    assert tail(needed, count, 1 / classes) < 0.01
    assert tail(needed - 1, count, 1 / classes) >= 0.01


def test_where_even_all_right_may_be_chance_all_right_will_do():
    labels = np.array([0, 1, 0, 1])
    assert found(labels, labels, 2).usable
    assert not found([0, 1, 0, 0], labels, 2).usable


def test_the_most_frequent_class_is_what_chance_is():
    labels = np.repeat([0, 1], [80, 20])
    check = found(np.zeros(100, dtype=int), labels, 2)
    assert (check.accuracy, check.chance) == (80.0, 80.0)
    assert not check.usable


def test_another_order_of_classes_is_told():
    check = found(CYCLE[LABELS])
    assert (check.accuracy, check.reordered) == (0.0, 100.0)
    assert not check.usable
    assert all(check.order[CYCLE[k]] == k for k in range(10))
    for words in ("another order", "100.0 %", "0 is class 3", "--any-teacher"):
        assert words in check.complaint


def test_two_exchanged_classes_are_told_though_most_is_right():
    order = np.arange(10)
    order[[3, 5]] = 5, 3
    check = found(order[LABELS])
    assert check.accuracy == 80.0
    assert not check.usable
    assert "3 is class 5, 5 is class 3;" in check.complaint


def test_a_single_class_named_for_another_is_a_mistake_and_no_order():
    answers = np.where(LABELS == 3, 5, LABELS)
    assert found(answers).usable


@pytest.mark.parametrize("seed", range(3))
def test_an_order_is_not_found_in_few_images(seed):
    labels = np.arange(64) % 32
    answers = np.random.default_rng(seed).integers(0, 32, size=64)
    assert found(answers, labels, 32).reordered < 15


def test_far_below_what_is_stated_says_that_images_may_differ():
    answers = np.where(np.arange(250) % 2, LABELS, (LABELS + 1) % 10)
    assert "normalised otherwise" in found(answers, stated=93.0).sentence
    assert "normalised otherwise" not in found(answers, stated=60.0).sentence
    assert "normalised otherwise" not in found(answers).sentence


def test_a_checkpoint_in_another_order_is_found_out(tmp_path):
    name = own(tmp_path, turned)
    with pytest.raises(InvalidInput, match="another order"):
        check_teacher(name, "digits", AnyTeacher())
    check = check_teacher(name, "digits", AnyTeacher(any_teacher=True))
    assert check.accuracy < 10
    assert check.reordered > 90
    assert check.order == tuple(CYCLE)
    assert "all the same" in check.sentence


def test_a_checkpoint_without_training_is_found_out(tmp_path):
    with pytest.raises(InvalidInput, match="not trained") as caught:
        check_teacher(own(tmp_path, blank), "digits", AnyTeacher())
    assert "another order, with which" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_network_that_is_meant_to_be_untrained_is_not_asked():
    assert check_teacher(f"untrained:{SHIPPED}", "digits", AnyTeacher()) is None
    assert check_teacher("untrained:cifar-resnet20/7", "digits", AnyTeacher()) is None


def test_only_training_images_are_asked_about(monkeypatch):
    data = load_data("digits")
    other = replace(data, test_images=data.test_images * 0, digest="tests are blank")
    monkeypatch.setattr(teacher_check, "load_data", lambda name: other)
    assert check_teacher(SHIPPED, "digits", AnyTeacher()).accuracy > 90
    other = replace(data, train_images=data.train_images * 0, digest="all is blank")
    with pytest.raises(InvalidInput):
        check_teacher(SHIPPED, "digits", AnyTeacher())


def test_it_is_asked_once_and_says_the_same(tmp_path, monkeypatch):
    heard = Heard()
    given = (SHIPPED, "digits", AnyTeacher())
    first = check_teacher(*given, cache=tmp_path, progress=heard)
    asked = []
    real = teacher_check._answers
    monkeypatch.setattr(
        teacher_check, "_answers", lambda *which: [asked.append(1), real(*which)][1]
    )
    assert check_teacher(*given, cache=tmp_path, progress=heard) == first
    assert asked == []
    assert heard.lines == [first.sentence] * 2
    (file,) = (tmp_path / "teachers").iterdir()
    file.write_bytes(file.read_bytes()[:-20])
    assert check_teacher(*given, cache=tmp_path) == first
    assert asked == [1]


CNN = '{"depth":[1,1,1],"width":[4,4,4]}'
VIT = '{"depth":1,"heads":1,"mlp_ratio":0.5,"width":12}'
STEPS = {
    "label": (label, lambda out, t: label.LabelConfig(out=out, teacher=t, students=1, seeds=1)),
    "distill": (
        distill,
        lambda out, t: distill.DistillConfig(out=out, teacher=t, arch=CNN),
    ),
    "distill, second": (
        distill,
        lambda out, t: distill.DistillConfig(out=out, more_teachers=(t,), arch=CNN),
    ),
    "search": (
        search,
        lambda out, t: search.SearchConfig(
            out=out, score="rkd", candidates=2, protocol=Protocol(teacher=t)
        ),
    ),
    "run": (run, lambda out, t: run.RunConfig(out=out, protocol=Protocol(teacher=t))),
}


@pytest.mark.parametrize("name", STEPS)
def test_every_step_that_uses_a_teacher_refuses_it_at_once(name, tmp_path):
    step, config = STEPS[name]
    with pytest.raises(InvalidInput, match="another order"):
        step.run(config(tmp_path / "out", own(tmp_path, turned)))
    assert not (tmp_path / "out").exists()


def test_a_search_by_size_asks_no_teacher(tmp_path):
    protocol = Protocol(teacher=own(tmp_path, turned))
    config = search.SearchConfig(
        out=tmp_path / "out", score="params", candidates=5, protocol=protocol
    )
    assert search.run(config)["teacher_checks"] == []


def test_it_is_used_if_told_to_and_what_it_knows_is_kept(tmp_path):
    name = own(tmp_path, turned)
    config = run.RunConfig(
        out=tmp_path / "out",
        space="digits-vit",
        score="params",
        max_params="3k",
        epochs=1,
        protocol=Protocol(teacher=name),
        any_teacher=True,
    )
    results = run.run(config)
    assert any("all the same" in line for line in results["why"])
    # Labels alone are better than such a teacher, so the search alone has asked it.
    kept = json.loads((tmp_path / "out" / "search" / "results.json").read_text())
    (check,) = kept["teacher_checks"]
    assert (check["teacher"], check["order"]) == (name, list(CYCLE))
    assert results["why"].count(check["sentence"]) == 1


def test_the_page_tells_what_the_teacher_knows(tmp_path):
    config = distill.DistillConfig(
        out=tmp_path / "out", space="digits-vit", arch=VIT, epochs=1, seeds=1
    )
    results = distill.run(config)
    sentence = results["teacher_checks"][0]["sentence"]
    assert sentence in results["summary"]
    assert sentence in build(tmp_path / "out").read_text()


def test_a_folder_is_counted_and_its_classes_go_with_the_student(tmp_path):
    rng = np.random.default_rng(0)
    for part, count in (("train", 4), ("val", 2)):
        for number, name in enumerate(("daisy", "tulip")):
            (tmp_path / "data" / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 90, (8, 8, 3)) + 150 * number
                picture = Image.fromarray(pixels.astype(np.uint8))
                picture.save(tmp_path / "data" / part / name / f"{i}.png")
    heard, data = Heard(), f"folder:{tmp_path / 'data'}"
    config = distill.DistillConfig(
        out=tmp_path / "out",
        arch=CNN,
        data=data,
        teacher="untrained:cifar-resnet20/2",
        epochs=1,
        seeds=1,
        vanilla=False,
    )
    distill.run(config, heard)
    told = "8 training and 4 test images of 2 classes, 8×8 pixels, 3 channels"
    assert heard.lines.count(f"{data}: {told}") == 1
    about = read_description(tmp_path / "out" / "student.safetensors")
    assert about["class_names"] == ["daisy", "tulip"]
