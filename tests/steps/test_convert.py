"""Files of torch.save become safetensors, read as data."""

import os
from collections import OrderedDict
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from autodas.cli.main import main
from autodas.core.errors import FileProblem, InvalidInput, MissingData
from autodas.networks import pytorch_files
from autodas.steps.convert import Config, run


class Runs:
    """Unpickled, it makes a folder."""

    def __reduce__(self):
        return os.mkdir, ("made-by-a-pickle",)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 7))


def prefixed(state, *prefixes):
    return OrderedDict((f"{''.join(prefixes)}{name}", tensor) for name, tensor in state.items())


STATE = network().state_dict()


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        prefixed(STATE, "module."),
        prefixed(STATE, "_orig_mod.", "module."),
        {"epoch": 3, "state_dict": prefixed(STATE, "module.")},
        {"model": prefixed(STATE, "_orig_mod."), "optimizer": {"lr": 0.1}, "args": {"seed": 0}},
        # Averaged weights before the others.
        {"state_dict": {n: t + 1 for n, t in STATE.items()}, "state_dict_ema": STATE},
        {"model": {"state_dict": prefixed(STATE, "model.")}},
    ],
    ids=range(7),
)
def test_weights_are_found_wherever_training_scripts_put_them(tmp_path, content):
    torch.save(content, "weights.pth")
    found = run(Config(Path("weights.pth"), Path("out.safetensors")))
    kept = safetensors.torch.load_file("out.safetensors")
    assert kept.keys() == STATE.keys()
    assert all(torch.equal(kept[name], tensor) for name, tensor in STATE.items())
    assert found["tensors"] == 9
    fresh = network()
    fresh.load_state_dict(kept)


def test_shared_and_turned_tensors_are_written(tmp_path):
    weight = torch.arange(6.0).view(2, 3)
    torch.save({"a": weight.T, "b": weight}, "weights.pt")
    assert main(["convert", "weights.pt", "out.safetensors"]) == 0
    kept = safetensors.torch.load_file("out.safetensors")
    assert torch.equal(kept["a"], weight.T)
    assert torch.equal(kept["b"], weight)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"state_dict": STATE, "callback": Runs()}, "holds more than weights"),
        (network(), "holds more than weights"),
        ({"epoch": 3}, "holds no tensors by name, but a dictionary of epoch"),
        ([1, 2], "holds no tensors by name, but list"),
        (torch.zeros(3), "holds no tensors by name, but Tensor"),
    ],
    ids=range(5),
)
def test_what_is_more_than_weights_is_not_run(tmp_path, capsys, content, message):
    torch.save(content, "weights.pth")
    assert main(["convert", "weights.pth", "out.safetensors"]) == 2
    line = capsys.readouterr().err.strip()
    assert "\n" not in line
    assert message in line
    assert not (tmp_path / "made-by-a-pickle").exists()
    assert not (tmp_path / "out.safetensors").exists()


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(FileProblem, match=r"none\.pth: cannot be read"):
        run(Config(Path("none.pth"), Path("out.safetensors")))
    Path("bad.pth").write_bytes(b"nonsense")
    with pytest.raises(FileProblem, match="or is damaged"):
        run(Config(Path("bad.pth"), Path("out.safetensors")))
    with pytest.raises(InvalidInput, match=r"out must end in \.safetensors, got 'out\.pth'"):
        run(Config(Path("none.pth"), Path("out.pth")))


def test_an_old_pytorch_is_not_asked(monkeypatch):
    torch.save(STATE, "weights.pth")
    monkeypatch.setattr(pytorch_files.torch, "__version__", "2.5.1+cpu")
    with pytest.raises(MissingData, match=r"by PyTorch 2\.6 and later, here is 2\.5\.1"):
        run(Config(Path("weights.pth"), Path("out.safetensors")))
