"""Teachers by name: shipped ones, public checkpoints beside the program, and files.

Networks to train into teachers begin afresh, or from the weights of one of these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from autodas.core.catalog import Catalog
from autodas.core.digest import digest
from autodas.core.errors import FileProblem, InvalidInput, UnknownName
from autodas.core.places import data_file, expanded
from autodas.core.plugins import is_reference
from autodas.networks import StagedNetwork, seeded
from autodas.networks.checkpoint import (
    PICKLES,
    check_fits,
    description_of,
    load_weights,
    not_safetensors,
    read_description,
)
from autodas.teachers.blueprint import BLUEPRINTS, Blueprint, Shape
from autodas.teachers.limits import shown
from autodas.teachers.own import load_own_teacher
from autodas.teachers.public import PUBLIC, PublicCheckpoint
from autodas.teachers.teacher import Teacher, stated_normalisation
from autodas.teachers.timm_teacher import TIMM, load_timm_teacher, timm_blueprint

__all__ = [
    "FEATURES",
    "TEACHERS",
    "UNTRAINED",
    "TeacherSource",
    "blueprint_of",
    "load_teacher",
    "start_from",
]

UNTRAINED = "untrained:"
FEATURES = "features:"
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
            beside it; or ``package.module:function``, which makes one
            (:mod:`autodas.teachers.own`); or ``timm:NAME``, a model of the library timm with its
            published weights, or with those of a file of one's own,
            ``timm:NAME@PATH.safetensors``; or
            ``untrained:NAME``, a network with initial weights, where NAME is a teacher, one of
            ``BLUEPRINTS`` or ``timm:NAME``, and ``untrained:NAME/K`` gives it K classes; or
            ``features:NAME``, any of these, whatever its classes, for its features alone.

    Raises:
        UnknownName: there is none of that name.
        FileProblem: its files are missing or damaged.
        MissingData: its weights are not on this machine; the message says how to provide them.
    """
    if name.startswith(FEATURES):
        return _features_alone(name)
    if name.startswith(UNTRAINED):
        return _untrained(name)
    if name.startswith(TIMM):
        return load_timm_teacher(name)
    if is_reference(name):
        return load_own_teacher(name)
    if name.endswith(SUFFIX):
        return _from_file(expanded(Path(name)), name)
    if name.endswith(PICKLES):
        raise not_safetensors(expanded(Path(name)))
    return TEACHERS.get(name).load()


def _features_alone(name: str) -> Teacher:
    """A teacher without what it says of classes, if it says anything."""
    base = name.removeprefix(FEATURES)
    if base.startswith(TIMM):
        teacher = load_timm_teacher(base, features=True)
    elif is_reference(base):
        teacher = load_own_teacher(base, features=True)
    else:
        teacher = load_teacher(base)
    return replace(
        teacher,
        name=name,
        digest=digest("features", teacher.digest),
        num_classes=None,
        accuracy=None,
    )


def _untrained(name: str) -> Teacher:
    blueprint = blueprint_of(name)
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


def blueprint_of(name: str) -> Blueprint:
    """What network the teacher called ``name`` is, without its weights.

    Raises:
        UnknownName: there is none of that name.
        InvalidInput: ``untrained:NAME/K`` does not end with a number of classes.
        FileProblem: the description of a file is missing or damaged.
    """
    if name.endswith(SUFFIX):
        if name.startswith(TIMM):
            return timm_blueprint(name)
        weights = expanded(Path(name))
        return _network_of(weights, read_description(weights))
    base, slash, classes = name.removeprefix(UNTRAINED).partition("/")
    if base.startswith(TIMM):
        blueprint = timm_blueprint(base)
    elif base in BLUEPRINTS:
        blueprint = BLUEPRINTS.get(base)
    elif base in TEACHERS:
        blueprint = TEACHERS.get(base).blueprint()
    else:
        raise UnknownName("network", base, (*BLUEPRINTS.names(), *TEACHERS.names()))
    if not slash:
        return blueprint
    # More digits than these are no number of classes, and reading very many takes long.
    if not (classes.isdecimal() and len(classes) <= 20 and int(classes) > 0):
        raise InvalidInput(f"{shown(name)} must end with a number of classes, got {shown(classes)}")
    blueprint = blueprint.with_classes(int(classes))
    blueprint.check()
    return blueprint


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
    try:
        check_fits(weights, blueprint.build)
    except InvalidInput as error:
        raise FileProblem(description_of(weights), str(error)) from None
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
        normalisation=stated_normalisation(weights, about.get("normalisation")),
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
    about = {
        "accuracy": checkpoint.accuracy,
        "description": checkpoint.description,
        "normalisation": checkpoint.normalisation,
    }

    def load() -> Teacher:
        weights = data_file(checkpoint.file)
        return _assemble(checkpoint.name, weights, checkpoint.sha256, checkpoint.blueprint, about)

    TEACHERS.add(
        checkpoint.name,
        TeacherSource(
            checkpoint.name,
            f"{checkpoint.description}, {checkpoint.quality}; "
            f"needs {checkpoint.file} in AUTODAS_DATA",
            lambda: checkpoint.blueprint,
            load,
        ),
    )


_shipped("digits-cnn-teacher", "ResNet with 175 thousand parameters, trained on digits with shifts")
_shipped(
    "fashion-cnn-teacher",
    "ResNet with 273 thousand parameters, trained on fashion-mnist@12/20000 with shifts",
)
for _checkpoint in PUBLIC:
    _public(_checkpoint)


def start_from(
    name: str, num_classes: int, input_shape: Shape, seed: int
) -> tuple[Blueprint, StagedNetwork]:
    """The network of a teacher, for other classes and images, ready to be trained.

    Args:
        name: A teacher, whose weights are taken over but for the classifier; or ``untrained:NAME``,
            all of whose weights are drawn.
        num_classes: Number of logits, K.
        input_shape: (C, H, W) of the images.
        seed: Of the weights that are drawn.

    Raises:
        UnknownName: there is none of that name.
        InvalidInput: its weights depend on the size or the channels of the images.
        MissingData: its weights are not on this machine.
    """
    base = name.removeprefix(UNTRAINED)
    blueprint = replace(blueprint_of(name), num_classes=num_classes, input_shape=input_shape)
    network = seeded(blueprint.build, seed)
    if base != name:
        return blueprint, network
    own, known = network.state_dict(), load_teacher(name).network.state_dict()
    head = {id(tensor) for tensor in network.classifier.state_dict(keep_vars=True).values()}
    kept = {key for key, value in network.state_dict(keep_vars=True).items() if id(value) in head}
    for key, tensor in own.items():
        if key in kept:
            continue
        if key not in known or known[key].shape != tensor.shape:
            raise InvalidInput(
                f"teacher {name!r} cannot go on with images {input_shape} (C, H, W): its "
                f"{key!r} depends on their size; scale them with DATA@SIDE, or take "
                f"{UNTRAINED}{name}"
            )
        own[key] = known[key]
    network.load_state_dict(own)
    return blueprint, network
