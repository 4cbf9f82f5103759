"""SynFlow's data-free pass: no labels, no images, only the network's own wiring."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from autodas.networks import StagedNetwork
from autodas.statistics.modes import measuring_mode

__all__ = ["virtual_gradients"]


def virtual_gradients(
    network: StagedNetwork, weights: Sequence[Tensor], images: Tensor
) -> list[Tensor]:
    """Gradients of the summed outputs for an all-ones input at absolute parameters.

    Normalisation uses its running statistics, which are the identity in an untrained network.
    The pass runs in double precision: products over many layers leave single precision.

    Args:
        network: The student; its parameters are not changed.
        weights: The parameters whose gradients are wanted.
        images: Only the shape is used, ``(B, C, H, W)``.

    Returns:
        One tensor per weight, of its shape. Source: Tanaka et al., NeurIPS 2020, section 5.
    """
    wanted = {id(weight) for weight in weights}
    state = {
        name: parameter.detach().abs().double().requires_grad_(id(parameter) in wanted)
        for name, parameter in network.named_parameters()
    }
    buffers = {
        name: value.double() if value.is_floating_point() else value
        for name, value in network.named_buffers()
    }
    ones = torch.ones(1, *images.shape[1:], dtype=torch.float64)
    with measuring_mode(network, batch_statistics=False), torch.enable_grad():
        outputs = torch.func.functional_call(network, {**state, **buffers}, (ones,))
        names = {id(parameter): name for name, parameter in network.named_parameters()}
        leaves = [state[names[id(weight)]] for weight in weights]
        gradients = torch.autograd.grad(
            outputs.sum(), leaves, allow_unused=True, materialize_grads=True
        )
    return list(gradients)
