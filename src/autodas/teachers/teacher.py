"""A network that students learn from, made to fit the images at hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from autodas.core.digest import digest
from autodas.core.errors import FileProblem, InvalidInput
from autodas.data import ImageData, Normalisation
from autodas.data.images import resized
from autodas.networks import StagedNetwork, VisionTransformer
from autodas.networks.checkpoint import description_of

__all__ = [
    "Renormalised",
    "Teacher",
    "at_native_size",
    "fitted",
    "matched",
    "native_size",
    "stated_normalisation",
]


@dataclass(frozen=True, eq=False)
class Teacher:
    """A teacher ready for use.

    Attributes:
        name: The name it was loaded by.
        network: In evaluation mode; its parameters want no gradient.
        digest: SHA-256 of architecture and weights; part of the key of what is measured with it.
        num_classes: Number of logits, K; None of a teacher that is known by its features alone.
        accuracy: On the test part of the data set it was trained on, in percent; None if unknown.
        trained: False for a network with initial weights, which has nothing to teach and serves
            comparisons only.
        description: One line for listings.
        normalisation: How images must be normalised for it; None if it takes them as they come.
            :func:`autodas.teachers.fitted` makes it fit a data set.
    """

    name: str
    network: StagedNetwork
    digest: str
    num_classes: int | None
    accuracy: float | None
    trained: bool
    description: str
    normalisation: Normalisation | None = None


def stated_normalisation(weights: Path, stated: Any) -> Normalisation | None:  # noqa: ANN401 - JSON
    """The normalisation that a description states as {"mean": […], "std": […]}."""
    if stated is None or isinstance(stated, Normalisation):
        return stated
    try:
        return Normalisation(tuple(map(float, stated["mean"])), tuple(map(float, stated["std"])))
    except (TypeError, ValueError, KeyError, InvalidInput):
        raise FileProblem(
            description_of(weights), "'normalisation' needs 'mean' and 'std', C numbers each"
        ) from None


class Renormalised(StagedNetwork):
    """A network behind a scale and a shift of each channel.

    Args:
        network: What does the work.
        scale: C numbers.
        shift: C numbers.
    """

    def __init__(
        self, network: StagedNetwork, scale: tuple[float, ...], shift: tuple[float, ...]
    ) -> None:
        super().__init__()
        self.network = network
        self.prefix_tokens = network.prefix_tokens
        self.scale: Tensor
        self.shift: Tensor
        self.register_buffer("scale", torch.tensor(scale).view(-1, 1, 1), persistent=False)
        self.register_buffer("shift", torch.tensor(shift).view(-1, 1, 1), persistent=False)

    @property
    def classifier(self) -> nn.Linear:  # type: ignore[override]
        """The last layer of the network inside."""
        return self.network.classifier

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Those of the network inside, on images as it knows them."""
        return self.network.forward_stages(x * self.scale + self.shift)


@lru_cache(maxsize=8)
def matched(teacher: Teacher, data: ImageData) -> Teacher:
    """``teacher`` for the images of ``data``, as :func:`fitted`, if it knows their classes.

    One that is known by its features alone need not.

    Raises:
        InvalidInput: the numbers of classes or of channels differ.
    """
    if teacher.num_classes not in (None, data.num_classes):
        raise InvalidInput(
            f"teacher {teacher.name!r} knows {teacher.num_classes} classes, data set "
            f"{data.name!r} has {data.num_classes}; name a teacher of these classes with "
            "--teacher, such as one of autodas train-teacher, or learn from its features alone, "
            f"features:{teacher.name}"
        )
    return fitted(teacher, data)


def fitted(teacher: Teacher, data: ImageData) -> Teacher:
    """``teacher`` for the images of ``data``.

    The same teacher, if both mean the same normalisation or one of them states none; otherwise
    one that first takes the data's normalisation back and applies its own. The same arguments
    give the same object.

    Raises:
        InvalidInput: the numbers of channels differ.
    """
    wanted, given = teacher.normalisation, data.normalisation
    channels = data.input_shape[0]
    if wanted is not None and wanted.channels != channels:
        raise InvalidInput(
            f"teacher {teacher.name!r} sees {wanted.channels} channels, "
            f"the images of {data.name!r} have {channels}"
        )
    if wanted is None or given is None or wanted == given:
        return teacher
    scale, shift = given.towards(wanted)
    network = Renormalised(teacher.network, scale, shift).eval().requires_grad_(False)
    return replace(
        teacher,
        network=network,
        digest=digest(teacher.digest, "renormalised", scale, shift),
        normalisation=given,
    )


def native_size(network: StagedNetwork) -> tuple[int, int] | None:
    """(height, width) of the only images that ``network`` takes; None if it takes any."""
    inner = getattr(network, "network", network)
    stated = tuple(getattr(inner, "image_size", ()))
    if len(stated) == 2:
        return int(stated[0]), int(stated[1])
    if isinstance(inner, VisionTransformer):
        patches = inner.pos_embed.shape[1] - inner.prefix_tokens
        side = round(patches**0.5)
        patch = inner.patch_embed.kernel_size
        return (side * patch[0], side * patch[1]) if side * side == patches else None
    return None


def at_native_size(network: StagedNetwork, images: Tensor) -> Tensor:
    """``(B, C, H, W)`` images bilinearly resized for a network that takes one size only."""
    return resized(images, native_size(network))
