"""Teachers by name and by file; damaged files are refused in one line."""

import json
import os
import shutil
from importlib import resources
from pathlib import Path

import pytest
import safetensors.torch
import torch

from autodas.core.digest import digest_file
from autodas.core.errors import AutodasError, FileProblem, InvalidInput, MissingData, UnknownName
from autodas.core.seals import read_sealed
from autodas.data import load_data
from autodas.distill import evaluate
from autodas.networks import seeded
from autodas.teachers import (
    BLUEPRINTS,
    TEACHERS,
    Blueprint,
    load_teacher,
    save_checkpoint,
    start_from,
)
from autodas.teachers.catalog import blueprint_of

NAME = "digits-cnn-teacher"
WEIGHTS = Path(str(resources.files("autodas.teachers"))) / "weights" / f"{NAME}.safetensors"
SHIPPED = [name for name in TEACHERS.names() if name.startswith("digits")]


@pytest.fixture
def copy(tmp_path) -> Path:
    """A copy of the shipped teacher that may be damaged."""
    for suffix in (".safetensors", ".json"):
        shutil.copy(WEIGHTS.with_suffix(suffix), tmp_path / f"mine{suffix}")
    return tmp_path / "mine.safetensors"


def described(path, **changes):
    """Rewrite the description with some entries changed; None removes one."""
    file = path.with_suffix(".json")
    about = read_sealed(file) | changes
    file.write_text(json.dumps({k: v for k, v in about.items() if v is not None}))


def refusal(path) -> str:
    load_teacher.cache_clear()
    with pytest.raises(FileProblem) as caught:
        load_teacher(str(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_teachers_know_what_they_claim(name):
    teacher, data = load_teacher(name), load_data("digits")
    found = evaluate(teacher.network, data.test_images, data.test_labels)
    # Other processors round differently; one image is 0.06 points.
    assert found == pytest.approx(teacher.accuracy, abs=0.2)
    assert found > 96
    assert teacher.trained


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_are_small(name):
    assert (WEIGHTS.parent / f"{name}.safetensors").stat().st_size < 1e6


def test_a_teacher_is_frozen_and_in_evaluation_mode():
    teacher = load_teacher(NAME)
    assert not any(module.training for module in teacher.network.modules())
    assert not any(p.requires_grad for p in teacher.network.parameters())


def test_a_file_is_the_same_teacher(copy):
    mine, shipped = load_teacher(str(copy)), load_teacher(NAME)
    assert mine.digest == shipped.digest
    assert mine.accuracy == shipped.accuracy
    images = load_data("digits").train_images[:8]
    assert torch.equal(mine.network(images), shipped.network(images))


def test_untrained_must_be_asked_for_and_says_so():
    teacher, trained = load_teacher(f"untrained:{NAME}"), load_teacher(NAME)
    assert not teacher.trained
    assert teacher.accuracy is None
    assert teacher.digest != trained.digest
    shapes = [p.shape for p in trained.network.parameters()]
    assert [p.shape for p in teacher.network.parameters()] == shapes
    load_teacher.cache_clear()
    again = load_teacher(f"untrained:{NAME}").network
    assert all(
        torch.equal(a, b)
        for a, b in zip(teacher.network.parameters(), again.parameters(), strict=True)
    )


def test_untrained_networks_take_a_number_of_classes():
    teacher = load_teacher("untrained:cifar-resnet20/100")
    assert teacher.num_classes == 100
    assert teacher.network(torch.zeros(2, 3, 32, 32)).shape == (2, 100)
    assert teacher.digest != load_teacher("untrained:cifar-resnet20").digest


@pytest.mark.parametrize("classes", ["", "0", "-3", "ten", "1.5"])
def test_a_wrong_number_of_classes_is_refused(classes):
    with pytest.raises(InvalidInput, match="must end with a number of classes"):
        load_teacher(f"untrained:cifar-resnet20/{classes}")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("digits-cnn-teachr", NAME), ("untrained:cifar-resnet1100", "cifar-resnet110")],
)
def test_unknown_names_are_refused(name, meant):
    with pytest.raises(UnknownName, match=f"did you mean '{meant}'"):
        load_teacher(name)


