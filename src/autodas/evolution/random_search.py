"""Random search: the baseline every search has to beat (Bergstra & Bengio, JMLR 2012)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from autodas.evolution.algorithm import Algorithm, Proposal
from autodas.evolution.individual import Individual, by_fitness
from autodas.evolution.variation import Origin

__all__ = ["RandomSearch"]

G = TypeVar("G")


class RandomSearch(Algorithm[G]):
    """Draws every candidate at random and remembers the best ``population`` of them."""

    def _propose(self, index: int, rng: np.random.Generator) -> Proposal[G]:  # noqa: ARG002
        return self.variation.random(rng), Origin.RANDOM, ()

    def _survivors(self, told: Sequence[Individual[G]]) -> Sequence[Individual[G]]:
        return by_fitness([*self.population, *told])[: self.size]
