"""How many bytes a network needs to answer: counted on shapes, nothing is allocated.

*Memory* is the bytes of parameters and buffers plus the most bytes of other tensors that are alive
at one moment of a forward pass of B images without gradients, the images among them, in float32.
Storages are followed from the operation that makes them to the last reference to them, as
PyTorch's allocator would see it; views share their storage. Workspaces inside kernels and the
allocator's rounding are not counted, and attention counts as PyTorch computes it on the meta
device.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from autodas.core.errors import InvalidInput

__all__ = ["Memory", "memory"]


@dataclass(frozen=True)
class Memory:
    """Bytes that a forward pass needs.

    Attributes:
        weights: Parameters and buffers.
        activations: Most bytes of other tensors alive at once.
        batch: Images in the pass.
    """

    weights: int
    activations: int
    batch: int

    @property
    def total(self) -> int:
        """Weights and activations together."""
        return self.weights + self.activations


def memory(
    build: Callable[[], nn.Module], input_shape: tuple[int, int, int], batch: int = 1
) -> Memory:
    """Memory of the network that ``build`` makes.

    Args:
        build: Makes the network.
        input_shape: (C, H, W) of one image.
        batch: Images in the pass, at least 1.

    Raises:
        InvalidInput: ``batch`` is less than 1.
    """
    if batch < 1:
        raise InvalidInput(f"memory needs a batch of at least 1 image, got {batch}")
    with torch.device("meta"):
        network = build().eval()
    held = {
        tensor.untyped_storage()._cdata: tensor.untyped_storage()
        for tensor in (*network.parameters(), *network.buffers())
    }
    watch = _Watch(known=held)
    with torch.no_grad(), torch.device("meta"), watch:
        images = torch.empty(batch, *input_shape)
        network(images)
    return Memory(sum(storage.nbytes() for storage in held.values()), watch.peak, batch)


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the storages that operations make, and takes them off when they die."""

    def __init__(self, known: Mapping[int, torch.UntypedStorage]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._alive = 0
        # By identity of the storage; a dead one's number may be given to the next, hence the
        # finalizer that forgets it.
        self._seen: set[int] = set(known)

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the operation returns
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._add(leaf.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        number = storage._cdata
        if number in self._seen:
            return
        self._seen.add(number)
        size = storage.nbytes()
        weakref.finalize(storage, self._remove, number, size).atexit = False
        self._alive += size
        self.peak = max(self.peak, self._alive)

    def _remove(self, number: int, size: int) -> None:
        self._seen.discard(number)
        self._alive -= size
