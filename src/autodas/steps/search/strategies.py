"""How candidates are chosen: the whole space, or evolution by asking and telling."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.progress import Progress
from autodas.core.results import Failed, Ok, Result
from autodas.core.rng import derive
from autodas.core.runs import Journal
from autodas.evolution import (
    NSGA2,
    Algorithm,
    Candidate,
    RandomSearch,
    RegularisedEvolution,
    Told,
    Variation,
    replay,
)
from autodas.spaces import Space
from autodas.steps.search.limits import Limits
from autodas.steps.search.scoring import Scorer
from autodas.workbench.budgets import Quantity, spelt

__all__ = [
    "Evolution",
    "Strategy",
    "default_evaluations",
    "make_algorithm",
    "random_fitting",
    "within",
]

Strategy: TypeAlias = Literal["auto", "whole", "evolution", "nsga2", "random"]

POPULATION = 50
CHILDREN = 10  # bred from one population, so that they can be measured together
DRAWS = 100  # random architectures tried before one that fits is varied instead
ATTEMPTS = 10  # at an architecture that was not asked before, each of up to so many draws
STEPS = 30  # mutations of one that fits, to forget where it came from


def within(space: Space, fits: Callable[[str], bool], starts: Sequence[str]) -> Variation[str]:
    """Drawing and varying the texts of architectures that fit.

    Args:
        space: The space.
        fits: Whether an architecture obeys the limits.
        starts: Some that do, at least one: where few do, what is drawn is bred from these.
    """

    def random(rng: np.random.Generator) -> str:
        for _ in range(DRAWS):
            text = space.encode(space.sample(rng))
            if fits(text):
                return text
        walker = starts[int(rng.integers(len(starts)))]
        for _ in range(STEPS):
            text = space.encode(space.mutate(space.decode(walker), rng))
            walker = text if fits(text) else walker
        return walker

    def mutate(text: str, rng: np.random.Generator) -> str:
        for _ in range(DRAWS):
            child = space.encode(space.mutate(space.decode(text), rng))
            if fits(child):
                return child
        return random(rng)

    def crossover(a: str, b: str, rng: np.random.Generator) -> str:
        child = space.encode(space.crossover(space.decode(a), space.decode(b), rng))
        return child if fits(child) else mutate(a, rng)

    return Variation(random, mutate, crossover, lambda text: text)


def random_fitting(variation: Variation[str], count: int, seed: int, name: str) -> list[str]:
    """Up to ``count`` different architectures drawn at random from those that fit."""
    rng = derive(seed, "random students", name)
    found: dict[str, None] = {}
    for _ in range(20 * count):
        if len(found) == count:
            break
        found[variation.random(rng)] = None
    return list(found)


def make_algorithm(
    strategy: Literal["evolution", "nsga2", "random"],
    variation: Variation[str],
    evaluations: int,
    seed: int,
) -> Algorithm[str]:
    """An algorithm that asks for ``evaluations`` architectures in all.

    Raises:
        InvalidInput: there are fewer than two evaluations.
    """
    if evaluations < 2:
        raise InvalidInput(f"a search needs at least 2 evaluations, got {evaluations}")
    if strategy == "evolution":
        # After Real et al. (AAAI 2019): tournaments of a fifth of the population.
        population = min(POPULATION, max(2, evaluations // 4))
        children = min(CHILDREN, population)
        population += (evaluations - population) % children
        return RegularisedEvolution(
            variation,
            population=population,
            generations=1 + (evaluations - population) // children,
            seed=seed,
            sample=max(2, population // 5),
            children=children,
            attempts=ATTEMPTS,
        )
    population = max(2, _divisor(evaluations, POPULATION))
    generations = max(1, evaluations // population)
    kind = NSGA2 if strategy == "nsga2" else RandomSearch
    return kind(
        variation,
        population=population,
        generations=generations,
        seed=seed,
        attempts=ATTEMPTS,
    )


def _divisor(number: int, most: int) -> int:
    """The largest divisor up to ``most`` that is not tiny, else ``most``: a few are left out."""
    fine = [n for n in range(most // 2, most + 1) if n and number % n == 0]
    return max(fine, default=min(most, number))


@dataclass
class Evolution:
    """A search that asks and is told, and goes on where its journal ends.

    Attributes:
        algorithm: Fresh.
        limits: What candidates may cost.
        scorer: Scores them.
        trade: The cost that is traded for score, by NSGA-II.
        evaluations: When to stop.
    """

    algorithm: Algorithm[str]
    limits: Limits
    scorer: Scorer
    trade: Quantity
    evaluations: int

    def run(self, journal: Journal, progress: Progress) -> dict[str, Result[float]]:
        """The score of every candidate in the order asked, or why it has none.

        Raises:
            AutodasError: no candidate has a score; the message says why.
        """
        records = [record["told"] for record in journal.records() if "told" in record]
        earlier = [Told.from_json(record) for record in records]
        replay(self.algorithm, earlier)
        found = {key: value for told in earlier for key, value in _pairs(told)}
        progress.note(f"searching {self.limits.space.name}: {self.evaluations} evaluations")
        while not self.algorithm.finished and len(found) < self.evaluations:
            candidates = self.algorithm.ask()
            if not candidates:
                break
            told = self.algorithm.tell(*self._judge(candidates))
            journal.append({"told": told.to_json()})
            found.update(_pairs(told))
            self.limits.book.save()
            if (best := self.algorithm.best) is not None:
                progress.note(f"{len(found)} evaluated, best {best.value:.4g}")
            else:
                self._give_up(found)
        return found

    def _judge(
        self, candidates: Sequence[Candidate[str]]
    ) -> tuple[list[Result[float]], list[tuple[float, ...]]]:
        texts = [candidate.genome for candidate in candidates]
        slow = {text: reason for text in texts if (reason := self._too_slow(text))}
        fast = [text for text in texts if text not in slow]
        scores = dict(zip(fast, self.scorer.scores(fast), strict=True)) if fast else {}
        fitness = [Failed(slow[t]) if t in slow else scores[t] for t in texts]
        if not isinstance(self.algorithm, NSGA2):
            return fitness, []
        return fitness, [
            (value.value, -self._cost(text)) if isinstance(value, Ok) else (0.0, 0.0)
            for text, value in zip(texts, fitness, strict=True)
        ]

    def _too_slow(self, text: str) -> str:
        limit = self.limits.budgets.latency
        slow = limit is not None and self.limits.timer.time(text).median > limit
        return "over the budget of latency" if slow else ""

    def _cost(self, text: str) -> float:
        if self.trade == "latency":
            return self.limits.timer.time(text).median
        return float(self.limits.book.one(self.trade, text))

    def _give_up(self, found: dict[str, Result[float]]) -> None:
        """Refuse a budget of latency that nothing of the first generation comes near."""
        smallest = min(found, key=lambda text: self.limits.book.one("params", text))
        reason = next((v.reason for v in found.values() if isinstance(v, Failed)), "")
        medians = [each.median for each in self.limits.timer.known.values()]
        if self.limits.budgets.latency is not None and medians:
            raise InvalidInput(
                f"no architecture of {self.limits.space.name} that was timed fits the budget "
                f"({self.limits.budgets.in_words()}); they take "
                f"{spelt('latency', min(medians)).split()[0]} to {spelt('latency', max(medians))}, "
                f"the smallest, with {self.limits.book.one('params', smallest):,} parameters, "
                f"{spelt('latency', self.limits.timer.time(smallest).median)}"
            )
        raise AutodasError(f"no candidate of {self.limits.space.name} has a score: {reason}")


def _pairs(told: Told) -> list[tuple[str, Result[float]]]:
    return list(zip(told.keys, told.fitness, strict=True))


def default_evaluations(space: Space) -> int:
    """How many architectures are evaluated if nobody says: 500, or a quarter of a small space."""
    return 500 if space.size is None else min(500, max(2, math.ceil(space.size / 4)))
