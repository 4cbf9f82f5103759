"""The exported student says the same as the one that was trained."""

import json
import sys
import warnings

import pytest
import torch

from autodas.core.errors import MissingData
from autodas.distill import export_onnx, export_program
from autodas.networks import ResNet, VisionTransformer, seeded


def cnn():
    return seeded(lambda: ResNet((1, 1), (4, 8), channels=1), 0)


def vit():
    options = {"patch": 2, "init": "fan-in", "input_shape": (1, 8, 8), "num_classes": 10}
    return seeded(lambda: VisionTransformer(12, (2,), (1.0,), **options), 0)


IMAGES = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("make", [pytest.param(cnn, marks=pytest.mark.slow), vit])
def test_torch_export(tmp_path, make):
    network = make()
    path = export_program(network, IMAGES[:2], tmp_path / "student.pt2")
    program = torch.export.load(path).module()
    for count in (1, 5):
        with torch.no_grad():
            expected = network(IMAGES[:count])
        assert torch.allclose(program(IMAGES[:count]), expected, atol=1e-4)
    assert [p.name for p in tmp_path.iterdir()] == ["student.pt2"]


@pytest.mark.slow
def test_exports_warn_of_nothing(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    network = vit()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        export_onnx(network, IMAGES[:2], tmp_path / "student.onnx")
        export_program(network, IMAGES[:2], tmp_path / "student.pt2")
    assert [str(each.message) for each in warned] == []


@pytest.mark.slow
@pytest.mark.parametrize("make", [cnn, vit])
def test_onnx(tmp_path, make):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    network = make()
    path = export_onnx(network, IMAGES[:2], tmp_path / "student.onnx")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for count in (1, 5):
        (found,) = session.run(["logits"], {"images": IMAGES[:count].numpy()})
        with torch.no_grad():
            expected = network(IMAGES[:count])
        assert torch.allclose(torch.from_numpy(found), expected, atol=1e-4)
    assert [p.name for p in tmp_path.iterdir()] == ["student.onnx"]


@pytest.mark.slow
def test_onnx_keeps_what_its_user_must_know(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    about = {"class_names": ["Gänseblümchen", "tulip"], "normalisation": {"mean": [0.5]}}
    path = export_onnx(cnn(), IMAGES[:2], tmp_path / "student.onnx", about)
    kept = {each.key: json.loads(each.value) for each in onnx.load(path).metadata_props}
    assert {name: kept[name] for name in about} == about


def test_without_onnx_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingData, match=r"autodas\[onnx\]"):
        export_onnx(cnn(), IMAGES, tmp_path / "student.onnx")
