"""Recipes: ranges and the learning rate."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput, UnknownName
from autodas.distill import RECIPES, get_recipe

CNN = get_recipe("digits-cnn-short")


@pytest.mark.parametrize("name", RECIPES.names())
def test_every_recipe_warms_up_and_comes_to_rest(name):
    recipe = get_recipe(name)
    steps = 200
    rates = [recipe.rate(step, steps) for step in range(steps)]
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(recipe.learning_rate, rel=1e-2)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0 < rates[-1] < 0.01 * recipe.learning_rate
    assert top == pytest.approx(recipe.warm_up * steps, abs=1)


@given(warm_up=st.floats(0, 0.99), steps=st.integers(1, 50), step=st.floats(0, 1, exclude_max=True))
def test_the_rate_is_positive_and_bounded(warm_up, steps, step):
    recipe = replace(CNN, warm_up=warm_up)
    assert 0 < recipe.rate(int(step * steps), steps) <= recipe.learning_rate


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("temperature", -1.0),
        ("kd_weight", -0.1),
        ("weight_decay", float("inf")),
        ("momentum", 1.0),
        ("beta2", -0.1),
        ("warm_up", 1.0),
        ("drop_path", 1.0),
        ("shift", -1),
        ("optimizer", "sgdm"),
        ("resized_crop", 1.0),
        ("colour_jitter", -0.1),
        ("erasing", 1.0),
        ("rand_augment", 31),
        ("rand_augment", -1),
    ],
)
def test_values_out_of_range_are_refused_by_name(field, value):
    with pytest.raises(InvalidInput, match=f"recipe 'digits-cnn-short': {field} must"):
        replace(CNN, **{field: value})


def test_an_unknown_recipe_is_refused():
    with pytest.raises(UnknownName, match="did you mean 'digits-cnn-short'"):
        get_recipe("digits-cnn-shor")
