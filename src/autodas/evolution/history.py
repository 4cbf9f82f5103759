"""What happened in each generation, as data for reports and ablations."""

from __future__ import annotations

import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from autodas.core.results import Failed
from autodas.evolution.individual import Individual, by_fitness

__all__ = ["GenerationRecord", "summarise"]

G = TypeVar("G")


@dataclass(frozen=True)
class GenerationRecord:
    """One generation.

    Attributes:
        generation: Its number, from 0.
        evaluated: Candidates told up to and including this generation.
        best: Best fitness of all generations so far; None if everything failed.
        best_now: Best fitness among this generation's candidates.
        median: Median fitness among this generation's candidates that did not fail.
        elite_ratio: Share of the population that could become a parent; None where the
            generation was not bred from a population.
        distinct_keys: Different genomes in the population that survived.
        distinct_fitness: Different fitness values in it; far fewer than keys means that many
            genomes behave alike.
        failures: Number of failed candidates by reason.
        origins: Number of candidates by origin.
    """

    generation: int
    evaluated: int
    best: float | None
    best_now: float | None
    median: float | None
    elite_ratio: float | None
    distinct_keys: int
    distinct_fitness: int
    failures: dict[str, int]
    origins: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def summarise(
    told: Sequence[Individual[G]],
    population: Sequence[Individual[G]],
    *,
    generation: int,
    evaluated: int,
    best: float | None,
    elite_ratio: float | None,
) -> GenerationRecord:
    """The record of a generation from what was told and what survived."""
    values = [each.value for each in by_fitness(told)]
    # The same few reasons come back in every generation of a long search: kept once.
    reasons = Counter(
        sys.intern(each.fitness.reason) for each in told if isinstance(each.fitness, Failed)
    )
    origins = Counter(str(each.candidate.origin) for each in told)
    return GenerationRecord(
        generation=generation,
        evaluated=evaluated,
        best=best,
        best_now=values[0] if values else None,
        median=statistics.median(values) if values else None,
        elite_ratio=elite_ratio,
        distinct_keys=len({each.candidate.key for each in population}),
        distinct_fitness=len({each.value for each in population}),
        failures=dict(sorted(reasons.items())),
        origins=dict(sorted(origins.items())),
    )
