"""One device, or one of several: what the training loop asks of either."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from autodas.core.errors import InvalidInput

__all__ = ["Engine", "SingleDevice", "half_precision"]


class Engine(Protocol):
    """Runs the steps of one process.

    Attributes:
        device: Where this process trains.
        rank: Number of this process, 0 for the one that writes files.
        world: Number of processes, each of which takes its share of every batch.
    """

    device: str
    rank: int
    world: int

    def setup(self, module: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """The module and optimizer to call from now on."""
        ...

    def autocast(self) -> AbstractContextManager[Any]:
        """Precision of what is computed inside."""
        ...

    def last_part(self, module: nn.Module, last: bool) -> AbstractContextManager[Any]:
        """Around one part of an accumulated batch: gradients need to agree after the last only."""
        ...

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of ``loss``."""
        ...

    def unscale(self, optimizer: Optimizer) -> None:
        """Make gradients true to scale, before they are clipped."""
        ...

    def step(self, optimizer: Optimizer) -> None:
        """Let the optimizer move."""
        ...

    def mean(self, value: Tensor) -> Tensor:
        """Mean over all processes."""
        ...

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep of it, as JSON values."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state`."""
        ...


class SingleDevice:
    """A CPU or one GPU.

    Args:
        device: Such as ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
        amp: Compute in half precision where it is safe: bfloat16, or float16 with scaled
            gradients on GPUs without it.

    Raises:
        InvalidInput: the device is not there, or half precision is asked for on a CPU.
    """

    rank = 0
    world = 1

    def __init__(self, device: str = "cpu", *, amp: bool = False) -> None:
        self.device = device
        on_gpu = _kind(device) == "cuda"
        if on_gpu and not torch.cuda.is_available():
            raise InvalidInput(f"device {device!r}: PyTorch sees no CUDA device here; use 'cpu'")
        if amp and not on_gpu:
            raise InvalidInput(f"half precision needs a CUDA device, not {device!r}")
        self.dtype: torch.dtype | None = None
        if amp:
            self.dtype = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        self.scaler = torch.amp.GradScaler("cuda", enabled=self.dtype == torch.float16)

    def setup(self, module: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """As they are."""
        return module, optimizer

    def autocast(self) -> AbstractContextManager[Any]:
        """Half precision, if asked for."""
        if self.dtype is None:
            return contextlib.nullcontext()
        return torch.autocast("cuda", dtype=self.dtype)

    def last_part(
        self,
        module: nn.Module,  # noqa: ARG002 - an engine's signature
        last: bool,  # noqa: ARG002
    ) -> AbstractContextManager[Any]:
        """Nothing to agree on."""
        return contextlib.nullcontext()

    def backward(self, loss: Tensor) -> None:
        """Scaled where float16 would lose small gradients."""
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]

    def unscale(self, optimizer: Optimizer) -> None:
        self.scaler.unscale_(optimizer)

    def step(self, optimizer: Optimizer) -> None:
        self.scaler.step(optimizer)
        self.scaler.update()

    def mean(self, value: Tensor) -> Tensor:
        """The value."""
        return value

    def state(self) -> dict[str, Any]:
        """Of the scaling of gradients."""
        return dict(self.scaler.state_dict())

    def restore(self, state: dict[str, Any]) -> None:
        self.scaler.load_state_dict(state)


def half_precision(device: str, *, amp: bool, bf16: bool) -> bool:
    """Whether to compute in half precision: if asked for, or where a recipe finds bfloat16."""
    on_gpu = _kind(device) == "cuda" and torch.cuda.is_available()
    return amp or (bf16 and on_gpu and torch.cuda.is_bf16_supported())


def _kind(device: str) -> str:
    try:
        return torch.device(device).type
    except RuntimeError:
        raise InvalidInput(f"device {device!r} is unknown; use 'cpu', 'cuda' or 'cuda:N'") from None
