"""Load a distilled student."""

from __future__ import annotations

from pathlib import Path

from autodas import distill
from autodas.core.errors import AutodasError, FileProblem
from autodas.distill.export import STUDENT
from autodas.networks import StagedNetwork
from autodas.spaces import get_space
from autodas.teachers import read_description

__all__ = ["load_student"]


def load_student(path: Path | str) -> StagedNetwork:
    """A distilled student, ready for use.

    Args:
        path: A run directory of ``distill``, or the weights in it.

    Returns:
        The network in evaluation mode. It wants images normalised like its training data.

    Raises:
        FileProblem: the files are missing, damaged or do not describe a student.
    """
    weights = Path(path) / STUDENT if Path(path).is_dir() else Path(path)
    description = read_description(weights)
    try:
        space = get_space(str(description["space"]))
        channels, height, width = description["input_shape"]
        network = space.build(
            space.decode(str(description["arch"])),
            num_classes=int(description["num_classes"]),
            input_shape=(int(channels), int(height), int(width)),
        )
    except (KeyError, TypeError, ValueError, AutodasError) as error:
        raise FileProblem(weights, f"is not described as a student ({error})") from None
    return distill.load_student(weights, network)
