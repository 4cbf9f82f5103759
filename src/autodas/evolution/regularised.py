"""Regularised evolution: the oldest dies, not the worst (Real et al., AAAI 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, Unpack

import numpy as np

from autodas.core.errors import InvalidInput
from autodas.core.results import Ok
from autodas.evolution.algorithm import Algorithm, Proposal, Settings
from autodas.evolution.individual import Individual, by_fitness
from autodas.evolution.variation import Origin, Rates, Variation

__all__ = ["RegularisedEvolution"]

G = TypeVar("G")


class RegularisedEvolution(Algorithm[G]):
    """Ageing evolution: tournament, mutation, and the oldest individuals removed.

    Real et al. evaluate one child at a time. Here a generation holds ``children`` of them, all
    bred from the same population, so that they can be evaluated in parallel; ``children=1`` is
    the original.

    Args:
        variation: How genomes are drawn, varied and named.
        sample: Contestants S of a tournament, drawn without replacement, in [1, population].
        children: Candidates of every later generation.
        rates: Real et al. use mutation alone, the default.
        **settings: As of :class:`~autodas.evolution.algorithm.Algorithm`; the population P is drawn
            at random in generation 0.
    """

    def __init__(
        self,
        variation: Variation[G],
        *,
        sample: int = 10,
        children: int = 1,
        rates: Rates | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(variation, **settings)
        population = self.size
        if not 1 <= sample <= population:
            raise InvalidInput(f"sample must lie in [1, population={population}], got {sample}")
        if not 1 <= children <= population:
            raise InvalidInput(f"children must lie in [1, population={population}], got {children}")
        self.sample = sample
        self.children = children
        self.rates = rates if rates is not None else Rates(crossover=0.0)

    def _places(self) -> int:
        # Until the population is full, whether at the start or after failures, it is filled up.
        return max(self.children, self.size - len(self.population))

    def _parent(self, rng: np.random.Generator) -> Individual[G]:
        n = len(self.population)
        contestants = rng.choice(n, size=min(self.sample, n), replace=False)
        return by_fitness(self.population[int(i)] for i in contestants)[0]

    def _propose(self, index: int, rng: np.random.Generator) -> Proposal[G]:
        if not self.population or index >= self.children:
            return self.variation.random(rng), Origin.RANDOM, ()
        return self._bred(self._parent, self.rates, rng)

    def _survivors(self, told: Sequence[Individual[G]]) -> Sequence[Individual[G]]:
        # A failed child is not born: it neither enters nor ages anyone out.
        born = [each for each in told if isinstance(each.fitness, Ok)]
        return [*self.population, *born][-self.size :]
