"""The weights of a network that statistics look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from autodas.statistics.need import Unmeasurable

__all__ = [
    "Layer",
    "gradients_missing",
    "layers_of",
    "own_weights",
    "trainable_weights",
    "weight_of",
]


@dataclass(frozen=True)
class Layer:
    """A weight of at least two dimensions.

    Attributes:
        name: Dotted name of the parameter.
        weight: The parameter, ``(out, in, …)``.
        module: The module that owns it.
    """

    name: str
    weight: Tensor
    module: nn.Module


def layers_of(network: nn.Module) -> list[Layer]:
    """All weights of two or more dimensions that a matrix product or convolution uses.

    A weight that several modules share is one layer.
    """
    found: dict[int, Layer] = {}
    for prefix, module in network.named_modules():
        if isinstance(module, nn.modules.conv._ConvNd | nn.Linear | nn.MultiheadAttention):
            weight = weight_of(module)
            if weight is not None:
                name = f"{prefix}.{_weight_name(module)}"
                found.setdefault(id(weight), Layer(name, weight, module))
    return list(found.values())


def weight_of(module: nn.Module) -> Tensor | None:
    """The weight of a layer; of attention, that of the projections of all inputs."""
    weight = getattr(module, _weight_name(module))
    return weight if isinstance(weight, Tensor) else None


def _weight_name(module: nn.Module) -> str:
    return "in_proj_weight" if isinstance(module, nn.MultiheadAttention) else "weight"


def own_weights(layers: Sequence[Layer]) -> list[Tensor]:
    """The weights of layers, if the layers hold them.

    Raises:
        Unmeasurable: the weight of one is computed whenever the layer is called.
    """
    if reason := _computed(layers):
        raise Unmeasurable(reason)
    return [layer.weight for layer in layers]


def gradients_missing(layers: Sequence[Layer]) -> str:
    """Why there are no gradients at the weights of layers; empty if there are."""
    frozen = any(not layer.weight.requires_grad for layer in layers)
    reason = "the network has frozen weights, which have no gradient" if frozen else ""
    return _computed(layers) or reason


def _computed(layers: Sequence[Layer]) -> str:
    for layer in layers:
        prefix, _, name = layer.name.rpartition(".")
        if name not in layer.module._parameters:
            return f"the weight of {prefix} is computed by a hook, so that it has no gradient"
    return ""


def trainable_weights(layers: Sequence[Layer]) -> list[Tensor]:
    """The weights of layers, if there are gradients at them.

    Raises:
        Unmeasurable: some are frozen, or computed whenever their layer is called.
    """
    if reason := gradients_missing(layers):
        raise Unmeasurable(reason)
    return [layer.weight for layer in layers]
