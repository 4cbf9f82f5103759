"""Where a training stood, in one file that appears whole or not at all.

Tensors are safetensors; everything else is JSON in the file's own header, so weights and numbers
can never be of different epochs. A digest of both shows damage. Nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.optim import Optimizer

from autodas.core.digest import digest
from autodas.core.errors import FileProblem
from autodas.core.files import write_bytes

__all__ = ["Checkpoint", "optimizer_tensors", "read_checkpoint", "restore_optimizer"]

FORMAT = "autodas-training-2"


@dataclass(frozen=True)
class Checkpoint:
    """A training between two epochs.

    Attributes:
        tensors: By name, on the CPU.
        state: Plain JSON values.
    """

    tensors: Mapping[str, Tensor]
    state: Mapping[str, Any]

    def write(self, path: Path) -> None:
        """Write it, replacing the last one at once.

        Raises:
            FileProblem: the disk is full or the folder cannot be written to.
        """
        tensors = {k: v.detach().cpu().contiguous().clone() for k, v in self.tensors.items()}
        state = json.dumps(dict(self.state))
        metadata = {"format": FORMAT, "state": state, "sha256": _digest(state, tensors)}
        write_bytes(path, safetensors.torch.save(tensors, metadata))

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with ``prefix.``, without it."""
        start = prefix + "."
        return {k[len(start) :]: v for k, v in self.tensors.items() if k.startswith(start)}


def read_checkpoint(path: Path, fingerprint: str) -> Checkpoint | None:
    """The checkpoint at ``path``; None if there is none.

    Args:
        path: The file.
        fingerprint: Of the training that is to go on.

    Raises:
        FileProblem: the file is damaged, or of another training.
    """
    if not path.exists():
        return None
    try:
        with safetensors.safe_open(path, framework="pt") as handle:
            metadata = handle.metadata() or {}
            tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
        text = metadata["state"] if metadata.get("format") == FORMAT else "null"
        state = json.loads(text)
        if state is not None and metadata.get("sha256") != _digest(text, tensors):
            raise ValueError("its digest does not fit its content")
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        why = " ".join(str(error).split())[:200]
        raise FileProblem(
            path, f"is a damaged checkpoint ({why}); remove it to begin again"
        ) from None
    if not isinstance(state, dict):
        raise FileProblem(path, "is no checkpoint of a training")
    if state.get("fingerprint") != fingerprint:
        raise FileProblem(
            path,
            "is the checkpoint of another training or of another version of autodas, PyTorch or "
            "NumPy; remove it to begin anew",
        )
    return Checkpoint(tensors, state)


def _digest(state: str, tensors: Mapping[str, Tensor]) -> str:
    found = hashlib.sha256(digest(state).encode())
    for name, tensor in sorted(tensors.items()):
        found.update(digest(name, str(tensor.dtype), list(tensor.shape)).encode())
        # Seen as bytes in place: some types of numbers NumPy does not have.
        found.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Everything an optimizer remembers of the steps so far, by number of parameter and name."""
    state = optimizer.state_dict()["state"]
    return {
        f"{number}.{name}": value if isinstance(value, Tensor) else torch.tensor(value)
        for number, entries in state.items()
        for name, value in entries.items()
        if value is not None
    }


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of :func:`optimizer_tensors`, for an optimizer of the same parameters."""
    whole = optimizer.state_dict()
    whole["state"] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        whole["state"].setdefault(int(number), {})[name] = value
    optimizer.load_state_dict(whole)
