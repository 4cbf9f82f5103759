"""Students that exist already go the whole way: measured, searched, labelled, trained, loaded."""

import importlib.util
from pathlib import Path

import pytest
import torch

import autodas
from autodas.core.errors import InvalidInput

needs_timm = pytest.mark.skipif(
    importlib.util.find_spec("timm") is None, reason='the extra is missing: "autodas[timm]"'
)
needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxscript")),
    reason='the extra is missing: "autodas[onnx]"',
)
DIGITS = {"data": "digits", "teacher": "digits-cnn-teacher"}
QUICK = {**DIGITS, "epochs": 1, "jobs": 1}
LIST = """
[[student]]
name = "narrow"
network = "networks_of_ones_own:small"

[[student]]
name = "wide"
network = "networks_of_ones_own:small"
arguments = { width = 6 }
"""


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """A list of two networks of one's own."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.chdir(tmp_path)
    Path("students.toml").write_text(LIST)
    return "list:students.toml"


def test_a_list_is_searched_by_trying_all_of_it(listed):
    found = autodas.search(space=listed, score="params", max_params=700, out="search", **DIGITS)
    assert [each["arch"] for each in found["students"]] == ["narrow"]
    found = autodas.search(space=listed, score="synflow", out="synflow", jobs=1, **DIGITS)
    assert {each["arch"] for each in found["students"]} == {"narrow", "wide"}
    assert found["networks_measured"] == 2
    # A list that has changed since is another search.
    Path("students.toml").write_text(LIST.replace("width = 6", "width = 5"))
    with pytest.raises(InvalidInput, match="space"):
        autodas.search(space=listed, score="params", max_params=700, out="search", **DIGITS)


def test_a_list_is_run_to_a_student_that_can_be_loaded_without_it(listed):
    done = autodas.run(space=listed, trainings=1, out="run", **QUICK)
    assert done["student"]["arch"] == "wide"  # the largest, if no proxy knows the space
    Path("students.toml").unlink()
    network = autodas.load_student("run/distill")
    assert sum(p.numel() for p in network.parameters()) == done["student"]["params"]
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_a_list_is_labelled_and_measured(listed):
    done = autodas.label(space=listed, students=2, seeds=1, vanilla=False, out="label", **QUICK)
    assert (done["students"], done["failed"]) == (2, 0)
    measured = autodas.measure(space=listed, jobs=1, **DIGITS)
    assert measured["architectures"] == 2
    assert {name for name in measured["missing"] if not name.startswith("graph_")} == {
        "attention_entropy",
        "attention_rank",
        "diversity_saliency",
    }


def test_one_network_is_named_for_training(listed):
    own = "networks_of_ones_own:small"
    done = autodas.distill_student(student=own, seeds=1, vanilla=False, out="one", **QUICK)
    assert done["space"] == own
    with pytest.raises(InvalidInput, match="--student stands in place of"):
        autodas.distill_student(student=own, arch="x", out="two", **QUICK)
    with pytest.raises(InvalidInput, match=r"--student is one network, 'list:students.toml' are 2"):
        autodas.distill_student(student=listed, out="two", **QUICK)


@needs_timm
@needs_onnx
def test_a_model_of_timm_is_trained_and_exported(tmp_path):
    import numpy as np

    done = autodas.distill_student(
        student="timm:test_resnet",
        seeds=1,
        vanilla=False,
        formats=("onnx", "torch"),
        out=tmp_path / "timm",
        **QUICK,
    )
    assert (done["space"], done["students"][0]["arch"]) == ("timm:test_resnet", "test_resnet")
    network = autodas.load_student(tmp_path / "timm")
    images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    expected = network(images)
    program = torch.export.load(tmp_path / "timm" / "student.pt2").module()
    assert torch.allclose(program(images), expected, atol=1e-5)
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(tmp_path / "timm" / "student.onnx")
    (name,) = (each.name for each in session.get_inputs())
    assert np.allclose(session.run(None, {name: images.numpy()})[0], expected.detach(), atol=1e-4)


@needs_timm
def test_models_of_timm_are_searched(tmp_path):
    found = autodas.search(
        space="timm:test_resnet,test_efficientnet", score="jacov", out=tmp_path / "s", **DIGITS
    )
    assert {each["arch"] for each in found["students"]} == {"test_resnet", "test_efficientnet"}
