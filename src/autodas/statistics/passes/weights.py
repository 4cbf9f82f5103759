"""The weights of a network that statistics look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from autodas.statistics.need import Unmeasurable

__all__ = ["Layer", "layers_of", "trainable_weights"]


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
    """All weights of two or more dimensions that a matrix product or convolution uses."""
    found = []
    for prefix, module in network.named_modules():
        if isinstance(module, nn.modules.conv._ConvNd | nn.Linear):
            found.append(Layer(f"{prefix}.weight", module.weight, module))
        elif isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
            found.append(Layer(f"{prefix}.in_proj_weight", module.in_proj_weight, module))
    return found


def trainable_weights(layers: Iterable[Layer]) -> list[Tensor]:
    """Their weights, if all have gradients.

    Raises:
        Unmeasurable: some are frozen.
    """
    found = [layer.weight for layer in layers]
    if not all(weight.requires_grad for weight in found):
        raise Unmeasurable("the network has frozen weights, which have no gradient")
    return found
