"""The trained student as a file that anybody can load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from autodas.teachers import load_weights, read_description, save_checkpoint

__all__ = ["STUDENT", "load_student", "save_student"]

STUDENT = "student.safetensors"
N = TypeVar("N", bound=nn.Module)


def save_student(network: nn.Module, folder: Path, description: Mapping[str, Any]) -> Path:
    """Write ``student.safetensors`` and ``student.json`` into ``folder``, each atomically.

    Args:
        network: The student.
        folder: Made if need be.
        description: What it is, as plain JSON values: at least ``space`` and ``arch``, from
            which its network can be built again.

    Returns:
        Path of the weights.

    Raises:
        FileProblem: a file cannot be written.
    """
    weights = folder / STUDENT
    save_checkpoint(weights, network, description)
    return weights


def load_student(path: Path, network: N) -> N:
    """Fill the freshly built ``network`` with the weights at ``path``, ready for use.

    Args:
        path: The weights, or the folder that holds them.
        network: Built from the ``space`` and ``arch`` in the description
            (:func:`autodas.teachers.read_description`).

    Returns:
        The same network in evaluation mode.

    Raises:
        FileProblem: the files are missing, damaged, or of another network.
    """
    weights = path / STUDENT if path.is_dir() else path
    load_weights(network, weights, read_description(weights)["sha256"])
    return network.eval()
