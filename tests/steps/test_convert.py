"""Files of torch.save become safetensors, read as data."""

import os
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from autodas.cli.main import main
from autodas.core.errors import FileProblem, InvalidInput, MissingData
from autodas.networks import pytorch_files
from autodas.networks.timm_network import timm_network
from autodas.steps.convert import Config, run
from autodas.students import Student
from autodas.teachers import load_teacher


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
    with pytest.raises(FileProblem, match=r"none\.pth: no such file"):
        run(Config(Path("none.pth"), Path("out.safetensors")))
    Path("bad.pth").write_bytes(b"nonsense")
    with pytest.raises(FileProblem, match=r"is not a file of torch\.save; wanted is"):
        run(Config(Path("bad.pth"), Path("out.safetensors")))
    with pytest.raises(InvalidInput, match=r"out must end in \.safetensors, got 'out\.pth'"):
        run(Config(Path("none.pth"), Path("out.pth")))


def test_an_old_pytorch_is_not_asked(monkeypatch):
    torch.save(STATE, "weights.pth")
    monkeypatch.setattr(pytorch_files.torch, "__version__", "2.5.1+cpu")
    with pytest.raises(MissingData, match=r"by PyTorch 2\.6 and later, here is 2\.5\.1"):
        run(Config(Path("weights.pth"), Path("out.safetensors")))


def _cut(file):
    torch.save(STATE, file)
    file.write_bytes(file.read_bytes()[:-1000])


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda file: file.write_bytes(b""), "is not a file of torch.save, but empty; "),
        (lambda file: file.write_bytes(b"junk" * 100), "is not a file of torch.save; "),
        (
            lambda file: file.write_bytes(b"\x80\x02junk"),
            "is damaged, or not of torch.save; ",
        ),
        (_cut, "is damaged, or not of torch.save; "),
        (
            lambda file: torch.jit.save(torch.jit.trace(nn.Linear(3, 4), torch.zeros(1, 3)), file),
            "holds a program (TorchScript or torch.export); ",
        ),
        (
            lambda file: torch.save(network(), file),
            "holds more than weights (torch.nn.modules.container.Sequential), which is not run; ",
        ),
        (
            lambda file: torch.save({"state_dict": STATE, "callback": Runs()}, file),
            f"holds more than weights ({os.mkdir.__module__}.mkdir), which is not run; ",
        ),
    ],
    ids=["empty", "junk", "old and cut", "cut", "TorchScript", "module", "code"],
)
def test_what_a_file_is_not_is_said_in_one_line_of_our_own(write, message, capsys, recwarn):
    write(Path("weights.pth"))
    recwarn.clear()  # of PyTorch's own writing
    assert main(["convert", "weights.pth", "out.safetensors"]) == 2
    wanted = (
        "wanted is a network's state_dict(), kept by torch.save or as safetensors by the program "
        "that made it"
    )
    assert capsys.readouterr().err == f"autodas: error: weights.pth: {message}{wanted}\n"
    assert not recwarn.list
    assert not Path("out.safetensors").exists()


@pytest.mark.parametrize("fault", ["nan", "lacks", "other"])
def test_a_teacher_that_is_refused_leaves_nothing_and_its_file_is_named(fault, capsys):
    state = load_teacher("digits-cnn-teacher").network.state_dict()
    name = next(name for name in state if name.endswith("weight"))
    if fault == "nan":
        state[name] = state[name] * float("nan")
    elif fault == "lacks":
        del state[name]
    else:
        state[name] = state[name][:1]
    torch.save(state, "weights.pth")
    command = ["convert", "weights.pth", "out.safetensors", "--network", "digits-cnn-teacher"]
    assert main(command) == 2
    line = capsys.readouterr().err
    assert line.startswith("autodas: error: weights.pth: ")
    assert name in line
    assert [each.name for each in Path().iterdir()] == ["weights.pth"]


@pytest.mark.skipif(find_spec("timm") is None, reason="needs timm")
def test_a_converted_teacher_of_timm_may_be_named_as_weights_of_its_model():
    model = timm_network("test_resnet", 5, (3, 32, 32)).model
    torch.save(model.state_dict(), "weights.pth")
    told = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}
    run(Config(Path("weights.pth"), Path("out.safetensors"), network="timm:test_resnet", **told))
    images = torch.randn(2, 3, 32, 32)
    wanted = load_teacher("out.safetensors")
    found = load_teacher("timm:test_resnet@out.safetensors")
    assert found.num_classes == 5
    assert torch.equal(found.network(images), wanted.network(images))
    assert torch.allclose(found.network(images), model.eval()(images), atol=1e-4)
    assert (found.normalisation.mean, found.normalisation.std) == tuple(told.values())
    # Students begin with it just as well.
    student = Student("timm:test_resnet", "out.safetensors").build(5, (3, 32, 32)).eval()
    assert torch.equal(student(images), wanted.network(images))
    # A description that was damaged is not passed over; what is none of ours says nothing.
    for name, text in (
        ("damaged", Path("out.json").read_text().replace("0.1", "0.9")),
        ("log", "{}"),
    ):
        Path(f"{name}.safetensors").write_bytes(Path("out.safetensors").read_bytes())
        Path(f"{name}.json").write_text(text)
    with pytest.raises(FileProblem, match=r"damaged.json: was changed or damaged"):
        load_teacher("timm:test_resnet@damaged.safetensors")
    assert load_teacher("timm:test_resnet@log.safetensors").normalisation.mean != told["mean"]
