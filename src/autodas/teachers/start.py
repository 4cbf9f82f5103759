"""Networks to train into teachers: fresh ones, and ones that go on from known weights."""

from __future__ import annotations

from dataclasses import replace

from autodas.core.errors import InvalidInput
from autodas.networks import StagedNetwork, seeded
from autodas.teachers.blueprint import Blueprint, Shape
from autodas.teachers.catalog import UNTRAINED, blueprint_of, load_teacher

__all__ = ["start_from"]


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
