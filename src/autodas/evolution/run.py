"""Loops over ask and tell: a whole search, and the replay of an interrupted one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from autodas.core.errors import InvalidInput
from autodas.core.results import Result
from autodas.evolution.algorithm import Algorithm
from autodas.evolution.individual import Candidate, Told

__all__ = ["evolve", "replay"]

G = TypeVar("G")


def replay(algorithm: Algorithm[G], told: Iterable[Told]) -> None:
    """Bring a fresh algorithm to the state it had after ``told``, without evaluating anything.

    Args:
        algorithm: One that was told nothing yet, made with the settings of the earlier run.
        told: What :meth:`Algorithm.tell` returned, generation by generation.

    Raises:
        InvalidInput: the algorithm asks for other candidates than the ones that were told,
            because its settings or the genomes' code have changed.
    """
    for generation in told:
        asked = tuple(each.key for each in algorithm.ask())
        if asked != generation.keys:
            raise InvalidInput(
                f"generation {algorithm.generation} of the earlier run held other candidates: "
                "settings or code have changed since; start afresh"
            )
        algorithm.tell(generation.fitness, generation.objectives)


def evolve(
    algorithm: Algorithm[G],
    evaluate: Callable[[Sequence[Candidate[G]]], Sequence[Result[float]]],
    on_told: Callable[[Told], None] | None = None,
    objectives: Callable[
        [Sequence[Candidate[G]], Sequence[Result[float]]], Sequence[tuple[float, ...]]
    ]
    | None = None,
    until: int | None = None,
) -> Algorithm[G]:
    """Ask, evaluate and tell until the search is finished.

    Args:
        algorithm: The search, fresh or replayed; it is changed and returned.
        evaluate: Finds the fitness of a generation, in the order given.
        on_told: Called after every generation, e.g. to write a journal.
        objectives: Finds the objectives of a generation from its fitness, for algorithms with
            several; what it says of a failure is ignored.
        until: Generations in all after which to stop, if before the end.
    """
    while not algorithm.finished and (until is None or algorithm.generation < until):
        candidates = algorithm.ask()
        if not candidates:
            break
        fitness = evaluate(candidates)
        told = algorithm.tell(fitness, objectives(candidates, fitness) if objectives else ())
        if on_told is not None:
            on_told(told)
    return algorithm
