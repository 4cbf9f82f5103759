"""Public checkpoints classify as published, whatever normalisation the images come in."""

import json
import shutil
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch

from autodas.core.errors import AutodasError, FileProblem, InvalidInput
from autodas.core.seals import read_sealed
from autodas.data import ImageData, Normalisation, load_data
from autodas.data.images import CIFAR100, IMAGENET
from autodas.distill import evaluate
from autodas.networks import cifar_resnet, seeded
from autodas.teachers import Teacher, fitted, load_teacher

HALF = Normalisation((0.5,) * 3, (0.5,) * 3)
WEIGHTS = Path(str(resources.files("autodas.teachers"))) / "weights" / "digits-cnn-teacher"


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        slow("cifar10-resnet20", 91.64),
        slow("cifar10-resnet56", 92.72),
        ("cifar100-resnet8w", 66.38),
        slow("cifar100-resnet14w", 67.14),
        slow("cifar100-resnet20w", 68.89),
        slow("cifar100-resnet26w", 70.41),
        slow("cifar100-resnet32w", 72.05),
    ],
)
def test_accuracy_on_the_lossless_test_sample(data_folder, name, expected):
    data = load_data(f"{name.partition('-')[0]}-sample")
    teacher = fitted(load_teacher(name), data)
    found = evaluate(teacher.network, data.test_images, data.test_labels, data.ready)
    assert found == pytest.approx(expected, abs=0.005)


@pytest.mark.slow
def test_accuracy_on_images_normalised_otherwise(data_folder):
    sample = load_data("cifar100-sample")
    other = replace(sample, normalisation=HALF)
    teacher = load_teacher("cifar100-resnet8w")
    fit = fitted(teacher, other)
    found = evaluate(fit.network, other.test_images, other.test_labels, other.ready)
    assert found == pytest.approx(66.38, abs=0.12)  # rounding may turn one image
    # Without the fit the same images are strangers.
    raw = evaluate(teacher.network, other.test_images, other.test_labels, other.ready)
    assert raw < 64


def data_set(normalisation=IMAGENET, channels=3):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, channels, 8, 8), dtype=np.uint8)
    part = (torch.from_numpy(images), torch.arange(6))
    return ImageData.of_tensors("toy", part, part, 10, normalisation)


def toy_teacher(normalisation=CIFAR100):
    network = seeded(lambda: cifar_resnet(8), 0).eval().requires_grad_(False)
    return Teacher("toy", network, "0" * 64, 10, None, True, "", normalisation)


def test_a_fitted_teacher_sees_what_it_was_trained_on():
    teacher, data = toy_teacher(), data_set(HALF)
    fit = fitted(teacher, data)
    expected_stages, expected = teacher.network.forward_stages(CIFAR100(data.train_images))
    stages, logits = fit.network.forward_stages(data.ready(data.train_images))
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    assert len(stages) == len(expected_stages)
    assert fit.network.classifier is teacher.network.classifier
    assert not any(p.requires_grad for p in fit.network.parameters())
    assert not fit.network.training
    assert fit.normalisation == HALF
    assert fit.digest != teacher.digest
    assert fitted(fit, data) is fit
    assert fit.digest == fitted(teacher, data).digest != fitted(teacher, data_set()).digest


@pytest.mark.parametrize(
    ("wanted", "given"), [(IMAGENET, IMAGENET), (None, IMAGENET), (CIFAR100, None)]
)
def test_a_teacher_that_fits_stays_itself(wanted, given):
    data = data_set(IMAGENET)
    if given is None:
        ready = (data.ready(data.train_images), data.train_labels)
        data = ImageData.of_tensors("ready", ready, ready, 10)
    teacher = toy_teacher(wanted)
    assert fitted(teacher, data) is teacher


def test_channels_that_do_not_fit():
    grey = data_set(Normalisation((0.5,), (0.5,)), channels=1)
    for data in (grey, load_data("digits")):
        with pytest.raises(InvalidInput, match=r"'toy' sees 3 channels, the images of .* have 1"):
            fitted(toy_teacher(), data)


@pytest.fixture
def described(tmp_path):
    """Copies the shipped teacher with some entries of its description changed; gives the path."""

    def change(**changes):
        load_teacher.cache_clear()
        shutil.copy(WEIGHTS.with_suffix(".safetensors"), tmp_path / "mine.safetensors")
        about = read_sealed(WEIGHTS.with_suffix(".json")) | changes
        (tmp_path / "mine.json").write_text(json.dumps(about))
        return str(tmp_path / "mine.safetensors")

    return change


def test_a_file_may_state_its_normalisation(described):
    path = described(normalisation={"mean": [0.5], "std": [0.25]})
    assert load_teacher(path).normalisation == Normalisation((0.5,), (0.25,))


@pytest.mark.parametrize("stated", [{}, [1], "x", {"mean": [1], "std": [0]}, {"mean": 1, "std": 1}])
def test_a_wrong_normalisation_is_refused(described, stated):
    with pytest.raises(FileProblem, match=r"mine\.json: 'normalisation' needs 'mean' and 'std'"):
        load_teacher(described(normalisation=stated))


@pytest.mark.parametrize("width", [3000, 10**9, 10**30])
def test_a_gigantic_network_is_refused_before_it_takes_memory(described, width):
    network = {
        "family": "resnet",
        "arguments": {"depths": [1, 1, 1], "widths": [width] * 3},
        "num_classes": 10,
        "input_shape": [1, 8, 8],
    }
    path = described(network=network)
    with pytest.raises(
        AutodasError, match=r"bytes, the network .* needs|numbers of at most"
    ) as caught:
        load_teacher(path)
    assert "\n" not in str(caught.value)
