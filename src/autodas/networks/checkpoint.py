"""Weights in a file, with a description beside them.

``NAME.safetensors`` holds the tensors of a network's state, ``NAME.json`` says what they are:
format, version and SHA-256 of the weights, beside whatever else describes the network. The
weights are written first, so a description always speaks of a complete file, and a pair that
does not belong together is noticed by the digest.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from autodas.core.digest import digest_bytes
from autodas.core.errors import FileProblem
from autodas.core.files import read_bytes, write_bytes, write_json
from autodas.core.seals import read_sealed, sealed
from autodas.networks.base import seeded

__all__ = [
    "check_fits",
    "description_of",
    "fill",
    "load_weights",
    "not_safetensors",
    "plainly_named",
    "read_description",
    "save_checkpoint",
]

FORMAT = "autodas-checkpoint"
VERSION = 1
# PyTorch counts batches in every normalisation; the count has no effect, and files leave it out.
COUNTER = "num_batches_tracked"
VARIANCE = "running_var"
WRAPPERS = ("module.", "_orig_mod.", "model.")  # the last of networks that show stages, and others
PICKLES = (".pth", ".pt", ".ckpt", ".bin")
PICKLED = (b"PK\x03\x04", b"\x80")  # what files of torch.save begin with, new and old ones
HUGE = 2**27  # bytes that may be taken and given back unnoticed


def description_of(weights: Path) -> Path:
    """Where the description of ``weights`` lies."""
    return weights.with_suffix(".json")


def save_checkpoint(weights: Path, network: nn.Module, description: Mapping[str, Any]) -> None:
    """Write ``weights`` (``….safetensors``) and its description, each atomically.

    Raises:
        FileProblem: a file cannot be written.
    """
    state = {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in network.state_dict().items()
        if not name.endswith(COUNTER)
    }
    data = safetensors.torch.save(state)
    write_bytes(weights, data)
    header = {"format": FORMAT, "version": VERSION, "sha256": digest_bytes(data)}
    write_json(description_of(weights), sealed({**header, **description}))


def read_description(weights: Path) -> dict[str, Any]:
    """The description beside ``weights``.

    Raises:
        FileProblem: it is missing or not of this format.
    """
    path = description_of(weights)
    description = read_sealed(path)
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise FileProblem(path, f"does not describe weights; its 'format' must be {FORMAT!r}")
    if description.get("version") != VERSION:
        raise FileProblem(
            path, f"has version {description.get('version')!r}; this program reads {VERSION}"
        )
    if not isinstance(description.get("sha256"), str):
        raise FileProblem(path, "must say the 'sha256' of the weights")
    return description


def check_fits(weights: Path, build: Callable[[], nn.Module]) -> None:
    """Refuse the description of a huge network that the file cannot fill, before it is built.

    Args:
        weights: A safetensors file.
        build: Makes the network; called on the meta device, where it takes no memory.

    Raises:
        FileProblem: the network is huge, and larger than the file.
    """
    with torch.device("meta"):
        state = seeded(build, 0).state_dict()
    needed = sum(tensor.nbytes for name, tensor in state.items() if not name.endswith(COUNTER))
    found = weights.stat().st_size if weights.is_file() else needed
    if needed > max(found, HUGE):
        raise FileProblem(
            weights, f"has {found} bytes, the network it is described as needs {needed}"
        )


def load_weights(network: nn.Module, weights: Path, sha256: str) -> None:
    """Fill ``network`` with the tensors of ``weights``, which must fit exactly.

    Args:
        network: Changed in place, and only if everything fits.
        weights: A safetensors file.
        sha256: The digest it must have.

    Raises:
        FileProblem: it is missing, damaged, another file than described, of another network, or
            holds weights that nothing can be computed with.
    """
    data = read_bytes(weights)
    found = digest_bytes(data)
    if found != sha256:
        raise FileProblem(
            weights,
            f"has SHA-256 {found[:12]}…, expected {sha256[:12]}…: it is damaged or another file",
        )
    tensors = _read(weights, data, network.state_dict())
    _check(weights, network.state_dict(), tensors)
    network.load_state_dict(tensors, strict=False)


def fill(
    network: nn.Module, weights: Path, head: str, tensors: Mapping[str, Tensor] | None = None
) -> None:
    """Let ``network`` begin with the tensors of ``weights``, in its own precision.

    Args:
        network: Changed in place, and only if everything fits.
        weights: A safetensors file of its ``state_dict()``.
        head: Name of its classifier, which keeps its own tensors if the file has it for another
            number of classes.
        tensors: What is in the file, if it has been read; then it may be of any format.

    Raises:
        FileProblem: as of :func:`load_weights`.
    """
    own = network.state_dict()
    tensors = _read(weights, read_bytes(weights), own) if tensors is None else dict(tensors)
    for name, tensor in own.items():
        found = tensors.get(name)
        if name.startswith(f"{head}.") and found is not None and found.shape != tensor.shape:
            tensors[name] = tensor
        elif found is not None and found.is_floating_point():
            tensors[name] = found.to(tensor.dtype)
    _check(weights, own, tensors)
    network.load_state_dict(tensors, strict=False)


def _read(weights: Path, data: bytes, wanted: Collection[str]) -> dict[str, Tensor]:
    try:
        return plainly_named(safetensors.torch.load(data), wanted)
    except SafetensorError as error:
        raise not_safetensors(weights, error) from None


def plainly_named(tensors: Mapping[str, Any], wanted: Collection[str]) -> dict[str, Any]:
    """``tensors`` without what wrappers put before every name, if not all that are wanted have it.

    Wrappers are ``DataParallel``, ``torch.compile`` and networks that show their stages.
    """
    found = dict(tensors)
    for prefix in (*WRAPPERS, *WRAPPERS):  # in either order
        own = all(name.startswith(prefix) for name in wanted)
        if not own and all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return found


def not_safetensors(weights: Path, error: Exception | None = None) -> FileProblem:
    """What to say of a file that is none: of one of ``torch.save``, how to make one of it."""
    start = b""
    with contextlib.suppress(OSError), weights.open("rb") as file:
        start = file.read(8)
    if start.startswith(PICKLED) or weights.suffix in PICKLES:
        return FileProblem(
            weights,
            "is not a safetensors file but one of torch.save, which may run code when it is read; "
            f"have it converted: autodas convert {weights.name} {weights.stem}.safetensors",
        )
    return FileProblem(weights, f"is not a safetensors file ({error})")


def _check(weights: Path, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    for name, tensor in wanted.items():
        if name.endswith(COUNTER):
            continue
        if name not in found:
            raise FileProblem(weights, f"lacks the tensor {name!r} of its network")
        if found[name].shape != tensor.shape or found[name].dtype != tensor.dtype:
            raise FileProblem(
                weights,
                f"has {name!r} as {found[name].dtype} {tuple(found[name].shape)}, "
                f"its network needs {tensor.dtype} {tuple(tensor.shape)}",
            )
    for name, tensor in found.items():
        if name not in wanted:
            raise FileProblem(weights, f"has a tensor {name!r} that its network does not know")
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise FileProblem(weights, f"has NaN or infinity in the tensor {name!r}")
        if name.endswith(VARIANCE) and (tensor < 0).any():
            raise FileProblem(weights, f"has a negative variance in the tensor {name!r}")
