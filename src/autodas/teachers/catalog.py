"""Teachers by name: shipped ones, public checkpoints beside the program, and files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from autodas.core.catalog import Catalog
from autodas.core.digest import digest
from autodas.core.errors import FileProblem, InvalidInput, UnknownName
from autodas.core.places import data_file
from autodas.networks import StagedNetwork, seeded
from autodas.teachers.blueprint import BLUEPRINTS, Blueprint
from autodas.teachers.checkpoint import description_of, load_weights, read_description
from autodas.teachers.public import PUBLIC, PublicCheckpoint
from autodas.teachers.teacher import Teacher

__all__ = ["TEACHERS", "UNTRAINED", "TeacherSource", "load_teacher"]

UNTRAINED = "untrained:"
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class TeacherSource:
    """Where a named teacher comes from.

    Attributes:
        name: What it is called.
        description: One line for listings.
        blueprint: Says what network it is, without its weights.
        load: Reads it.
    """

    name: str
    description: str
    blueprint: Callable[[], Blueprint]
    load: Callable[[], Teacher]


TEACHERS: Catalog[TeacherSource] = Catalog("teacher")


@lru_cache(maxsize=8)
def load_teacher(name: str) -> Teacher:
    """The teacher called ``name``, read once per process.

    Args:
        name: A name in ``TEACHERS``; or the path of a ``.safetensors`` file with its description
            beside it; or ``untrained:NAME``, a network with initial weights, where NAME is a
            teacher or one of ``BLUEPRINTS``, and ``untrained:NAME/K`` gives it K classes.

    Raises:
        UnknownName: there is none of that name.
        FileProblem: its files are missing or damaged.
        MissingData: its weights are not on this machine; the message says how to provide them.
    """
    if name.startswith(UNTRAINED):
        return _untrained(name)
    if name.endswith(SUFFIX):
        return _from_file(Path(name), name)
    return TEACHERS.get(name).load()


def _untrained(name: str) -> Teacher:
    blueprint = _blueprint(name)
    network = seeded(blueprint.build, 0)
    return Teacher(
        name=name,
        network=_frozen(network),
        digest=digest("untrained", blueprint.to_json()),
        num_classes=blueprint.num_classes,
        accuracy=None,
        trained=False,
        description="initial weights, for comparison",
    )


def _blueprint(name: str) -> Blueprint:
    base, slash, classes = name.removeprefix(UNTRAINED).partition("/")
    if base in BLUEPRINTS:
        blueprint = BLUEPRINTS.get(base)
    elif base in TEACHERS:
        blueprint = TEACHERS.get(base).blueprint()
    else:
        raise UnknownName("network", base, (*BLUEPRINTS.names(), *TEACHERS.names()))
    if not slash:
        return blueprint
    if not (classes.isdecimal() and int(classes) > 0):
        raise InvalidInput(f"{name!r} must end with a number of classes, got {classes!r}")
    return blueprint.with_classes(int(classes))


def _from_file(weights: Path, name: str) -> Teacher:
    description = read_description(weights)
    return _assemble(
        name, weights, description["sha256"], _network_of(weights, description), description
    )


def _network_of(weights: Path, description: dict[str, Any]) -> Blueprint:
    try:
        return Blueprint.of_json(description.get("network"))
    except InvalidInput as error:
        raise FileProblem(description_of(weights), str(error)) from None


def _assemble(
    name: str, weights: Path, sha256: str, blueprint: Blueprint, about: dict[str, Any]
) -> Teacher:
    # Seeded only to leave the caller's random state alone: the weights are replaced at once.
    network = seeded(blueprint.build, 0)
    load_weights(network, weights, sha256)
    accuracy = about.get("accuracy")
    return Teacher(
        name=name,
        network=_frozen(network),
        digest=digest(blueprint.to_json(), sha256),
        num_classes=blueprint.num_classes,
        accuracy=float(accuracy) if isinstance(accuracy, int | float) else None,
        trained=True,
        description=str(about.get("description", "")),
    )


def _frozen(network: StagedNetwork) -> StagedNetwork:
    return network.eval().requires_grad_(False)


def _shipped(name: str, description: str) -> None:
    """Register a teacher whose files lie in this package."""
    weights = Path(str(resources.files("autodas.teachers"))) / "weights" / f"{name}{SUFFIX}"
    TEACHERS.add(
        name,
        TeacherSource(
            name,
            description,
            lambda: _network_of(weights, read_description(weights)),
            lambda: _from_file(weights, name),
        ),
    )


def _public(checkpoint: PublicCheckpoint) -> None:
    """Register a public checkpoint, looked for in the folder that ``AUTODAS_DATA`` names."""
    about = {"accuracy": checkpoint.accuracy, "description": checkpoint.description}

    def load() -> Teacher:
        weights = data_file(checkpoint.file)
        return _assemble(checkpoint.name, weights, checkpoint.sha256, checkpoint.blueprint, about)

    TEACHERS.add(
        checkpoint.name,
        TeacherSource(
            checkpoint.name,
            f"{checkpoint.description}; needs {checkpoint.file} in AUTODAS_DATA",
            lambda: checkpoint.blueprint,
            load,
        ),
    )


_shipped("digits-cnn-teacher", "ResNet with 175 thousand parameters, trained on digits with shifts")
for _checkpoint in PUBLIC:
    _public(_checkpoint)
