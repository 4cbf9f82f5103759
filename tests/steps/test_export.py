"""What leaves the tool: programs that are measured, and a card that tells the truth of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.seals import sealed
from autodas.data import load_data
from autodas.distill.confusion import Confusion, share_interval
from autodas.steps.distill import run as distill
from autodas.steps.export import run as export
from autodas.teachers import load_teacher, read_description
from autodas.workbench.load_student import load_student

TEACHER = "digits-cnn-teacher"
VIT = '{"depth":1,"heads":2,"mlp_ratio":2.0,"width":24}'


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    out = tmp_path_factory.mktemp("student")
    config = distill.DistillConfig(
        out=out, space="digits-vit", arch=VIT, epochs=4, seeds=1, vanilla=False, backend="serial"
    )
    return out, distill.run(config)


def test_confusion_counts_by_hand():
    guesses, labels = torch.tensor([0, 1, 1, 2, 0, 0]), torch.tensor([0, 0, 1, 1, 1, 0])
    found = Confusion.of(torch.eye(4)[guesses], labels)
    assert found.accuracy == 50.0
    assert found.to_json() == {
        "classes": [[2, 3], [1, 3], [0, 0], [0, 0]],
        "mistaken": [[0, 1, 1], [1, 0, 1], [1, 2, 1]],
    }


def test_an_interval_is_that_of_the_formula():
    hits, total, z = 45, 50, 1.959963984540054
    share = hits / total
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * (share * (1 - share) / total + z**2 / (4 * total**2)) ** 0.5
    assert share_interval(hits, total) == pytest.approx(
        (100 * (middle - half), 100 * (middle + half))
    )


def test_torch_needs_no_extra_and_the_card_says_where_it_is_from(student, tmp_path):
    folder, distilled = student
    found = export.run(
        export.Config(run=folder, out=tmp_path, formats=("torch",), data_license="CC0-1.0")
    )
    weights, program = found["programs"]
    assert weights["accuracy"] == pytest.approx(distilled["accuracy"])
    assert weights["low"] < weights["accuracy"] < weights["high"]
    assert distilled["confusion"] == found["confusion"]
    assert sum(right for right, _ in found["confusion"]["classes"]) == round(
        weights["accuracy"] / 100 * 1597
    )
    assert program["file"] == "student.pt2"
    assert program["accuracy"] is None
    card = (tmp_path / "model-card.md").read_text()
    about = json.loads((tmp_path / "student.json").read_text())
    assert f"{weights['accuracy']:.2f} %" in card
    assert about["accuracy_interval"] == [weights["low"], weights["high"]]
    assert about["test_images"] == 1597
    assert about["teachers"] == {TEACHER: load_teacher(TEACHER).digest}
    assert about["teachers"][TEACHER] in card
    assert about["data_digest"] in card
    assert "licence: CC0-1.0" in card
    assert "licence: not stated" in card
    assert load_student(tmp_path)(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_other_images_are_refused_unless_named(student, tmp_path):
    about = json.loads((student[0] / "student.json").read_text())
    for file in ("student.safetensors", "student.json"):
        (tmp_path / file).write_bytes((student[0] / file).read_bytes())
    changed = json.dumps(sealed(about | {"data_digest": "0" * 64}))
    (tmp_path / "student.json").write_text(changed)
    with pytest.raises(InvalidInput, match="have changed since the training"):
        export.run(export.Config(run=tmp_path, formats=("torch",)))
    with pytest.raises(InvalidInput, match=r"--data fashion-mnist@12/100: 10 classes of \(1, 12"):
        export.run(export.Config(run=student[0], data="fashion-mnist@12/100", formats=("torch",)))


@pytest.mark.parametrize("name", ["nowhere", "nowhere.safetensors", "empty"])
def test_where_no_student_is_that_is_said(name, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileProblem, match=rf"{name}: no student there: name a run directory"):
        export.run(export.Config(run=tmp_path / name))


def test_onnx_in_all_precisions_is_run_and_named(student, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    found = export.run(
        export.Config(run=student[0], out=tmp_path, formats=("onnx",), fp16=True, int8=True)
    )
    _, *programs = found["programs"]
    assert [each["file"] for each in programs] == [
        "student.onnx", "student-fp16.onnx", "student-int8.onnx",
    ]  # fmt: skip
    single, half, eight = programs
    assert single["same"] > 99.9
    assert half["same"] > 99
    assert eight["same"] > 90
    assert eight["bytes"] < half["bytes"] < single["bytes"]
    assert found["quantisation"] in ("static", "dynamic")
    about = read_description(tmp_path / "student.safetensors")
    for each in programs:
        path = tmp_path / each["file"]
        assert each["bytes"] == path.stat().st_size
        assert each["latency"]["median"] > 0
        said = {one.key: json.loads(one.value) for one in onnx.load(path).metadata_props}
        assert said == about
        assert b"site-packages" not in path.read_bytes()
        # The accuracy is that of the file, seen by its own runtime.
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        data = load_data("digits")
        # In as large batches: dynamic quantisation finds its ranges in each.
        logits = [
            session.run(["logits"], {"images": some.numpy()})[0]
            for part in data.test_images.split(256)
            for some in part.split(64)
        ]
        right = 100 * np.mean(np.concatenate(logits).argmax(1) == data.test_labels.numpy())
        assert each["accuracy"] == pytest.approx(right)
