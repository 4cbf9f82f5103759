"""The weights of a network that statistics look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from autodas.statistics.need import Unmeasurable

__all__ = [
    "WEIGHTED",
    "Key",
    "Layer",
    "gradients_missing",
    "key_of",
    "layers_of",
    "names_of",
    "own_weights",
    "real_weights",
    "scripted_part",
    "trainable_weights",
    "why_unseen",
]

Key: TypeAlias = int | tuple[int, str]

WEIGHTED = (nn.modules.conv._ConvNd, nn.Linear)
"""Layers that show what they put out when they are called."""


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

    @property
    def key(self) -> Key:
        """As of :func:`key_of`."""
        return key_of(self.module, self.name.rpartition(".")[2])

    @property
    def channels(self) -> int:
        """Output channels."""
        if isinstance(self.module, nn.modules.conv._ConvTransposeNd):
            return self.module.out_channels
        return self.weight.shape[0]


def layers_of(network: nn.Module) -> list[Layer]:
    """All weights of two or more dimensions that a matrix product or convolution uses.

    A weight that several modules share is one layer.
    """
    found: dict[int, Layer] = {}
    for prefix, module in network.named_modules():
        if isinstance(module, nn.modules.conv._ConvNd | nn.Linear | nn.MultiheadAttention):
            for name in names_of(module):
                weight = getattr(module, name)
                if isinstance(weight, Tensor):
                    found.setdefault(id(weight), Layer(f"{prefix}.{name}", weight, module))
    return list(found.values())


def names_of(module: nn.Module) -> tuple[str, ...]:
    """The weights of a layer; attention projects its inputs by one, or by one for each of them."""
    if not isinstance(module, nn.MultiheadAttention):
        return ("weight",)
    if module._qkv_same_embed_dim:
        return ("in_proj_weight",)
    return "q_proj_weight", "k_proj_weight", "v_proj_weight"


def key_of(module: nn.Module, name: str = "weight") -> Key:
    """Tells a weight of a layer from others, but not from the same weight in another layer.

    A weight that a hook computes is another tensor at every call.
    """
    weight = module._parameters.get(name)
    return (id(module), name) if weight is None else id(weight)


def scripted_part(network: nn.Module) -> str:
    """Name of a part whose layers nobody can see, since it is a program; empty without one."""
    for name, module in network.named_modules():
        if (
            isinstance(module, torch.jit.ScriptModule)
            and next(module.parameters(), None) is not None
        ):
            return name or type(network).__name__
    return ""


def real_weights(layers: Sequence[Layer]) -> list[Tensor]:
    """The weights of layers, if they are real numbers.

    Raises:
        Unmeasurable: some are complex.
    """
    for layer in layers:
        if reason := _complex(layer):
            raise Unmeasurable(reason)
    return [layer.weight for layer in layers]


def own_weights(layers: Sequence[Layer]) -> list[Tensor]:
    """The weights of layers, if the layers hold them.

    Raises:
        Unmeasurable: the weight of one is computed whenever the layer is called, or complex.
    """
    if reason := _computed(layers):
        raise Unmeasurable(reason)
    return [layer.weight for layer in layers]


def gradients_missing(layers: Sequence[Layer]) -> str:
    """Why there are no gradients at the weights of layers; empty if there are."""
    frozen = any(not layer.weight.requires_grad for layer in layers)
    reason = "the network has frozen weights, which have no gradient" if frozen else ""
    return _computed(layers) or reason


def why_unseen(layers: Sequence[Layer]) -> str:
    """Why the outputs of layers are not known that are used without being called; empty of none."""
    for layer in layers:
        if isinstance(layer.module, nn.MultiheadAttention):
            return "nn.MultiheadAttention does not show what its layers put out"
        return f"the weight of {layer.name.rpartition('.')[0]} is used without calling the layer"
    return ""


def _complex(layer: Layer) -> str:
    prefix = layer.name.rpartition(".")[0]
    return f"the weight of {prefix} is of complex numbers" if layer.weight.is_complex() else ""


def _computed(layers: Sequence[Layer]) -> str:
    for layer in layers:
        prefix, _, name = layer.name.rpartition(".")
        if reason := _complex(layer):
            return reason
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
