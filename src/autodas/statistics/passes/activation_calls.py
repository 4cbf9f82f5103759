"""Where activations switch, read from the arguments of PyTorch's activation functions.

An activation acts on each number alone and differently on both sides of a switch, which for most
lies at zero. Softmax is none: it acts on many numbers together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["SWITCHES"]


def _at_zero(input: Tensor, *_: object, **__: object) -> Tensor:
    return input > 0


def _at_threshold(input: Tensor, threshold: float, *_: object, **__: object) -> Tensor:
    return input > threshold


def _at_gate(input: Tensor, dim: int) -> Tensor:
    """The second half of the input decides how much of the first passes."""
    return input.chunk(2, dim)[1] > 0


def _at_bound(
    input: Tensor,
    min: Tensor | float | None = None,
    max: Tensor | float | None = None,
    **_: object,
) -> Tensor | None:
    """Of a clamp that is ReLU, ReLU6 or hard tanh; others protect from rare numbers."""
    rises_from_zero = isinstance(min, int | float) and min == 0
    is_hard_tanh = isinstance(min, int | float) and isinstance(max, int | float) and -min == max > 0
    return input > 0 if rises_from_zero or is_hard_tanh else None


_ELEMENTWISE: tuple[Callable[..., Any], ...] = (
    *(F.relu, F.relu_, F.relu6, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_),
    *(F.leaky_relu, F.leaky_relu_, F.rrelu, F.rrelu_, torch.rrelu, torch.rrelu_),
    *(F.prelu, torch.prelu, Tensor.prelu, F.elu, F.elu_),
    *(F.selu, F.selu_, torch.selu, torch.selu_, F.celu, F.celu_, torch.celu, torch.celu_),
    *(F.gelu, F.silu, F.mish, F.hardswish, F.softplus, F.softsign),
    *(torch.tanh, torch.tanh_, Tensor.tanh, Tensor.tanh_, F.tanhshrink),
    *(F.hardtanh, F.hardtanh_, F.softshrink, F.hardshrink, torch.hardshrink, Tensor.hardshrink),
    *(torch.sigmoid, torch.sigmoid_, Tensor.sigmoid, Tensor.sigmoid_, torch.special.expit),
    *(F.logsigmoid, F.hardsigmoid),
)
_CLAMPS: tuple[Callable[..., Any], ...] = (
    *(torch.clamp, torch.clamp_, Tensor.clamp, Tensor.clamp_),
    *(torch.clip, torch.clip_, Tensor.clip, Tensor.clip_),
    *(torch.clamp_min, torch.clamp_min_, Tensor.clamp_min, Tensor.clamp_min_),
)
_THRESHOLDS: tuple[Callable[..., Any], ...] = (
    F.threshold,
    F.threshold_,  # type: ignore[attr-defined]  # not in its stubs
    torch.threshold,
)

SWITCHES: dict[Callable[..., Any], Callable[..., Tensor | None]] = {
    **dict.fromkeys(_ELEMENTWISE, _at_zero),
    **dict.fromkeys(_CLAMPS, _at_bound),
    **dict.fromkeys(_THRESHOLDS, _at_threshold),
    F.glu: _at_gate,
}
"""PyTorch's activation functions -> which of their inputs are above the switch; None if the call is
no activation."""
