"""What a network costs: parameters and multiply-accumulate operations, without weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["Cost", "cost", "count", "parameters"]


@dataclass(frozen=True)
class Cost:
    """Size of a network.

    Attributes:
        params: Trainable parameters.
        macs: Multiply-accumulate operations of convolutions, matrix products and attention for
            one image.
    """

    params: int
    macs: int


def parameters(network: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def cost(build: Callable[[], nn.Module], input_shape: tuple[int, int, int]) -> Cost:
    """Count parameters and MACs of the network that ``build`` makes.

    The network is built on PyTorch's meta device, which knows shapes and holds no numbers, so
    neither memory nor random numbers are used. The meta device is also what makes the count
    right: on the CPU, PyTorch's counter misses fused attention.

    Args:
        build: Makes the network.
        input_shape: (C, H, W) of one image.
    """
    with torch.device("meta"):
        network = build()
        image = torch.empty(1, *input_shape)
    network.eval()
    return count(network, image)


def count(network: nn.Module, image: Tensor) -> Cost:
    """Parameters and MACs of a network that exists.

    Much faster than :func:`cost` for small networks, for which shape arithmetic on the meta
    device takes longer than running them.

    Args:
        network: In evaluation mode.
        image: ``(1, C, H, W)`` on the network's device.
    """
    counter = FlopCounterMode(display=False, custom_mapping=_FORMULAS)
    # In evaluation mode, PyTorch computes attention on a path of its own, which is not counted.
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with counter, torch.no_grad():
            network(image)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    # The counter counts a multiplication and an addition as two.
    return Cost(parameters(network), counter.get_total_flops() // 2)


def _attention(
    queries: tuple[int, ...],
    keys: tuple[int, ...],
    values: tuple[int, ...],
    *_: object,
    **__: object,
) -> int:
    """FLOPs of queries times keys and of weights times values, shapes (B, heads, N, d)."""
    batch, heads, tokens, width = queries
    return 2 * batch * heads * tokens * keys[2] * (width + values[3])


def _lstm(
    inputs: tuple[int, ...],
    to_gates: tuple[int, ...],
    back: tuple[int, ...],
    *_: object,
    **__: object,
) -> int:
    """FLOPs of one layer and direction: inputs (steps, B, D), weights (4 H, D) and (4 H, H)."""
    steps, batch = inputs[:2]
    return 2 * steps * batch * (math.prod(to_gates) + math.prod(back))


# PyTorch has no formulas for what the CPU does in one go, and would count nothing for it.
_FORMULAS: dict[object, Callable[..., int]] = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten.mkldnn_rnn_layer: _lstm,
}
