"""A teacher is trained, from scratch or from known weights, and can be loaded again."""

import pytest
import torch

from autodas.core.errors import UnknownName
from autodas.data import load_data
from autodas.distill import RECIPES, Recipe, evaluate
from autodas.steps import train_teacher
from autodas.steps.train_teacher import TrainTeacherConfig
from autodas.teachers import load_teacher

SHORT = Recipe(
    name="one-epoch",
    description="for tests",
    epochs=1,
    batch_size=50,
    optimizer="sgd",
    learning_rate=1e-3,
    weight_decay=0.0,
)


@pytest.fixture(autouse=True)
def short():
    if SHORT.name not in RECIPES:
        RECIPES.add(SHORT.name, SHORT)


def trained(tmp_path, **options):
    out = tmp_path / "teacher.safetensors"
    options = {"recipe": SHORT.name, **options}
    results = train_teacher.run(TrainTeacherConfig(out=out, **options))
    load_teacher.cache_clear()
    return results, load_teacher(str(out))


def test_a_teacher_goes_on_from_another(tmp_path):
    fresh, _ = trained(tmp_path / "a", network="untrained:digits-cnn-teacher")
    results, teacher = trained(tmp_path / "b", network="digits-cnn-teacher")
    # Its last layer is new and has seen 200 images once; what it stands on is not.
    assert results["accuracy"] > fresh["accuracy"] + 20
    data = load_data("digits")
    assert evaluate(teacher.network, data.test_images, data.test_labels) == results["accuracy"]
    assert "digits-cnn-teacher trained on digits" in teacher.description


@pytest.mark.parametrize(
    ("network", "recipe"),
    [
        (None, "digits-teacher"),
        ("untrained:digits-cnn-teacher", "digits-teacher"),
        ("digits-cnn-teacher", "fine-tune"),
    ],
)
def test_known_weights_are_trained_in_small_steps(network, recipe):
    asked = train_teacher._recipe(TrainTeacherConfig(network=network, epochs=3))
    assert (asked.name, asked.epochs) == (recipe, 3)


def test_a_residual_network_by_its_sizes(tmp_path):
    results, teacher = trained(tmp_path, depths=(1, 1), widths=(4, 8))
    assert results["params"] == sum(p.numel() for p in teacher.network.parameters())
    assert teacher.network(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_networks_that_there_are_not(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'digits-cnn-teacher'"):
        trained(tmp_path, network="digits-cnn-teachr")
