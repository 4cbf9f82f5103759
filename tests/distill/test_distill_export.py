"""Students on disk."""

import json

import pytest
import torch

from autodas.core.errors import FileProblem
from autodas.distill import load_student_weights, save_student
from autodas.networks import ResNet, seeded


def network(seed=0, width=4):
    return seeded(lambda: ResNet((1, 1), (width, width), channels=1), seed)


def test_a_student_comes_back_the_same(tmp_path):
    saved = network().eval()
    path = save_student(saved, tmp_path / "run", {"space": "digits-cnn", "arch": "x"})
    assert path == tmp_path / "run" / "student.safetensors"
    images = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for where in (path, tmp_path / "run"):
        loaded = load_student_weights(where, network(seed=1))
        assert not loaded.training
        assert torch.equal(loaded(images), saved(images))
    described = json.loads((tmp_path / "run" / "student.json").read_text())
    assert described["space"] == "digits-cnn"


def test_no_temporary_file_is_left(tmp_path):
    save_student(network(), tmp_path, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["student.json", "student.safetensors"]


def test_another_network_is_refused(tmp_path):
    path = save_student(network(), tmp_path, {})
    with pytest.raises(FileProblem, match=r"conv1.weight' as .*\(4, 1, 3, 3\), its network needs"):
        load_student_weights(path, network(width=8))


def test_a_missing_student_is_refused(tmp_path):
    with pytest.raises(FileProblem, match=r"student.json: no such file"):
        load_student_weights(tmp_path, network())
