"""Convert: weights in a file of ``torch.save`` to safetensors, or to a teacher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from autodas.core.digest import digest_file
from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.files import write_bytes
from autodas.core.progress import Progress, Silent
from autodas.networks import StagedNetwork, seeded
from autodas.networks.checkpoint import fill, save_checkpoint
from autodas.networks.pytorch_files import read_weights
from autodas.teachers import UNTRAINED, blueprint_of

__all__ = ["Config", "ConvertConfig", "run"]

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class ConvertConfig:
    """Which file to convert."""

    file: Path
    """A .pth or .pt file of torch.save, of a state_dict() or of a dictionary that holds one; or a
    safetensors file."""
    out: Path
    """The safetensors file to write."""
    network: str | None = None
    """The network whose weights they are, timm:NAME or a name of autodas list networks: a teacher
    is written, the weights with a description beside them."""
    mean: tuple[float, ...] = ()
    """With --network: what is taken off each channel of images in [0, 1]; not said by default."""
    std: tuple[float, ...] = ()
    """With --network: what each channel is divided by then."""

    def __post_init__(self) -> None:
        """Refuse what would be found out after reading the file."""
        if len(self.mean) != len(self.std) or (self.mean and self.network is None):
            raise InvalidInput(
                "mean and std go together, one number per channel each, and with --network; got "
                f"mean {list(self.mean)}, std {list(self.std)}, network {self.network}"
            )


Config = ConvertConfig


def run(config: ConvertConfig, progress: Progress = Silent()) -> dict[str, Any]:  # noqa: ARG001
    """Read weights as data, take off what wrappers put before names, and write them.

    Returns:
        ``out`` (path), ``tensors``, ``parameters`` (numbers in all tensors), ``sha256``, and
        ``num_classes`` of a teacher.

    Raises:
        FileProblem: the file holds more than weights, none, or those of another network.
        UnknownName: there is no such network.
        MissingData: PyTorch is too old to read such files safely, or timm is missing.
    """
    if config.out.suffix != SUFFIX:
        raise InvalidInput(f"out must end in {SUFFIX}, got {str(config.out)!r}")
    state = read_weights(config.file)
    classes = None
    if config.network is None:
        write_bytes(config.out, safetensors.torch.save(state))
    else:
        classes = _as_teacher(config, config.network, state)
    numbers = sum(tensor.numel() for tensor in state.values())
    lines = [f"{config.out}: {len(state)} tensors, {numbers:,} numbers"]
    if classes is not None:
        lines.append(f"it is a teacher of {classes} classes: --teacher {config.out}")
    return {
        "out": str(config.out),
        "tensors": len(state),
        "parameters": numbers,
        "sha256": digest_file(config.out),
        "num_classes": classes,
        "summary": lines,
    }


def _as_teacher(config: ConvertConfig, name: str, state: Mapping[str, Tensor]) -> int:
    """Write the weights as those of a teacher; its number of classes.

    Raises:
        FileProblem: they are of another network; nothing is written.
    """
    blueprint = blueprint_of(f"{UNTRAINED}{name.removeprefix(UNTRAINED)}")
    with torch.device("meta"):
        head = _head(blueprint.build())
    if f"{head}.weight" not in state:
        raise FileProblem(config.file, f"lacks {head}.weight, the classifier of {name}")
    blueprint = blueprint.with_classes(len(state[f"{head}.weight"]))
    network = seeded(blueprint.build, 0)
    fill(getattr(network, "model", network), config.file, head, state)
    about: dict[str, Any] = {"network": blueprint.to_json(), "description": f"{name}, converted"}
    if config.mean:
        about["normalisation"] = {"mean": list(config.mean), "std": list(config.std)}
    save_checkpoint(config.out, network, about)
    return blueprint.num_classes


def _head(network: StagedNetwork) -> str:
    """Name of the classifier, as the file has it."""
    named = {id(part): str(name) for name, part in network.named_modules()}
    return named[id(network.classifier)].removeprefix("model.")
