"""The recipe that suits a space, where none is named."""

from __future__ import annotations

import torch
from torch import nn

from autodas.core.rng import derive
from autodas.distill import RECIPES
from autodas.spaces import Space

__all__ = ["default_recipe"]


def default_recipe(space: Space) -> str:
    """The recipe named after the space, ``SPACE-short``, else the one for its kind of network.

    Transformers normalise tokens by layer, the convolutional networks here channels by batch.
    """
    own = f"{space.name}-short"
    if own in RECIPES:
        return own
    with torch.device("meta"):
        network = space.build(space.sample(derive(0, "default recipe", space.name)))
    tokens = any(isinstance(module, nn.LayerNorm) for module in network.modules())
    return "vit-short" if tokens else "cnn-short"
