"""Where no recipe is named, the space decides."""

from __future__ import annotations

import pytest

from autodas.distill import RECIPES
from autodas.spaces import SPACES, get_space
from autodas.workbench.recipes import default_recipe


@pytest.mark.parametrize(
    ("space", "recipe"),
    [
        ("digits-cnn", "digits-cnn-short"),
        ("digits-vit", "digits-vit-short"),
        ("mobile", "cnn-short"),
        ("resnet", "cnn-short"),
        ("nasbench201", "cnn-short"),
        ("pit", "vit-short"),
        ("autoformer", "vit-short"),
    ],
)
def test_the_recipe_suits_the_kind_of_network(space, recipe):
    assert default_recipe(get_space(space)) == recipe


@pytest.mark.parametrize("space", SPACES.names())
def test_every_space_has_one(space):
    assert default_recipe(get_space(space)) in RECIPES
