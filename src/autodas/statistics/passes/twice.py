"""Activations that PyTorch differentiates only once, written so that it does so twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

__all__ = ["TwiceDifferentiable"]

_HARD_SIGMOIDS = (
    F.hardsigmoid,
    torch._C._nn.hardsigmoid,
    torch._C._nn.hardsigmoid_,
)


class TwiceDifferentiable(TorchFunctionMode):
    """While active, hard sigmoids are computed as relu6(x + 3) / 6.

    MobileNetV3 and others gate channels with them, and PyTorch has no derivative of their gradient.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the function returns
        kwargs = kwargs or {}
        if func in _HARD_SIGMOIDS:
            x = args[0] if args else kwargs["input"]
            value = F.relu6(x + 3) / 6
            in_place = func is torch._C._nn.hardsigmoid_ or kwargs.get("inplace")
            return x.copy_(value) if in_place else value
        return func(*args, **kwargs)
