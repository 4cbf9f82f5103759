"""Islands: several searches side by side, whose best wander to the next from time to time.

Each island has a population of its own. After every so many generations, an *epoch*, copies of the
best of each go to the next in a ring (Tanese, ICGA 1989). Within an epoch an island needs nobody,
so that its epochs are units of work that can be done anywhere: a :class:`Snapshot` of plain values
goes in, another one comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from autodas.core.errors import InvalidInput
from autodas.core.results import Ok
from autodas.evolution.algorithm import Algorithm, Asked
from autodas.evolution.history import GenerationRecord
from autodas.evolution.individual import Candidate, Individual
from autodas.evolution.variation import Origin

__all__ = ["Resident", "Snapshot", "merged", "restore", "revived", "snapshot"]

G = TypeVar("G")


@dataclass(frozen=True)
class Resident:
    """An individual in plain values.

    Attributes:
        id: Its number on its island; below 0 for those that came from elsewhere.
        key: Canonical text of the genome.
        fitness: Its fitness.
        objectives: Its objectives, if there are several.
    """

    id: int
    key: str
    fitness: float
    objectives: tuple[float, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """An island between two epochs.

    Attributes:
        generation: Generations told so far.
        asked: Candidates asked so far.
        residents: Its population, in the algorithm's order.
        best: The best individual ever told; None while all failed.
    """

    generation: int = 0
    asked: int = 0
    residents: tuple[Resident, ...] = ()
    best: Resident | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values for a journal."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Snapshot:
        """The inverse of :meth:`to_json`.

        Raises:
            InvalidInput: the record is not one that :meth:`to_json` makes.
        """
        try:
            best = record["best"]
            return cls(
                int(record["generation"]),
                int(record["asked"]),
                tuple(_resident(each) for each in record["residents"]),
                None if best is None else _resident(best),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"not a record of an island ({error!r})") from None


def _resident(record: dict[str, Any]) -> Resident:
    return Resident(
        int(record["id"]),
        str(record["key"]),
        float(record["fitness"]),
        tuple(float(each) for each in record["objectives"]),
    )


def snapshot(algorithm: Algorithm[G]) -> Snapshot:
    """What a fresh algorithm needs to go on where this one stands, but for what it has asked."""
    best = algorithm.best
    return Snapshot(
        algorithm.generation,
        algorithm.asked,
        tuple(_in_plain(each) for each in algorithm.population),
        None if best is None else _in_plain(best),
    )


def _in_plain(each: Individual[Any]) -> Resident:
    return Resident(each.candidate.id, each.candidate.key, each.value, each.objectives)


def restore(
    algorithm: Algorithm[G],
    earlier: Snapshot,
    seen: Asked,
    genome: Callable[[str], G],
    immigrants: Sequence[Resident] = (),
) -> None:
    """Bring a fresh algorithm to where an island stood, and let immigrants in.

    Args:
        algorithm: One that was told nothing yet.
        earlier: The island; a fresh one asks at random.
        seen: All candidates that it has asked, which it does not ask again; left as it is.
        genome: Reads a key.
        immigrants: From another island; those that are there already are left out, and of too
            many individuals the algorithm keeps the fittest.
    """
    known = {each.key for each in earlier.residents}
    lowest = min([0, *(each.id for each in earlier.residents)])
    arrived = [
        Resident(lowest - 1 - number, each.key, each.fitness, each.objectives)
        for number, each in enumerate(each for each in immigrants if each.key not in known)
    ]
    everyone = [revived(each, genome) for each in (*earlier.residents, *arrived)]
    best = None if earlier.best is None else revived(earlier.best, genome)
    taken = seen.copy()
    taken.update(each.candidate.key for each in everyone)
    algorithm.go_on(earlier.generation, earlier.asked, everyone, best, taken)


def revived(each: Resident, genome: Callable[[str], G]) -> Individual[G]:
    """The individual of plain values; where it came from is forgotten."""
    origin = Origin.RANDOM if each.id >= 0 else Origin.NEWCOMER
    candidate = Candidate(each.id, genome(each.key), each.key, origin, (), 0)
    return Individual(candidate, Ok(each.fitness), each.objectives)


def merged(records: Sequence[GenerationRecord]) -> GenerationRecord:
    """One record of the same generation on all islands.

    Numbers of candidates, genomes and fitness values are added up, so what two islands have in
    common counts twice; ``median`` is the middle one of the islands' medians, and ``elite_ratio``
    that of the islands that had a population to breed from.
    """
    failures: dict[str, int] = {}
    origins: dict[str, int] = {}
    for record in records:
        for found, total in ((record.failures, failures), (record.origins, origins)):
            for name, count in found.items():
                total[name] = total.get(name, 0) + count
    medians = sorted(each.median for each in records if each.median is not None)
    return GenerationRecord(
        generation=records[0].generation,
        evaluated=sum(each.evaluated for each in records),
        best=_largest([each.best for each in records]),
        best_now=_largest([each.best_now for each in records]),
        median=medians[len(medians) // 2] if medians else None,
        elite_ratio=_largest([each.elite_ratio for each in records]),
        distinct_keys=sum(each.distinct_keys for each in records),
        distinct_fitness=sum(each.distinct_fitness for each in records),
        failures=dict(sorted(failures.items())),
        origins=dict(sorted(origins.items())),
    )


def _largest(values: Sequence[float | None]) -> float | None:
    return max((each for each in values if each is not None), default=None)
