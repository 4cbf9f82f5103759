"""The recipe of a training: the one that is named or suits the space, with the values given beside.

Where no recipe is named it is the one named after the space, ``SPACE-short``, else the one for its
kind of network.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from torch import nn

from autodas.core.errors import InvalidInput
from autodas.core.rng import derive
from autodas.distill import LOSSES, RECIPES, Recipe, get_recipe
from autodas.networks import without_weights
from autodas.spaces import Space

__all__ = ["default_recipe", "parse_choices", "parse_losses", "recipe_for", "recipes_to_try"]


def recipe_for(
    space: Space,
    name: str | None = None,
    *,
    losses: Sequence[str] | None = None,
    **values: float | None,
) -> Recipe:
    """The recipe called ``name``, by default that of the space, with other values.

    Args:
        space: Of the students.
        name: A recipe.
        losses: In place of the recipe's losses, ``NAME=WEIGHT`` each.
        values: In place of the recipe's, such as ``epochs``; those that are None stay.

    Raises:
        UnknownName: there is no such recipe or loss.
        InvalidInput: a value is not acceptable.
    """
    recipe = get_recipe(name or default_recipe(space))
    return recipe.changed(losses=parse_losses(losses), **values)


def recipes_to_try(
    space: Space, name: str | None, choices: Sequence[str], *, epochs: int | None
) -> list[Recipe]:
    """The recipe with each of the losses to choose among, as :func:`parse_choices` reads them.

    Raises:
        UnknownName: there is no such recipe or loss.
        InvalidInput: a value is not acceptable.
    """
    usual = recipe_for(space, name, epochs=epochs)
    return [usual.changed(losses=parse_losses(each)) for each in parse_choices(choices)] or [usual]


def default_recipe(space: Space) -> str:
    """Name of the recipe that suits a space.

    Transformers normalise tokens by layer, the convolutional networks here channels by batch.
    """
    own = f"{space.name}-short"
    if own in RECIPES:
        return own
    arch = space.sample(derive(0, "default recipe", space.name))
    network = without_weights(lambda: space.build(arch))
    tokens = any(isinstance(module, nn.LayerNorm) for module in network.modules())
    return "vit-short" if tokens else "cnn-short"


def parse_choices(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """Losses to choose among, each ``NAME=WEIGHT``, several at once joined by ``+``.

    Raises:
        InvalidInput: a text is not of this form, or comes twice.
        UnknownName: there is no such loss.
    """
    found = [tuple(re.split(r"\+(?=[a-z])", text)) for text in texts]
    for each in found:
        for name in parse_losses(each) or {}:
            LOSSES.get(name)
    if len(set(found)) < len(found):
        raise InvalidInput(f"losses to choose among must differ, got {' '.join(texts)[:200]}")
    return found


def parse_losses(texts: Sequence[str] | None) -> dict[str, float] | None:
    """Weights by name of ``NAME=WEIGHT …``; None if nothing was given.

    Raises:
        InvalidInput: a text is not of this form, or a name comes twice.
    """
    if texts is None:
        return None
    found: dict[str, float] = {}
    for text in texts:
        name, equals, number = text.partition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not (name and equals and math.isfinite(weight)) or name in found:
            raise InvalidInput(f"a loss is written NAME=WEIGHT, once each, got {text!r}")
        found[name] = weight
    return found