@pytest.mark.parametrize("name", BLUEPRINTS.names())
def test_blueprints_build_and_round_trip(name):
    blueprint = BLUEPRINTS.get(name)
    again = Blueprint.of_json(json.loads(json.dumps(blueprint.to_json())))
    assert again.to_json() == blueprint.to_json()
    with torch.device("meta"):
        network = again.build()
        logits = network(torch.empty(2, *again.input_shape))
    assert logits.shape == (2, again.num_classes)


def test_a_truncated_file_is_refused(copy):
    copy.write_bytes(copy.read_bytes()[:-1000])
    assert "it is damaged or another file" in refusal(copy)


def test_a_changed_bit_is_refused(copy):
    data = bytearray(copy.read_bytes())
    data[-5] ^= 1
    copy.write_bytes(data)
    assert "it is damaged or another file" in refusal(copy)


def test_a_file_that_is_no_safetensors_is_refused(copy):
    copy.write_bytes(b"\x80\x04\x95" + bytes(100))
    described(copy, sha256=digest_file(copy))
    assert "is not a safetensors file" in refusal(copy)


def test_a_missing_tensor_is_refused(copy):
    tensors = safetensors.torch.load_file(copy)
    del tensors["linear.bias"]
    safetensors.torch.save_file(tensors, copy)
    described(copy, sha256=digest_file(copy))
    assert "lacks the tensor 'linear.bias'" in refusal(copy)


def test_an_additional_tensor_is_refused(copy):
    tensors = safetensors.torch.load_file(copy) | {"more": torch.zeros(1)}
    safetensors.torch.save_file(tensors, copy)
    described(copy, sha256=digest_file(copy))
    assert "a tensor 'more' that its network does not know" in refusal(copy)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["linear.bias", "bn1.running_mean", "conv1.weight"])
def test_weights_that_are_no_numbers_are_refused_by_name(copy, name, value):
    assert f"has NaN or infinity in the tensor {name!r}" in refusal(spoilt(copy, name, value))


def test_a_negative_variance_is_refused_by_name(copy):
    assert "has a negative variance in the tensor 'bn1.running_var'" in refusal(
        spoilt(copy, "bn1.running_var", -1e-9)
    )


def spoilt(weights, name, value):
    """The file with one entry of one tensor replaced, and described as what it is now."""
    tensors = safetensors.torch.load_file(weights)
    tensors[name].view(-1)[-1] = value
    safetensors.torch.save_file(tensors, weights)
    described(weights, sha256=digest_file(weights))
    return weights


def test_the_home_folder_may_be_written_as_a_tilde(copy, monkeypatch):
    monkeypatch.setenv("HOME", str(copy.parent))
    assert load_teacher(f"~/{copy.name}").digest == load_teacher(NAME).digest
    assert blueprint_of(f"~/{copy.name}") == blueprint_of(NAME)


def test_a_tensor_of_another_shape_is_refused(copy):
    network = {
        "family": "resnet",
        "arguments": {"depths": [2, 2, 2], "widths": [16, 32, 48]},
        "num_classes": 10,
        "input_shape": [1, 8, 8],
    }
    described(copy, network=network)
    assert "its network needs" in refusal(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "'format' must be 'autodas-checkpoint'"),
        ({"version": 2}, "has version 2; this program reads 1"),
        ({"sha256": None}, "must say the 'sha256'"),
        ({"network": None}, "a network needs family, arguments"),
        ({"network": "resnet"}, "a network needs family, arguments"),
    ],
)
def test_a_wrong_description_is_refused(copy, changes, message):
    described(copy, **changes)
    assert message in refusal(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "resnett"}, "did you mean 'resnet'"),
        ({"arguments": {"depth": 3}}, "cannot be built from"),
        ({"arguments": {"depths": [1], "widths": []}}, "cannot be built from"),
        ({"num_classes": "10"}, "must be positive"),
        ({"num_classes": True}, "must be positive"),
        ({"input_shape": [1, 8]}, "a network needs family"),
    ],
)
def test_a_wrong_network_is_refused_in_one_line(copy, change, message):
    about = read_sealed(copy.with_suffix(".json"))["network"] | change
    described(copy, network=about)
    load_teacher.cache_clear()
    with pytest.raises(AutodasError, match=message) as caught:
        load_teacher(str(copy))
    assert "\n" not in str(caught.value)


