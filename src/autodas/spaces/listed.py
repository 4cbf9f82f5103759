"""Spaces that are lists: models of timm by pattern, and students named in a file.

``timm:PATTERN,PATTERN`` are the models of timm whose names fit: ``timm:resnet18*,deit_tiny*``.
After a pattern may follow ``@pretrained``, their published weights, or ``@FILE.safetensors``,
weights of one's own. ``list:FILE.toml`` names students one by one::

    [[student]]
    network = "timm:mobilenetv3_small_100"
    weights = "mine.safetensors"        # or "pretrained"; initial weights without

    [[student]]
    name = "narrow"
    network = "package.module:function" # makes an nn.Module
    arguments = { width = 0.5 }
    stages = ["layer1", "layer2"]       # found without
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodas.core.digest import digest
from autodas.core.errors import FileProblem, InvalidInput, MissingData, UnknownName
from autodas.core.files import read_bytes
from autodas.core.places import expanded
from autodas.core.toml import parse_toml
from autodas.networks import StagedNetwork
from autodas.networks.import_timm import import_timm
from autodas.networks.timm_network import has_cached_weights
from autodas.spaces.base import Shape, Space, other, pick
from autodas.spaces.text import check_text
from autodas.students import CLASSES, PRETRAINED, TIMM, Student

__all__ = ["LIST", "ListSpace", "Listed", "space_of_list", "timm_space"]

LIST = "list:"
WILD = frozenset("*?[")
LONGEST = 200  # characters of a name
OPTIONS = {
    "name": str,
    "network": str,
    "weights": str,
    "arguments": dict,
    "stages": list,
    "classifier": str,
    "prefix_tokens": int,
}


@dataclass(frozen=True)
class Listed:
    """One entry of a list.

    Attributes:
        name: What the list calls it.
    """

    name: str


class ListSpace(Space):
    """A finite list of students.

    Args:
        reference: What :func:`autodas.spaces.get_space` finds it by.
        students: By name, at least one.

    Raises:
        AutodasError: a student cannot be built; the message says what is missing.
    """

    kind = Listed

    def __init__(self, reference: str, students: Mapping[str, Student]) -> None:
        self.name = self.reference = reference
        self.description = f"{len(students)} students that exist already"
        self.students = dict(students)
        for student in self.students.values():
            student.check()
        self.input_shape = next(iter(self.students.values())).input_shape
        self.num_classes = CLASSES
        self.content = digest({name: s.digest for name, s in self.students.items()})
        self._archs = tuple(map(Listed, self.students))

    @property
    def modules(self) -> tuple[str, ...]:
        """Those that make networks."""
        return tuple(sorted({s.module for s in self.students.values() if s.module}))

    @property
    def size(self) -> int:
        """Number of students."""
        return len(self._archs)

    def sample(self, rng: np.random.Generator) -> Listed:
        """One of them, all equally likely."""
        return pick(self._archs, rng)

    def enumerate(self) -> Iterator[Listed]:
        """In the order of the list."""
        return iter(self._archs)

    def mutate(self, arch: Listed, rng: np.random.Generator) -> Listed:
        """Another one: names have no neighbours."""
        if len(self._archs) < 2:
            raise InvalidInput(f"space {self.name!r} has a single student: nothing to mutate to")
        return other(arch, self._archs, rng)

    def crossover(self, a: Listed, b: Listed, rng: np.random.Generator) -> Listed:
        """One of the parents."""
        return a if rng.random() < 0.5 else b

    def encode(self, arch: Listed) -> str:
        """Its name."""
        self._check(arch)
        return arch.name

    def decode(self, text: str) -> Listed:
        """The student of that name; of a model of timm, ``timm:`` may stand before it."""
        check_text(text, self.name)
        for name in (text, text.strip().removeprefix(TIMM)):
            if name in self.students:
                return Listed(name)
        raise UnknownName(f"student of {self.name}", text[:LONGEST], self.students)

    def _check(self, arch: Listed) -> None:
        super()._check(arch)
        if arch.name not in self.students:
            raise UnknownName(f"student of {self.name}", arch.name, self.students)

    def make(self, arch: Listed, num_classes: int, input_shape: Shape) -> StagedNetwork:
        """Build it, with its first weights."""
        return self.students[arch.name].build(num_classes, input_shape)

    def depth(self, arch: Listed) -> int:
        """Number of weight layers, the same whatever the images."""
        return _layers(self, arch)

    def features(self, arch: Listed) -> npt.NDArray[np.float64]:
        """Logarithms of parameters, MACs and weight layers: all that names have in common."""
        cost = self.cost(arch)
        return np.log([cost.params, max(1, cost.macs), max(1, self.depth(arch))])

    def blueprint(self, arch: Listed) -> dict[str, Any]:
        """``student``: what is needed to build it without the list."""
        return {"student": self.students[arch.name].to_json()}


@lru_cache(maxsize=4096)
def _layers(space: ListSpace, arch: Listed) -> int:
    return Space.depth(space, arch)


@lru_cache(maxsize=64)
def timm_space(name: str) -> ListSpace:
    """The space ``timm:PATTERN,…``.

    Raises:
        UnknownName: no model of timm fits a pattern.
        MissingData: timm is not installed, or none of the weights asked for is there.
        FileProblem: a file of weights cannot be read.
    """
    students: dict[str, Student] = {}
    for word in name.removeprefix(TIMM).split(","):
        pattern, at, weights = word.strip().partition("@")
        for model in _models(pattern, weights):
            students[f"{model}{at}{weights}"] = Student(f"{TIMM}{model}", weights)
    return ListSpace(name, students)


def _models(pattern: str, weights: str) -> list[str]:
    """Names of the models that fit; of a pattern, of those whose weights are there already."""
    known = import_timm().list_models()
    found = fnmatch.filter(known, pattern)
    if not found:
        raise UnknownName("timm model", pattern, known)
    if weights != PRETRAINED or not WILD & set(pattern):
        return found
    cached = [model for model in found if has_cached_weights(model)]
    if not cached:
        raise MissingData(
            f"of the {len(found)} models of timm that fit {pattern!r}, the published weights of "
            "none are in the cache of the hub; name one without * to have it fetched"
        )
    return cached


def space_of_list(name: str) -> ListSpace:
    """The space ``list:FILE.toml``.

    Raises:
        FileProblem: the file cannot be read, or an entry in it is not understood.
        AutodasError: a student in it cannot be built.
    """
    path = expanded(Path(name.removeprefix(LIST)))
    data = read_bytes(path)
    return _space_of_list(name, path, data)


@lru_cache(maxsize=16)
def _space_of_list(name: str, path: Path, data: bytes) -> ListSpace:
    """The same object for the same file, as long as nothing in it changes."""
    return ListSpace(name, _students(path, data))


def _students(path: Path, data: bytes) -> dict[str, Student]:
    entries = parse_toml(data, path).get("student")
    if not isinstance(entries, list) or not entries:
        raise FileProblem(path, "must have an entry [[student]] for every student")
    students: dict[str, Student] = {}
    for entry in entries:
        name, student = _entry(path, entry)
        if name in students:
            raise FileProblem(path, f"has two students named {name!r}; give one another 'name'")
        students[name] = student
    return students


def _entry(path: Path, entry: object) -> tuple[str, Student]:
    if not isinstance(entry, dict) or "network" not in entry:
        raise FileProblem(path, "every [[student]] needs a 'network'")
    for key, value in entry.items():
        if key not in OPTIONS:
            raise FileProblem(path, f"a [[student]] has {', '.join(OPTIONS)}, not {key!r}")
        if not isinstance(value, OPTIONS[key]) or isinstance(value, bool):
            raise FileProblem(path, f"{key!r} must be {OPTIONS[key].__name__}, got {value!r}")
    weights = entry.get("weights", "")
    if weights and weights != PRETRAINED:
        weights = str(path.parent / expanded(Path(weights)))  # beside the list
    name = str(entry.get("name", entry["network"]))
    if not name.isprintable() or not 0 < len(name) <= LONGEST or name != name.strip():
        raise FileProblem(path, f"a name has 1 to {LONGEST} printable characters, got {name!r}")
    return name, Student(
        entry["network"],
        weights,
        tuple(entry.get("arguments", {}).items()),
        tuple(map(str, entry.get("stages", ()))),
        entry.get("classifier", ""),
        entry.get("prefix_tokens"),
    )
