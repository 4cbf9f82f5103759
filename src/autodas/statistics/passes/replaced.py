"""Other tensors in a network for a while: each is found by what it is, not by its name.

A weight may be reached by several names, because a module is used twice or two modules share it. It
is replaced everywhere by one other tensor and put back everywhere, whatever happens in between.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

__all__ = ["replaced"]


@contextlib.contextmanager
def replaced(
    network: nn.Module,
    parameter: Callable[[Tensor], Tensor],
    buffer: Callable[[Tensor], Tensor] = lambda tensor: tensor,
) -> Iterator[None]:
    """Put others in the place of all parameters and buffers.

    Args:
        network: As it was afterwards.
        parameter: Makes the tensor that stands for a parameter; called once for each.
        buffer: Makes the tensor that stands for a buffer; called once for each.
    """
    places = list(_places(network))
    made: dict[int, Tensor] = {}
    try:
        for holder, key, tensor, is_parameter in places:
            if id(tensor) not in made:
                made[id(tensor)] = (parameter if is_parameter else buffer)(tensor)
            holder[key] = made[id(tensor)]
        yield
    finally:
        for holder, key, tensor, _ in places:
            holder[key] = tensor


def _places(network: nn.Module) -> Iterator[tuple[Any, Any, Tensor, bool]]:
    """Dictionary or list, key, tensor there, and whether it is a parameter."""
    for module in network.modules():
        for holder, is_parameter in ((module._parameters, True), (module._buffers, False)):
            for name, tensor in holder.items():
                if tensor is not None:
                    yield holder, name, tensor, is_parameter
        if isinstance(module, nn.RNNBase):  # which keeps a list of its weights beside them
            for i, tensor in enumerate(module._flat_weights):
                if tensor is not None:
                    yield module._flat_weights, i, tensor, True
