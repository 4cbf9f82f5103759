"""What an algorithm must be told about genomes: four functions."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from autodas.core.errors import InvalidInput

__all__ = ["Origin", "Rates", "Variation"]

G = TypeVar("G")


class Origin(enum.StrEnum):
    """How a candidate came to be."""

    RANDOM = "random"  # drawn because there was nothing to breed from, or nothing new to breed
    NEWCOMER = "newcomer"  # drawn to bring fresh material into a population
    MUTATION = "mutation"
    CROSSOVER = "crossover"  # of two parents; possibly mutated as well


@dataclass(frozen=True)
class Variation(Generic[G]):
    """How to draw, vary and name genomes of one kind.

    Genomes are immutable: ``mutate`` and ``crossover`` return new ones. All randomness comes
    from the generator that is passed in.

    Attributes:
        random: Draws a genome.
        mutate: A genome near the given one.
        crossover: A genome made of parts of two.
        key: Canonical text of a genome; equal keys mean the same genome, which is asked once.
    """

    random: Callable[[np.random.Generator], G]
    mutate: Callable[[G, np.random.Generator], G]
    crossover: Callable[[G, G, np.random.Generator], G]
    key: Callable[[G], str]


@dataclass(frozen=True)
class Rates:
    """How children are made from parents.

    Attributes:
        crossover: Probability in [0, 1] that a child has two parents.
        mutation: Probability in [0, 1] that a child of two parents is mutated as well; a child
            of one parent always is.
    """

    crossover: float = 0.5
    mutation: float = 0.5

    def __post_init__(self) -> None:
        for name in ("crossover", "mutation"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise InvalidInput(f"the rate of {name} must lie in [0, 1], got {value}")
