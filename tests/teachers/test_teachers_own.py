"""Teachers that a function of one's own makes, and converted ones."""

import importlib.util

import pytest
import torch

from autodas.cli.main import main
from autodas.core.errors import InvalidInput
from autodas.data import Normalisation, load_data
from autodas.networks import seeded
from autodas.teachers import fitted, load_teacher, matched
from autodas.workbench import families
from autodas.workbench.protocol import Protocol

MODULE = """
from torch import nn
from autodas.data import Normalisation
from autodas.networks import cifar_resnet


def plain(classes=10):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 8, 3, 2, 1), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(8, classes),
    )


def normalised():
    network = plain()
    network.normalisation = Normalisation((0.5,), (0.25,))
    return network


def wrong():
    network = plain()
    network.normalisation = (0.5, 0.25)
    return network


def staged():
    return cifar_resnet(layers=20, num_classes=10, channels=3)


def fails():
    raise KeyError("no weights here")


def number():
    return 3


def features():
    return nn.Conv2d(3, 4, 3)


NUMBER = 3
"""


@pytest.fixture(autouse=True)
def _module(tmp_path, monkeypatch):
    (tmp_path / "my_teachers.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "my_teachers", raising=False)
    load_teacher.cache_clear()


def test_a_plain_network_teaches():
    teacher = load_teacher("my_teachers:plain")
    assert (teacher.num_classes, teacher.trained, teacher.normalisation) == (10, True, None)
    stages, logits = teacher.network.forward_stages(torch.zeros(2, 1, 8, 8))
    assert [tuple(s.shape[1:]) for s in stages] == [(4, 4, 4), (8, 2, 2)]
    assert logits.shape == (2, 10)
    assert not teacher.network.training
    assert not any(p.requires_grad for p in teacher.network.parameters())
    assert load_teacher("my_teachers:staged").num_classes == 10
    digest = teacher.digest
    load_teacher.cache_clear()
    assert load_teacher("my_teachers:plain").digest == digest
    assert load_teacher("my_teachers:normalised").digest != digest


def test_its_normalisation_is_met():
    data = load_data("digits")
    teacher = load_teacher("my_teachers:normalised")
    assert teacher.normalisation == Normalisation((0.5,), (0.25,))
    assert matched(teacher, data).num_classes == 10


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere_at_all:f", "cannot import nowhere_at_all"),
        ("my_teachers:none", "my_teachers has no 'none'"),
        ("my_teachers:NUMBER", "is a int, not a function"),
        ("my_teachers:fails", "cannot be made .KeyError: 'no weights here'."),
        ("my_teachers:number", "makes a int, not a torch.nn.Module"),
        ("my_teachers:features", "must put out logits"),
        ("my_teachers:wrong", "'normalisation' must be an autodas.data.Normalisation, got a tuple"),
    ],
)
def test_what_is_no_teacher_is_said(name, message):
    with pytest.raises(InvalidInput, match=message) as said:
        load_teacher(name)
    assert "\n" not in str(said.value)


class _Table:
    name = "labels"
    meta = {"dataset": "digits", "teacher": {"name": "my_teachers:fails"}}  # noqa: RUF012


def test_a_teacher_that_a_table_names_is_not_called():
    with pytest.raises(InvalidInput, match="which is code; if you trust it, name it with --teach"):
        families.as_labelled(Protocol(), _Table())
    named = families.as_labelled(Protocol(teacher="my_teachers:plain"), _Table())
    assert named.teacher == "my_teachers:plain"


def test_weights_of_torch_save_become_a_teacher(capsys):
    from autodas.networks import cifar_resnet

    made = seeded(lambda: cifar_resnet(layers=20, num_classes=7, channels=3), 3).eval()
    torch.save({"state_dict": {f"module.{k}": v for k, v in made.state_dict().items()}}, "mine.pth")
    words = ("convert", "mine.pth", "mine.safetensors", "--network", "cifar-resnet20")
    numbers = ("--mean", "0.5", "0.4", "0.3", "--std", "0.2", "0.2", "0.2")
    assert main([*words, *numbers]) == 0
    assert "it is a teacher of 7 classes: --teacher mine.safetensors" in capsys.readouterr().out
    teacher = load_teacher("mine.safetensors")
    assert teacher.normalisation == Normalisation((0.5, 0.4, 0.3), (0.2, 0.2, 0.2))
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(teacher.network(images), made(images))
    assert main(["convert", "mine.pth", "m.safetensors", "--network", "vgg13"]) == 2
    assert "lacks classifier.weight, the classifier of vgg13" in capsys.readouterr().err
    assert main(["convert", "mine.pth", "m.safetensors", "--mean", "0.5"]) == 2
    assert "mean and std go together" in capsys.readouterr().err


@pytest.mark.skipif(
    importlib.util.find_spec("timm") is None, reason='the extra is missing: "autodas[timm]"'
)
def test_a_real_pretrained_network_knows_daisies(data_folder):
    """efficientnet_lite0 was trained on ImageNet, in which daisies are class 985.

    The photographs of four species of flowers12 look like daisies to it, if they are normalised as
    in its training; by ImageNet's usual constants, 25 of these 32 do.
    """
    weights = data_folder / "teachers" / "efficientnet_lite0.safetensors"
    half = ("0.5",) * 3
    words = ("convert", str(weights), "lite.safetensors", "--network", "timm:efficientnet_lite0")
    assert main([*words, "--mean", *half, "--std", *half]) == 0
    data = load_data("flowers12")
    teacher = fitted(load_teacher("lite.safetensors"), data)
    assert teacher.num_classes == 1000
    images = torch.cat([data.train_images[data.train_labels == k][:8] for k in (2, 3, 9, 11)])
    with torch.no_grad():  # a few at a time: at 224 pixels, all at once take half a gigabyte
        some = [teacher.network(data.ready(each)).argmax(1) for each in images.split(4)]
    seen = torch.cat(some)
    assert int((seen == 985).sum()) >= 30
