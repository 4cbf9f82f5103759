"""What is asked (candidates) and what was told (individuals)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.evolution.variation import Origin

__all__ = [
    "Candidate",
    "Individual",
    "Told",
    "by_fitness",
    "judge",
    "result_from_json",
    "result_to_json",
]

G = TypeVar("G")

NOT_FINITE = Failed("fitness is not a finite number")


@dataclass(frozen=True)
class Candidate(Generic[G]):
    """A genome whose fitness an algorithm wants to know.

    Attributes:
        id: Its number in the order of asking, from 0, over all generations.
        genome: What to evaluate.
        key: Canonical text of the genome.
        origin: How it came to be.
        parents: Ids of the candidates it was bred from.
        generation: The generation it was asked in, from 0.
    """

    id: int
    genome: G
    key: str
    origin: Origin
    parents: tuple[int, ...]
    generation: int


@dataclass(frozen=True)
class Individual(Generic[G]):
    """A candidate and how it did.

    Attributes:
        candidate: What was evaluated.
        fitness: Higher is better; a failure carries its reason.
        objectives: For algorithms with several objectives, all higher is better; else empty.
    """

    candidate: Candidate[G]
    fitness: Result[float]
    objectives: tuple[float, ...] = ()

    @property
    def value(self) -> float:
        """The fitness, below every number for a failure: for ordering, never for reporting."""
        return self.fitness.value if isinstance(self.fitness, Ok) else -math.inf


def by_fitness(individuals: Iterable[Individual[G]]) -> list[Individual[G]]:
    """Those that did not fail, best first; of equals the one asked first comes first."""
    fine = [each for each in individuals if isinstance(each.fitness, Ok)]
    return sorted(fine, key=lambda each: (-each.value, each.candidate.id))


@dataclass(frozen=True)
class Told:
    """The outcome of one generation: all that is needed to rebuild an algorithm's state.

    Attributes:
        keys: Keys of the candidates in the order asked.
        fitness: Their fitness in the same order.
        objectives: Their objectives, or empty.
    """

    keys: tuple[str, ...]
    fitness: tuple[Result[float], ...]
    objectives: tuple[tuple[float, ...], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values for a journal; a failure becomes ``{"failed": reason}``."""
        return {
            "keys": list(self.keys),
            "fitness": [result_to_json(each) for each in self.fitness],
            "objectives": [list(each) for each in self.objectives],
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Told:
        """The inverse of :meth:`to_json`.

        Raises:
            InvalidInput: the record is not one that :meth:`to_json` makes.
        """
        try:
            return cls(
                tuple(str(key) for key in record["keys"]),
                tuple(result_from_json(value) for value in record["fitness"]),
                tuple(tuple(float(v) for v in each) for each in record["objectives"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"not a record of a told generation ({error!r})") from None


def result_to_json(result: Result[float]) -> float | dict[str, str]:
    """A number, or ``{"failed": reason}``."""
    return result.value if isinstance(result, Ok) else {"failed": result.reason}


def result_from_json(value: Any) -> Result[float]:  # noqa: ANN401 - comes from JSON
    """The inverse of :func:`result_to_json`; raises what ``float`` does for anything else."""
    return Failed(str(value["failed"])) if isinstance(value, dict) else Ok(float(value))


def judge(
    asked: Sequence[Candidate[G]],
    fitness: Sequence[Result[float]],
    objectives: Sequence[tuple[float, ...]],
) -> list[Individual[G]]:
    """Join candidates with results; a NaN or an infinity counts as a failure.

    Raises:
        InvalidInput: the numbers of candidates and results differ.
    """
    if len(fitness) != len(asked):
        raise InvalidInput(f"{len(asked)} candidates were asked, {len(fitness)} results were told")
    if objectives and len(objectives) != len(asked):
        raise InvalidInput(
            f"{len(asked)} candidates were asked, objectives of {len(objectives)} were told"
        )
    return [
        Individual(each, *_sound(fitness[i], tuple(objectives[i]) if objectives else ()))
        for i, each in enumerate(asked)
    ]


def _sound(
    fitness: Result[float], objectives: tuple[float, ...]
) -> tuple[Result[float], tuple[float, ...]]:
    if isinstance(fitness, Failed):
        return fitness, ()
    if not all(math.isfinite(each) for each in (fitness.value, *objectives)):
        return NOT_FINITE, ()
    return fitness, objectives
