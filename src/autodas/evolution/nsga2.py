"""NSGA-II: several objectives at once (Deb et al., IEEE TEVC 6(2), 2002)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, Unpack

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.core.results import Ok
from autodas.evolution.algorithm import Settings
from autodas.evolution.elite import EliteEvolution
from autodas.evolution.individual import Individual
from autodas.evolution.selection import Tournament
from autodas.evolution.variation import Rates, Variation

__all__ = ["NSGA2", "crowding_distance", "non_dominated_fronts"]

G = TypeVar("G")

Floats = npt.NDArray[np.float64]


def non_dominated_fronts(objectives: Floats) -> list[npt.NDArray[np.int64]]:
    """Sort points into fronts; higher is better in every objective.

    A point dominates another if it is nowhere worse and somewhere better (section III-A).

    Args:
        objectives: ``(N, M)``.

    Returns:
        Indices per front, ascending within each; front 0 is dominated by nobody.
    """
    n = len(objectives)
    better_or_equal = np.ones((n, n), dtype=bool)
    better = np.zeros((n, n), dtype=bool)
    for column in objectives.T:
        better_or_equal &= column[:, None] >= column[None, :]
        better |= column[:, None] > column[None, :]
    dominates = better_or_equal & better
    dominators = dominates.sum(axis=0)
    fronts = []
    left = np.ones(n, dtype=bool)
    while left.any():
        front = np.flatnonzero(left & (dominators == 0))
        fronts.append(front.astype(np.int64))
        left[front] = False
        dominators = dominators - dominates[front].sum(axis=0)
    return fronts


def crowding_distance(objectives: Floats) -> Floats:
    """How far apart the neighbours of each point lie (section III-B).

    Args:
        objectives: ``(N, M)`` points of one front.

    Returns:
        ``(N,)`` half perimeters of the empty boxes around the points, each objective scaled to
        its range; infinite at the ends of every objective that varies.
    """
    n = len(objectives)
    distance = np.zeros(n)
    for column in objectives.T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]]
        if span <= 0.0:
            continue
        distance[order[[0, -1]]] = np.inf
        distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return distance


class NSGA2(EliteEvolution[G]):
    """Non-dominated sorting with crowding; every result told needs objectives.

    :attr:`front` is the answer of a search; :attr:`best` is still the one of best fitness.

    Args:
        variation: How genomes are drawn, varied and named.
        rates: Crossover and mutation.
        newcomers: Share of each generation in [0, 1) that is drawn at random.
        **settings: As of :class:`~autodas.evolution.algorithm.Algorithm`; the population is what
            survives, and what each generation asks.
    """

    def __init__(
        self,
        variation: Variation[G],
        *,
        rates: Rates | None = None,
        newcomers: float = 0.1,
        **settings: Unpack[Settings],
    ) -> None:
        # The population is kept in order of (front, crowding), so the binary tournament by the
        # crowded-comparison operator is one by position.
        rates = rates if rates is not None else Rates(crossover=0.9, mutation=0.5)
        super().__init__(
            variation, selection=Tournament(2), rates=rates, newcomers=newcomers, **settings
        )
        self._front_size = 0

    @property
    def front(self) -> tuple[Individual[G], ...]:
        """The non-dominated individuals of the population, in the order asked."""
        best = self.population[: self._front_size]
        return tuple(sorted(best, key=lambda each: each.candidate.id))

    def _check(self, told: Sequence[Individual[G]]) -> None:
        fine = [each for each in told if isinstance(each.fitness, Ok)]
        sizes = {len(each.objectives) for each in (*self.population, *fine)}
        if fine and (len(sizes) != 1 or sizes == {0}):
            raise InvalidInput(
                "NSGA-II needs the same number of objectives, at least 1, for every candidate "
                f"that did not fail; got {sorted(sizes)}"
            )

    def _survivors(self, told: Sequence[Individual[G]]) -> Sequence[Individual[G]]:
        born = [each for each in told if isinstance(each.fitness, Ok)]
        everyone = [*self.population, *born]
        if not everyone:
            return ()
        # Sorted by id, so that what was told first wins among exact equals.
        everyone.sort(key=lambda each: each.candidate.id)
        points = np.array([each.objectives for each in everyone], dtype=np.float64)
        kept: list[int] = []
        for number, front in enumerate(non_dominated_fronts(points)):
            order = np.argsort(-crowding_distance(points[front]), kind="stable")
            room = self.size - len(kept)
            kept += [int(i) for i in front[order][:room]]
            if number == 0:
                self._front_size = len(kept)
        return [everyone[i] for i in kept]
