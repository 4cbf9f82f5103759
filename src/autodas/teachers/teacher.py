"""A network that students learn from."""

from __future__ import annotations

from dataclasses import dataclass

from autodas.data import Normalisation
from autodas.networks import StagedNetwork

__all__ = ["Teacher"]


@dataclass(frozen=True, eq=False)
class Teacher:
    """A teacher ready for use.

    Attributes:
        name: The name it was loaded by.
        network: In evaluation mode; its parameters want no gradient.
        digest: SHA-256 of architecture and weights; part of the key of what is measured with it.
        num_classes: Number of logits, K.
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
    num_classes: int
    accuracy: float | None
    trained: bool
    description: str
    normalisation: Normalisation | None = None
