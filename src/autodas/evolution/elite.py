"""Elite evolution: the search of Auto-DAS.

"Auto-DAS: Automated Proxy Discovery for Training-Free Distillation-Aware
Architecture Search", ECCV 2024: parents come from an elite whose share of the population
shrinks linearly over the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar, Unpack

import numpy as np

from autodas.core.errors import InvalidInput
from autodas.evolution.algorithm import Algorithm, Proposal, Settings
from autodas.evolution.individual import Individual, by_fitness
from autodas.evolution.selection import AdaptiveElite, ParentSelection
from autodas.evolution.variation import Origin, Rates, Variation

__all__ = ["EliteEvolution"]

G = TypeVar("G")


class EliteEvolution(Algorithm[G]):
    """A (μ + λ) evolution with a selectable elite and newcomers in each generation.

    Args:
        variation: How genomes are drawn, varied and named.
        selection: Which of the population may be parents.
        rates: Crossover and mutation.
        newcomers: Share of each generation in [0, 1) that is drawn at random.
        twins: How many individuals of exactly the same fitness may survive; None for any
            number. A bound keeps a population diverse where different genomes behave alike.
        **settings: As of :class:`~autodas.evolution.algorithm.Algorithm`; the population is μ and
            λ, what survives, and what each generation asks.
    """

    def __init__(
        self,
        variation: Variation[G],
        *,
        selection: ParentSelection | None = None,
        rates: Rates | None = None,
        newcomers: float = 0.1,
        twins: int | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(variation, **settings)
        if not 0.0 <= newcomers < 1.0:
            raise InvalidInput(f"newcomers must lie in [0, 1), got {newcomers}")
        if twins is not None and twins < 1:
            raise InvalidInput(f"twins must be at least 1, got {twins}")
        self.selection: ParentSelection = selection if selection is not None else AdaptiveElite()
        self.rates = rates if rates is not None else Rates()
        self.newcomers = round(newcomers * self.size)
        self.twins = twins

    def _elite_ratio(self) -> float | None:
        return self.selection.ratio(self.progress) if self.population else None

    def _parent(self, rng: np.random.Generator) -> Individual[G]:
        return self.population[self.selection.draw(len(self.population), self.progress, rng)]

    def _propose(self, index: int, rng: np.random.Generator) -> Proposal[G]:
        if not self.population:
            return self.variation.random(rng), Origin.RANDOM, ()
        if index >= self.size - self.newcomers:
            return self.variation.random(rng), Origin.NEWCOMER, ()
        return self._bred(self._parent, self.rates, rng)

    def _survivors(self, told: Sequence[Individual[G]]) -> Sequence[Individual[G]]:
        ranked = by_fitness([*self.population, *told])
        if self.twins is not None:
            ranked = _thinned(ranked, self.twins)
        return ranked[: self.size]


def _thinned(ranked: Sequence[Individual[G]], twins: int) -> list[Individual[G]]:
    count: Counter[float] = Counter()
    kept = []
    for each in ranked:
        count[each.value] += 1
        if count[each.value] <= twins:
            kept.append(each)
    return kept
