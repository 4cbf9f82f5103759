"""What leaves the tool: programs that are measured, and a card that tells the truth of them."""

from __future__ import annotations

import json
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

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
CNN = '{"depth":[3,3,3],"width":[16,16,16]}'


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


def numbers_of(path):
    """Of the file's tables of numbers: how many have eight bits, and how many 32."""
    onnx = pytest.importorskip("onnx")
    found = {onnx.TensorProto.INT8: 0, onnx.TensorProto.FLOAT: 0}
    for each in onnx.load(path).graph.initializer:
        if len(each.dims) > 1 and each.data_type in found:
            found[each.data_type] += onnx.numpy_helper.to_array(each).size
    return found[onnx.TensorProto.INT8], found[onnx.TensorProto.FLOAT]


def largest_of(path):
    """The largest weight of eight bits, without its sign."""
    onnx = pytest.importorskip("onnx")
    tables = [
        onnx.numpy_helper.to_array(each).astype(int)
        for each in onnx.load(path).graph.initializer
        if each.data_type == onnx.TensorProto.INT8 and len(each.dims) > 1
    ]
    return max(abs(each).max() for each in tables)


@pytest.mark.parametrize(("space", "arch"), [("digits-cnn", CNN), ("digits-vit", VIT)])
def test_a_file_of_eight_bits_has_weights_of_eight_bits(space, arch, tmp_path):
    pytest.importorskip("onnxruntime")
    distill.run(
        distill.DistillConfig(
            out=tmp_path, space=space, arch=arch, epochs=4, seeds=1, vanilla=False, backend="serial"
        )
    )
    found = export.run(export.Config(run=tmp_path, int8=True))
    _, single, eight = found["programs"]
    small, _ = numbers_of(tmp_path / "export" / eight["file"])
    none, all_of_them = numbers_of(tmp_path / "export" / single["file"])
    assert none == 0
    assert small > 0.9 * all_of_them
    assert eight["bytes"] < 0.7 * single["bytes"]
    assert largest_of(tmp_path / "export" / eight["file"]) <= 64  # sums of more overflow on some
    assert eight["same"] > 90
    assert eight["accuracy"] > single["accuracy"] - 5
    if space == "digits-cnn":  # dynamic quantisation leaves convolutions as they are
        assert found["quantisation"] == "static"


class Transposed(nn.Module):
    """Most of its weights are in a transposed convolution, which quantisation leaves as it is."""

    def __init__(self, num_classes):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, 2, 1)
        self.wide = nn.ConvTranspose2d(8, 32, 3)
        self.head = nn.Linear(32, num_classes)

    def forward(self, x):
        return self.head(self.wide(self.stem(x).relu()).relu().mean((2, 3)))


def test_where_no_way_makes_eight_bits_that_is_said_and_no_file_is_left(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    module = ModuleType("transposed_student")
    module.Transposed = Transposed
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(Transposed, "__module__", module.__name__)
    distill.run(
        distill.DistillConfig(
            out=tmp_path, student="transposed_student:Transposed", recipe="digits-cnn-short",
            teacher="none", epochs=1, seeds=1, backend="serial",
        )
    )  # fmt: skip
    old = tmp_path / "export" / "student-int8.onnx"
    old.parent.mkdir()
    old.write_bytes(b"of another export")
    found = export.run(export.Config(run=tmp_path, int8=True))
    assert [each["file"] for each in found["programs"]] == ["student.safetensors", "student.onnx"]
    assert found["quantisation"] is None
    assert not old.exists()
    (line,) = (line for line in found["summary"] if "student-int8.onnx" in line)
    # The convolution has 72 weights, the transposed one 8 · 32 · 9 = 2304, the classifier 320.
    assert line == (
        "no student-int8.onnx: 90 % of the weights must get eight bits, static gives them to 15 %, "
        "dynamic gives them to 12 %"
    )
    assert line in (old.parent / "model-card.md").read_text()


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
