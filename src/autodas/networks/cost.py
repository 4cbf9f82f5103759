"""What a network costs: parameters and multiply-accumulate operations, without weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from autodas.networks.base import like_parameters, seeded
from autodas.networks.undisturbed import undisturbed

__all__ = ["Cost", "cost", "count", "parameters", "without_weights"]

N = TypeVar("N", bound=nn.Module)
SMALL = 1_000_000  # parameters, to which one image is run within some tens of megabytes
# What PyTorch says where a tensor of the meta device is asked for a number.
NEEDS_NUMBERS = (NotImplementedError, RuntimeError)


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

    A large network is built on PyTorch's meta device, which knows shapes and holds no numbers, so
    it takes no memory. A small one is run, since that is several times as fast, and so is one that
    needs numbers to be built or run. No random numbers of the caller are used.

    Args:
        build: Makes the network.
        input_shape: (C, H, W) of one image.
    """
    with suppress(*NEEDS_NUMBERS):
        network = without_weights(build)
        if parameters(network) > SMALL:
            return count(network.eval(), like_parameters(network, (1, *input_shape)))
    network = seeded(build, 0).eval()
    return count(network, like_parameters(network, (1, *input_shape)))


def without_weights(build: Callable[[], N]) -> N:
    """The network that ``build`` makes, on the meta device: shapes alone.

    One that needs numbers to be built is made with its weights.
    """
    try:
        with torch.device("meta"), _Unfilled():
            return build()
    except NEEDS_NUMBERS:
        return seeded(build, 0)


def count(network: nn.Module, image: Tensor) -> Cost:
    """Parameters and MACs of a network that exists.

    Args:
        network: In evaluation mode; unchanged afterwards.
        image: ``(1, C, H, W)`` on the network's device.
    """
    counter = FlopCounterMode(display=False, custom_mapping=_FORMULAS)
    counter.mod_tracker = _WholeNetwork()  # type: ignore[assignment]
    # In evaluation mode, PyTorch computes attention on a path of its own, which is not counted.
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with undisturbed(network), counter, torch.no_grad():
            network(image.clone())  # it may write into it
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    # The counter counts a multiplication and an addition as two.
    return Cost(parameters(network), counter.get_total_flops() // 2)


class _Unfilled(TorchFunctionMode):
    """Tensors without numbers are not filled.

    Working out what a fill would give takes most of the time in which a small network is built.
    """

    FILLS = frozenset({Tensor.normal_, Tensor.uniform_, Tensor.fill_, Tensor.zero_, Tensor.erfinv_})

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the function gives
        if func in self.FILLS and args[0].is_meta:
            return args[0]
        return func(*args, **(kwargs or {}))


class _WholeNetwork:
    """In the place of the counter's hooks at every module, which fail at arguments like PiT's."""

    parents = ("Global",)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


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


def _with_vector(matrix: tuple[int, ...], _: tuple[int, ...], **__: object) -> int:
    """FLOPs of a matrix, or of a vector, times a vector."""
    return 2 * math.prod(matrix)


def _with_vector_added(
    _: tuple[int, ...], matrix: tuple[int, ...], *__: object, **___: object
) -> int:
    return 2 * math.prod(matrix)


def _sum_of_products(
    _: tuple[int, ...], left: tuple[int, ...], right: tuple[int, ...], *__: object, **___: object
) -> int:
    """FLOPs of products of matrices, (B, N, M) and (B, M, P), that are added up."""
    return 2 * math.prod(left) * right[2]


def _three(*given: tuple[int, ...] | list[int], **_: object) -> int:
    """FLOPs of ``nn.Bilinear``: three tensors, brought to one shape at the axes after them."""
    shapes = []
    for shape, axes in zip(given[:3], given[3:6], strict=True):
        whole = list(shape)
        for axis in sorted(axes):
            whole.insert(axis, 1)
        shapes.append(whole)
    return 2 * int(math.prod(map(max, *shapes)))


# PyTorch has no formulas for what the CPU does in one go, and would count nothing for it; nor for
# products with vectors.
_FORMULAS: dict[object, Callable[..., int]] = {
    torch.ops.aten.mv: _with_vector,
    torch.ops.aten.dot: _with_vector,
    torch.ops.aten.vdot: _with_vector,
    torch.ops.aten.addmv: _with_vector_added,
    torch.ops.aten.addbmm: _sum_of_products,
    torch.ops.aten._trilinear: _three,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten.mkldnn_rnn_layer: _lstm,
}
