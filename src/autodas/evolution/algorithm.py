"""The ask/tell interface that all algorithms share.

An algorithm never evaluates anything. ``ask`` returns a generation of candidates, the caller
finds out how good they are in whatever way and order it likes, and ``tell`` takes the results
in the order asked. Every draw comes from a generator derived from (seed, generation, index), so
the state is a function of the settings and of what was told: telling the same results again
rebuilds it (see :func:`replay`). The simplest algorithm, random search, stands here too: the
baseline that every other has to beat (Bergstra & Bengio, JMLR 2012).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Generic, NotRequired, TypedDict, TypeVar

import numpy as np

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Result
from autodas.core.rng import derive
from autodas.evolution.history import GenerationRecord, summarise
from autodas.evolution.individual import Candidate, Individual, Told, by_fitness, judge
from autodas.evolution.variation import Origin, Rates, Variation

__all__ = ["Algorithm", "Asked", "Proposal", "RandomSearch", "Settings", "evolve", "replay"]

G = TypeVar("G")

# A genome, its origin and the ids of its parents.
Proposal = tuple[G, Origin, tuple[int, ...]]
Draw = Callable[[np.random.Generator], Individual[G]]


class Settings(TypedDict):
    """What every algorithm is told, as :class:`Algorithm` says."""

    population: int
    generations: int
    seed: int
    attempts: NotRequired[int]


# A million formulas take 82 MB, their texts 163 MB. A table of our own took 28 MB, and as long to
# ask as this and twice as long to fill.
class Asked:
    """A set of texts that keeps 64 bits of each.

    Two of n texts share their 64 bits with a probability of about n²/2⁶⁵, 3·10⁻⁸ for a million; the
    second of them would be taken for known and another genome be drawn in its place.
    """

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, text: str) -> bool:
        return _digest(text) in self._digests

    def copy(self) -> Asked:
        """Another one with the same texts."""
        other = Asked()
        other._digests = self._digests.copy()
        return other

    def update(self, texts: Iterable[str]) -> None:
        """Add texts."""
        self._digests.update(map(_digest, texts))


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


class Algorithm(ABC, Generic[G]):
    """Proposes candidates and learns from their fitness.

    Args:
        variation: How genomes are drawn, varied and named.
        population: Candidates per generation and size of the surviving population, at least 2.
        generations: Generations in all, at least 1; the first is drawn at random.
        seed: Decides every draw.
        attempts: How often a genome that was seen before is drawn again, first in the same way,
            then at random, before the place is left empty.
    """

    def __init__(
        self,
        variation: Variation[G],
        *,
        population: int,
        generations: int,
        seed: int,
        attempts: int = 50,
    ) -> None:
        for name, value, least in (
            ("population", population, 2),
            ("generations", generations, 1),
            ("attempts", attempts, 1),
        ):
            if value < least:
                raise InvalidInput(f"{name} must be at least {least}, got {value}")
        self.variation = variation
        self.size = population
        self.generations = generations
        self.seed = seed
        self.attempts = attempts
        self.population: tuple[Individual[G], ...] = ()
        self.history: list[GenerationRecord] = []
        self.failures = 0
        self._best: Individual[G] | None = None
        self._seen = Asked()
        self._pending: tuple[Candidate[G], ...] | None = None
        self._asked = 0
        self._before = 0
        self._exhausted = False

    @property
    def generation(self) -> int:
        """The number of generations told so far."""
        return self._before + len(self.history)

    @property
    def asked(self) -> int:
        """The number of candidates told so far."""
        return self._asked

    @property
    def finished(self) -> bool:
        """True once all generations are told, or nothing new can be found to ask."""
        return self._exhausted or self.generation >= self.generations

    @property
    def best(self) -> Individual[G] | None:
        """The best individual ever told, the earliest of equals; None while all failed."""
        return self._best

    @property
    def progress(self) -> float:
        """Where the coming selection stands: 0 for the first of the run, 1 for the last."""
        # Generation 0 is drawn, not selected: the first selection breeds generation 1.
        return min(1.0, max(0, self.generation - 1) / max(1, self.generations - 2))

    def go_on(
        self,
        generation: int,
        asked: int,
        population: Sequence[Individual[G]],
        best: Individual[G] | None,
        seen: Asked,
    ) -> None:
        """Stand, while still fresh, where another one stood; the history begins anew.

        Args:
            generation: Generations the other was told.
            asked: Candidates it was told.
            population: Its population, and whoever joins it.
            best: The best individual it was ever told.
            seen: Keys that are not to be asked again.

        Raises:
            InvalidInput: this one was asked or told something already.
        """
        if self.generation or self._pending is not None:
            raise InvalidInput("only a fresh search can go on where another one stood")
        self._before, self._asked = generation, asked
        self.population = tuple(self._survivors(population))
        ranked = by_fitness([*([best] if best else []), *self.population])
        self._best = ranked[0] if ranked else None
        self._seen = seen

    def ask(self) -> tuple[Candidate[G], ...]:
        """The next generation; empty, and :attr:`finished`, if nothing new can be found.

        Raises:
            InvalidInput: the generation asked before was not told, or the search is finished.
        """
        if self._pending is not None:
            raise InvalidInput("ask was called twice: tell the results of the last generation")
        if self.finished:
            raise InvalidInput(f"the search is finished after {self.generation} generations")
        taken: set[str] = set()
        found: list[Candidate[G]] = []
        for index in range(self._places()):
            candidate = self._candidate(index, self._asked + len(found), taken)
            if candidate is not None:
                taken.add(candidate.key)
                found.append(candidate)
        if not found:
            self._exhausted = True
            return ()
        self._pending = tuple(found)
        return self._pending

    def tell(
        self,
        fitness: Sequence[Result[float]],
        objectives: Sequence[tuple[float, ...]] = (),
    ) -> Told:
        """Learn how the candidates of the last :meth:`ask` did.

        Args:
            fitness: One result per candidate, in the order asked; higher is better.
            objectives: One tuple per candidate if the algorithm uses several objectives, all
                higher is better; what stands there for a failed candidate is ignored.

        Returns:
            What a journal must keep to replay this generation.

        Raises:
            InvalidInput: nothing was asked, or the results do not fit; nothing is changed then.
        """
        if self._pending is None:
            raise InvalidInput("tell was called before ask")
        told = judge(self._pending, fitness, objectives)
        self._check(told)
        elite_ratio = self._elite_ratio()
        self.population = tuple(self._survivors(told))
        self._seen.update(each.candidate.key for each in told)
        self._asked += len(told)
        self._pending = None
        ranked = by_fitness([*([self._best] if self._best else []), *told])
        self._best = ranked[0] if ranked else None
        self.failures += sum(isinstance(each.fitness, Failed) for each in told)
        self.history.append(
            summarise(
                told,
                self.population,
                generation=self.generation,
                evaluated=self._asked,
                best=self._best.value if self._best else None,
                elite_ratio=elite_ratio,
            )
        )
        return Told(
            tuple(each.candidate.key for each in told),
            tuple(each.fitness for each in told),
            tuple(each.objectives for each in told) if objectives else (),
        )

    def _candidate(self, index: int, id_: int, taken: set[str]) -> Candidate[G] | None:
        rng = derive(self.seed, "evolution", self.generation, index)
        for attempt in range(2 * self.attempts):
            proposal: Proposal[G]
            if attempt < self.attempts:
                proposal = self._propose(index, rng)
            else:
                proposal = (self.variation.random(rng), Origin.RANDOM, ())
            genome, origin, parents = proposal
            key = self.variation.key(genome)
            if key not in self._seen and key not in taken:
                return Candidate(id_, genome, key, origin, parents, self.generation)
        return None

    def _bred(self, draw: Draw[G], rates: Rates, rng: np.random.Generator) -> Proposal[G]:
        """A child of parents that ``draw`` picks."""
        mother = draw(rng)
        if rng.random() < rates.crossover:
            father = _other(draw, mother, rng)
            if father is not None:
                child = self.variation.crossover(
                    mother.candidate.genome, father.candidate.genome, rng
                )
                if rng.random() < rates.mutation:
                    child = self.variation.mutate(child, rng)
                return child, Origin.CROSSOVER, (mother.candidate.id, father.candidate.id)
        child = self.variation.mutate(mother.candidate.genome, rng)
        return child, Origin.MUTATION, (mother.candidate.id,)

    def _places(self) -> int:
        """How many candidates to look for in this generation."""
        return self.size

    def _elite_ratio(self) -> float | None:
        """The share of the population that could become a parent of what is pending."""
        return None

    def _check(self, told: Sequence[Individual[G]]) -> None:
        """Refuse results this algorithm cannot use, before anything changes."""

    @abstractmethod
    def _propose(self, index: int, rng: np.random.Generator) -> Proposal[G]:
        """One proposal for place ``index``; called again if it was seen before."""

    @abstractmethod
    def _survivors(self, told: Sequence[Individual[G]]) -> Sequence[Individual[G]]:
        """The population after ``told``; failed individuals are never part of it."""


def _other(draw: Draw[G], mother: Individual[G], rng: np.random.Generator) -> Individual[G] | None:
    # A tight elite may hold one individual only, so drawing until they differ could never end.
    for _ in range(8):
        father = draw(rng)
        if father.candidate.id != mother.candidate.id:
            return father
    return None


class RandomSearch(Algorithm[G]):
    """Draws every candidate at random and remembers the best ``population`` of them."""

    def _propose(self, index: int, rng: np.random.Generator) -> Proposal[G]:  # noqa: ARG002
        return self.variation.random(rng), Origin.RANDOM, ()

    def _survivors(self, told: Sequence[Individual[G]]) -> Sequence[Individual[G]]:
        return by_fitness([*self.population, *told])[: self.size]


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