def test_a_missing_description_is_refused(copy):
    copy.with_suffix(".json").unlink()
    assert "mine.json: no such file" in refusal(copy)


def test_public_checkpoints_say_what_is_missing(monkeypatch):
    monkeypatch.delenv("AUTODAS_DATA", raising=False)
    with pytest.raises(MissingData, match=r"teachers/cifar10_resnet20.safetensors is needed"):
        load_teacher("cifar10-resnet20")


@pytest.mark.parametrize("name", [n for n in TEACHERS.names() if n.startswith("cifar")])
def test_public_checkpoints_load_where_they_are(name):
    if not os.environ.get("AUTODAS_DATA"):
        pytest.skip("AUTODAS_DATA is not set")
    teacher = load_teacher(name)
    classes = 100 if name.startswith("cifar100") else 10
    assert teacher.network(torch.zeros(1, 3, 32, 32)).shape == (1, classes)


def test_loading_leaves_the_random_state_alone():
    load_teacher.cache_clear()
    before = torch.get_rng_state()
    load_teacher(NAME)
    assert torch.equal(before, torch.get_rng_state())
    seeded(lambda: torch.nn.Linear(2, 2), 0)


def test_a_teacher_of_other_classes_goes_on_from_known_weights():
    blueprint, network = start_from("digits-cnn-teacher", 3, (1, 12, 12), seed=0)
    assert (blueprint.num_classes, blueprint.input_shape) == (3, (1, 12, 12))
    known, own = load_teacher("digits-cnn-teacher").network.state_dict(), network.state_dict()
    taken = [name for name in own if own[name].shape == known[name].shape]
    assert {name for name in own if name not in taken} == {"linear.weight", "linear.bias"}
    assert all(torch.equal(own[name], known[name]) for name in taken)
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert network(torch.zeros(2, 1, 12, 12)).shape == (2, 3)


def test_an_untrained_start_depends_on_the_seed_alone():
    name = "untrained:digits-cnn-teacher"
    states = [start_from(name, 3, (1, 8, 8), seed)[1].state_dict() for seed in (0, 0, 1)]
    first = next(iter(states[0]))
    assert torch.equal(states[0][first], states[1][first])
    assert not torch.equal(states[0][first], states[2][first])
    assert not torch.equal(
        states[0][first], load_teacher("digits-cnn-teacher").network.state_dict()[first]
    )


def test_weights_that_depend_on_the_images_are_refused(tmp_path):
    blueprint = Blueprint(
        "vit", {"width": 12, "heads": [1], "mlp_ratios": [1.0], "patch": 2}, 3, (1, 8, 8)
    )
    weights = tmp_path / "vit.safetensors"
    save_checkpoint(weights, seeded(blueprint.build, 0), {"network": blueprint.to_json()})
    start_from(str(weights), 5, (1, 8, 8), seed=0)
    with pytest.raises(InvalidInput, match=r"\(1, 12, 12\).*DATA@SIDE"):
        start_from(str(weights), 5, (1, 12, 12), seed=0)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_names_that_training_has_put_before_weights_are_taken_off(copy, prefix):
    plain = load_teacher(NAME).network.state_dict()
    tensors = safetensors.torch.load_file(copy)
    safetensors.torch.save_file({f"{prefix}{name}": each for name, each in tensors.items()}, copy)
    described(copy, sha256=digest_file(copy), seal=None)
    load_teacher.cache_clear()
    found = load_teacher(str(copy)).network.state_dict()
    assert all(torch.equal(found[name], plain[name]) for name in plain)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_of_torch_save_says_how_to_make_safetensors_of_it(copy, zipped):
    state = load_teacher(NAME).network.state_dict()
    torch.save(state, copy, _use_new_zipfile_serialization=zipped)
    described(copy, sha256=digest_file(copy), seal=None)
    said = refusal(copy)
    assert f"have it converted: autodas convert {copy.name} {copy.stem}.safetensors" in said
    for name in ("mine.pth", "folder/mine.pt", "mine.ckpt"):
        assert f"autodas convert {Path(name).name} {Path(name).stem}.safetensors" in refusal(name)
