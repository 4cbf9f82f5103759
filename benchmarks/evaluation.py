"""Proxies evaluated in a second on the 64 ResNets of S0, beside the way of the published method.

*Naive* is that way: for every proxy and every architecture build the student, run it forward and
backward, run the teacher, compute the statistics the proxy asks for on whole tensors, evaluate. It
is timed on every fourth architecture, each with another random proxy, and multiplied up to 64.

Ours is timed with all statistics measured and in memory, in four situations:

* ``cold``: a random proxy and an evaluator that remembers nothing;
* ``fresh``: random proxies, none seen before, one after the other on one evaluator;
* ``warm``: the offspring of a discovery after its first generations, newcomers included. Parents
  have been evaluated, so most sub-expressions are remembered. No proxy occurs twice;
* ``again``: proxies evaluated before.

All take turns, so that other programs on the machine disturb them alike. ``discovery`` adds what
else a discovery does for each proxy: vary, deduplicate, correlate, select.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autodas.core.results import Ok, Result
from autodas.core.rng import derive
from autodas.evolution import AdaptiveElite, Candidate, EliteEvolution, Variation
from autodas.expressions import (
    Evaluator,
    Expression,
    Grammar,
    canonical,
    crossover,
    grow,
    mutate,
    to_text,
)
from autodas.fitness import TauAgainst
from autodas.statistics import STATISTICS, Store, TeacherSignals, columns, measure
from benchmarks.workload import (
    LARGEST,
    WHOLE,
    Subjects,
    grammar_of,
    measured_resnets,
    proxies,
    resnets,
)

ROUNDS = 4
BATCH = 64
COLD, FRESH = 40, 100  # proxies a round
POPULATION, WARMING, GENERATIONS = 60, 10, 10  # generations before timing, and timed a round


@dataclass
class Clock:
    """Seconds and work summed over many stretches."""

    wall: float = 0.0
    cpu: float = 0.0
    done: float = 0.0

    def __enter__(self) -> Clock:
        self.wall -= time.perf_counter()
        self.cpu -= time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall += time.perf_counter()
        self.cpu += time.process_time()


def main(rounds: int = ROUNDS, batch: int = BATCH, every: int = 4) -> dict[str, Any]:
    """Rates, their ratios to the naive way, and the distance from the memory's bandwidth."""
    subjects = resnets(batch)
    measuring = Clock(done=1)
    with measuring:
        values = measured_resnets(batch)
    store = columns(subjects.architectures, values, STATISTICS.names())
    grammar = grammar_of(store)
    clocks = {name: Clock() for name in ("naive", "cold", "fresh", "warm", "again", "discovery")}
    turns = [
        _naive(clocks["naive"], subjects, grammar, rounds, every),
        _cold(clocks["cold"], store, grammar),
        _fresh(clocks["fresh"], clocks["again"], store, grammar),
        _warm(clocks["warm"], clocks["discovery"], store, grammar),
    ]
    for _ in range(rounds):
        for turn in turns:
            next(turn)
    return _figures(clocks, measuring) | {"images": subjects.source} | _roofline(store, clocks)


def _figures(clocks: dict[str, Clock], measuring: Clock) -> dict[str, Any]:
    naive = clocks["naive"]
    figures: dict[str, Any] = {
        "naive, seconds per proxy": naive.wall / naive.done,
        "naive, processor seconds per proxy": naive.cpu / naive.done,
        "measuring once, seconds": measuring.wall,
    }
    for name, clock in clocks.items():
        if name != "naive":
            figures[name] = {
                "proxies": int(clock.done),
                "milliseconds": 1e3 * clock.wall / clock.done,
                "per second": clock.done / clock.wall,
                "times naive": naive.wall / naive.done * clock.done / clock.wall,
                "times naive, processor": naive.cpu / naive.done * clock.done / clock.cpu,
            }
    return figures


