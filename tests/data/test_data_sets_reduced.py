"""Parts of data sets: NAME@SIDE/IMAGES."""

import numpy as np
import pytest
import torch

from autodas.core.errors import AutodasError, InvalidInput, UnknownName
from autodas.data import ImageData, check_data_name, load_data
from autodas.data.images import Normalisation
from autodas.data.reduced import reduced


def raw(name):
    rng = np.random.default_rng(0)
    labels = torch.from_numpy(np.repeat([0, 1, 2], [9, 6, 5]))
    images = torch.from_numpy(rng.integers(0, 256, (20, 1, 6, 6), dtype=np.uint8))
    # Every image carries its number in the first pixel.
    images[:, 0, 0, 0] = torch.arange(20)
    part = (images, labels)
    return ImageData.of_tensors(name, part, part, 3, Normalisation((0.5,), (0.5,)))


def test_draws_are_balanced_nested_and_fixed():
    few, many = reduced("toy/7", raw), reduced("toy/12", raw)
    assert torch.bincount(few.train_labels).tolist() == [3, 2, 2]
    assert torch.bincount(many.train_labels).tolist() == [4, 4, 4]
    numbers = [set(d.train_images[:, 0, 0, 0].tolist()) for d in (few, many)]
    assert numbers[0] < numbers[1]
    assert reduced("toy/7", raw).digest == few.digest != many.digest
    assert len(few.test_images) == 20


def test_scaling_is_the_mean_over_areas():
    data, whole = reduced("toy@3", raw), raw("toy")
    wanted = np.zeros((20, 1, 3, 3))
    pixels = whole.test_images.numpy().astype(float)
    for i in range(3):
        for j in range(3):
            wanted[..., i, j] = pixels[..., 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean((-1, -2))
    assert data.test_images.dtype == torch.uint8
    assert np.abs(data.test_images.numpy() - wanted).max() <= 0.5
    assert data.input_shape == (1, 3, 3)
    assert data.normalisation == whole.normalisation


def test_the_catalogue_understands_it():
    data = load_data("digits@4/50")
    assert data.name == "digits@4/50"
    assert data.train_images.shape == (50, 1, 4, 4)
    assert data.train_images.dtype == torch.float32
    assert load_data("digits@4/50") is data


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("toy@9", "between 1 and 6 pixels, got 9"),
        ("toy@0", "between 1 and 6 pixels, got 0"),
        ("toy/2", "every class needs at least one"),
        ("toy/18", "18 training images need 6 of class 2; there are 5"),
        ("toy@x", "not of the form NAME@SIDE/IMAGES"),
        ("toy/", "not of the form"),
        ("a/b/3", "not of the form"),
    ],
)
def test_what_there_is_not_is_refused(name, message):
    with pytest.raises(InvalidInput, match=message):
        reduced(name, raw)


def test_the_data_set_itself_must_be_known():
    with pytest.raises(UnknownName, match="did you mean 'digits'"):
        load_data("digit@4")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("digit", "unknown data set 'digit'"),
        ("digit@4/20", "unknown data set 'digit'"),
        ("digits@", "of the form NAME@SIDE/IMAGES"),
        ("folder:nowhere", "nowhere"),
        ("csv:nowhere.csv@8", "nowhere.csv"),
        ("folder:nowhere@0", "the size must lie in"),
    ],
)
def test_names_of_nothing_are_refused_before_anything_is_loaded(name, complaint):
    with pytest.raises(AutodasError, match=complaint):
        check_data_name(name)


@pytest.mark.parametrize("name", ["digits", "digits@4/20", "cifar10"])
def test_names_of_something_need_not_be_on_this_machine(name, monkeypatch, tmp_path):
    monkeypatch.setenv("AUTODAS_DATA", str(tmp_path))
    check_data_name(name)
