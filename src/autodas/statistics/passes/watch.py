"""See activations and attention wherever they are computed.

Networks call activations as modules, as functions or as tensor methods, and attention in many
wrappings. Below all of these lie a few PyTorch functions; watching those needs no cooperation
from the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from autodas.statistics.passes.activation_calls import SWITCHES
from autodas.statistics.passes.attention_calls import ATTENTION_FUNCTIONS, AttentionCall

__all__ = ["Watch"]


class Watch(TorchFunctionMode):
    """While active, keeps what activation functions and attention see.

    Args:
        activations: Keep, for every activation call, which inputs are above its switch.
        attention: Keep, for every scaled dot-product attention, queries and keys.

    Attributes:
        signs: Boolean tensors in order of execution.
        attentions: Attentions in order of execution.
    """

    def __init__(self, *, activations: bool, attention: bool) -> None:
        super().__init__()
        self.activations = activations
        self.attention = attention
        self.signs: list[Tensor] = []
        self.attentions: list[AttentionCall] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the function returns
        kwargs = kwargs or {}
        if self.activations and func in SWITCHES:
            # Before the call, because an in-place activation overwrites its input.
            self._note(args[0] if args else kwargs["input"], SWITCHES[func](*args, **kwargs))
        elif self.attention and func in ATTENTION_FUNCTIONS:
            with torch.no_grad():
                self.attentions.append(ATTENTION_FUNCTIONS[func](*args, **kwargs))
        return func(*args, **kwargs)

    def _note(self, value: Tensor, above: Tensor | None) -> None:
        # A parameter that gates is the same for all images.
        if above is not None and not isinstance(value, nn.Parameter):
            self.signs.append(above)