def _naive(
    clock: Clock, subjects: Subjects, grammar: Grammar, rounds: int, every: int
) -> Iterator[None]:
    chosen = subjects.architectures[::every]
    share = -(-len(chosen) // rounds)
    formulas = proxies(grammar, len(chosen), "naive")
    pairs = list(zip(chosen, formulas, strict=True))
    naive_score(subjects, *pairs[0])  # first calls of PyTorch prepare things
    for start in range(0, len(pairs), share):
        for architecture, expression in pairs[start : start + share]:
            with clock:
                naive_score(subjects, architecture, expression)
            clock.done += 1 / len(subjects.architectures)
        yield


def naive_score(
    subjects: Subjects, architecture: str, expression: Expression
) -> Result[npt.NDArray[np.float64]]:
    """One proxy for one architecture, nothing kept from before: ``(1,)``."""
    teacher = TeacherSignals(
        subjects.teacher.network, subjects.images, subjects.labels, trained=False, digest=""
    )
    _ = teacher.logits
    # The gradient of the weights asks for the forward and the backward pass of the student.
    names = sorted(expression.leaves | {"weight_grad"})
    values = measure(
        subjects.build(architecture),
        subjects.images,
        subjects.labels,
        names,
        teacher=teacher,
        entries=WHOLE,
    )
    evaluator = Evaluator(columns([architecture], [values], names).columns)
    return evaluator.evaluate(expression)


def _cold(clock: Clock, store: Store, grammar: Grammar) -> Iterator[None]:
    number = 0
    while True:
        for expression in proxies(grammar, COLD, "cold", str(number)):
            evaluator = Evaluator(store.columns, memo_bytes=0)
            with clock:
                evaluator.evaluate(expression)
            clock.done += 1
        number += 1
        yield


def _fresh(clock: Clock, again: Clock, store: Store, grammar: Grammar) -> Iterator[None]:
    evaluator, number = Evaluator(store.columns), 0
    seen: set[Expression] = set()
    while True:
        drawn = proxies(grammar, FRESH, "fresh", str(number))
        new = [expression for expression in drawn if expression not in seen]
        with clock:
            for expression in new:
                evaluator.evaluate(expression)
        with again:
            for expression in new:
                evaluator.evaluate(expression)
        clock.done += len(new)
        again.done += len(new)
        seen.update(new)
        number += 1
        yield


def _warm(clock: Clock, loop: Clock, store: Store, grammar: Grammar) -> Iterator[None]:
    evaluator, tau = Evaluator(store.columns), TauAgainst(_truth(store))
    algorithm = EliteEvolution(
        _variation(grammar),
        selection=AdaptiveElite(0.5, 0.1),
        newcomers=0.15,
        twins=3,
        population=POPULATION,
        generations=10_000,
        seed=0,
    )
    for _ in range(WARMING):
        algorithm.tell(_fitness(algorithm.ask(), evaluator, tau, Clock()))
    while True:
        for _ in range(GENERATIONS):
            with loop:
                asked = algorithm.ask()
                algorithm.tell(_fitness(asked, evaluator, tau, clock))
            loop.done += len(asked)
        yield


def _fitness(
    asked: Sequence[Candidate[Expression]], evaluator: Evaluator, tau: TauAgainst, clock: Clock
) -> list[Result[float]]:
    with clock:
        results = [evaluator.evaluate(candidate.genome) for candidate in asked]
    clock.done += len(asked)
    taus = [tau(each.value) if isinstance(each, Ok) else each for each in results]
    return [Ok(abs(each.value)) if isinstance(each, Ok) else each for each in taus]


def _variation(grammar: Grammar) -> Variation[Expression]:
    return Variation(
        random=lambda rng: grow(grammar, rng, max_size=LARGEST),
        mutate=lambda e, rng: mutate(e, grammar, rng, max_size=LARGEST),
        crossover=lambda a, b, rng: crossover(a, b, grammar, rng, max_size=LARGEST),
        key=lambda e: to_text(canonical(e)),
    )


def _truth(store: Store) -> npt.NDArray[np.float64]:
    """Made-up accuracies that follow size as far as real ones do: τ with it is about 0.85."""
    size = np.log(store.columns["params"].data)
    noise = derive(0, "benchmark truth").standard_normal(len(size))
    return size + 0.12 * size.std() * noise * 2


def _roofline(store: Store, clocks: dict[str, Clock]) -> dict[str, Any]:
    """Processor time of a proxy over the time of streaming its statistics from memory once."""
    formulas = [e for n in range(3) for e in proxies(grammar_of(store), COLD, "cold", str(n))]
    touched = float(np.mean([sum(store.columns[n].nbytes for n in e.leaves) for e in formulas]))
    bandwidth = _bandwidth()
    return {
        "roofline": {
            "bandwidth, GB/s": bandwidth / 1e9,
            "bytes a proxy must touch, MB": touched / 1e6,
            **{
                f"{name}, times that minimum": clocks[name].cpu
                / clocks[name].done
                / (touched / bandwidth)
                for name in ("cold", "warm")
            },
        }
    }


def _bandwidth() -> float:
    """Bytes a second one core reads and writes, in copies too large for its caches."""
    source = np.ones(1 << 26, dtype=np.float32)
    target = np.empty_like(source)
    best = np.inf
    for _ in range(6):
        start = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - start)
    return float(2 * source.nbytes / best)
