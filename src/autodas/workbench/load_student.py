"""Load a distilled student."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autodas import distill
from autodas.core.errors import AutodasError, FileProblem, InvalidInput
from autodas.core.places import expanded
from autodas.distill.export import STUDENT
from autodas.networks import StagedNetwork
from autodas.spaces import SPACES, get_space
from autodas.students import Student
from autodas.teachers import MOST_TIMM, check_fits, check_sizes, read_description
from autodas.workbench.predict import FilePredictor

__all__ = ["load_student", "student_file"]


def load_student(path: Path | str) -> StagedNetwork:
    """A distilled student, ready for use.

    A student of a space of one's own needs the module of that space to be imported already: what a
    file names is not imported.

    Args:
        path: A run directory of ``run`` or ``distill``, or the weights in it.

    Returns:
        The network in evaluation mode. It wants images normalised like its training data; its
        ``predict(files)`` sees to that.

    Raises:
        FileProblem: the files are missing, damaged or do not describe a student.
    """
    weights = student_file(path)
    description = read_description(weights)
    try:
        build = _network_of(description)
    except (KeyError, TypeError, ValueError, AutodasError) as error:
        raise FileProblem(weights, f"is not described as a student ({error})") from None
    check_fits(weights, build)
    network = distill.load_student_weights(weights, build())
    network.predict = FilePredictor(network, description)
    return network


def student_file(path: Path | str) -> Path:
    """The weights of the student that a run has left.

    Args:
        path: A run directory of ``run`` or ``distill``, or the weights in it.

    Raises:
        FileProblem: there are none.
    """
    path = expanded(Path(path))
    places = [path / STUDENT, path / "distill" / STUDENT] if path.is_dir() else [path]
    found = [place for place in places if place.exists()]
    if not found:
        raise FileProblem(path, "no student there: name a run directory of run or distill")
    return found[0]


def _network_of(description: dict[str, Any]) -> Callable[[], StagedNetwork]:
    """What builds the network; nothing is built yet."""
    classes = description["num_classes"]
    channels, height, width = description["input_shape"]
    if not all(type(size) is int for size in (classes, channels, height, width)):
        raise InvalidInput("'num_classes' and 'input_shape' must be whole numbers")
    shape = (channels, height, width)
    check_sizes(classes, shape)
    if "student" in description:
        student = Student.of_json(description["student"])
        if student.is_timm:
            check_sizes(classes, shape, MOST_TIMM)
        return lambda: student.build(classes, shape)
    name = str(description["space"])
    if name not in SPACES and name.partition(":")[0] not in sys.modules:
        yours = "if it is yours, import its module, or name it by --plugin"
        raise InvalidInput(f"space {name[:100]!r} is unknown; {yours}")
    space = get_space(name)
    arch = space.decode(str(description["arch"]))
    return lambda: space.build(arch, num_classes=classes, input_shape=shape)
