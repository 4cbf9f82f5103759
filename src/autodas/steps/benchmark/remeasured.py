"""Scores measured again: with other initial weights and images, and against the clock.

A score of an untrained network depends on the seed of its weights and on the batch. Either is
varied while the other is kept. Beside the spread of τ stands how well a score agrees with itself.
What a score costs is taken on a few architectures, with nothing shared or remembered.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from autodas.backends import Jobs
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed, Ok, Result
from autodas.fitness import TauAgainst
from autodas.networks import cost
from autodas.scores import Score
from autodas.scores.score import Values
from autodas.spaces import Space
from autodas.statistics import STATISTICS
from autodas.statistics.short import is_short
from autodas.steps.benchmark.comparison import Comparison, Contender, values_of
from autodas.workbench.families import Family, subjects_of
from autodas.workbench.protocol import Protocol

__all__ = ["Seeds", "alone", "depends_on_seeds", "seen_with_seeds", "stability"]

TIMED = 5

Seeds: TypeAlias = Mapping[str, Mapping[str, Sequence[Result[Values]]]]
"""For ``init`` and ``batch``, by score, its ``(A,)`` values with each seed; the run's own first."""


def depends_on_seeds(score: object) -> bool:
    """Whether another seed could change anything: sizes and encodings are always the same.

    Short trainings are taken from the table as they are.
    """
    if not isinstance(score, Score) or any(map(is_short, score.leaves)):
        return False
    return not all(STATISTICS.get(s).size for s in score.leaves)


def seen_with_seeds(
    family: Family,
    scores: Sequence[object],
    protocol: Protocol,
    *,
    init_seeds: int,
    batch_seeds: int,
    cache: Path | None = None,
    jobs: Jobs = 1,
    progress: Progress = Silent(),
) -> Seeds:
    """Values of scores with other seeds, as far as they could differ.

    The statistics of one seed are forgotten before those of the next are read.

    Args:
        family: Measured with ``protocol`` already.
        scores: Scores, and others that no seed changes.
        protocol: Its seeds are the first of each kind; the others follow by ones.
        init_seeds: Seeds of initial weights, in all.
        batch_seeds: Seeds of batches, in all.
        cache: Folder of the statistics cache.
        jobs: Processes, or workers.
        progress: Hears of every architecture.
    """
    moved = [score for score in scores if isinstance(score, Score) and depends_on_seeds(score)]
    leaves = sorted(frozenset[str]().union(*(score.leaves for score in moved)))
    own = family.subjects
    varied: dict[str, list[Protocol]] = {
        "init": [replace(protocol, init_seed=protocol.init_seed + i) for i in range(1, init_seeds)],
        "batch": [
            replace(protocol, batch_seed=protocol.batch_seed + i) for i in range(1, batch_seeds)
        ],
    }
    found: dict[str, dict[str, list[Result[Values]]]] = {}
    for kind, others in varied.items():
        if moved and others:
            found[kind] = {score.name: [values_of(score, own)] for score in moved}
        for other in others if moved else ():
            subjects, _, _ = subjects_of(
                family.space,
                family.table.architectures,
                leaves,
                other,
                cache=cache,
                jobs=jobs,
                progress=progress,
            )
            for score in moved:
                found[kind][score.name].append(values_of(score, subjects, reference=own))
    return found


def stability(comparison: Comparison, score: object, seeds: Seeds) -> dict[str, Any] | None:
    """How τ and the ranking of a score change with the seed.

    Returns:
        For ``init`` and ``batch`` the number of ``seeds``, mean, standard deviation and range of
        τ, mean τ between the score's values under two seeds (``agreement``), and with how many
        seeds the score ``failed``; None if no seed could change it.
    """
    if not isinstance(score, Score) or not depends_on_seeds(score) or not seeds:
        return None
    return {
        kind: _spread(comparison, seeds[kind][score.name]) if kind in seeds else None
        for kind in ("init", "batch")
    }


def _spread(comparison: Comparison, found: Sequence[Result[Values]]) -> dict[str, Any]:
    against = TauAgainst(comparison.family.truth[comparison.chosen])
    values: list[Values] = []
    taus: list[float] = []
    for each in found:
        mine = None if isinstance(each, Failed) else each.value[comparison.chosen]
        tau = None if mine is None else against(mine)
        if mine is not None and isinstance(tau, Ok):
            values.append(mine)
            taus.append(tau.value)
    pairs = [TauAgainst(a)(b) for a, b in itertools.combinations(values, 2)]
    alike = [pair.value for pair in pairs if isinstance(pair, Ok)]
    return {
        "seeds": len(found),
        "failed": len(found) - len(taus),
        "tau_mean": float(np.mean(taus)) if taus else None,
        "tau_sd": float(np.std(taus, ddof=1)) if len(taus) > 1 else None,
        "tau_low": min(taus, default=None),
        "tau_high": max(taus, default=None),
        "agreement": float(np.mean(alike)) if alike else None,
    }


def alone(comparison: Comparison, contender: Contender) -> float:
    """Mean seconds per architecture over :data:`TIMED` of the family, from small to large.

    Of a score: to build the network, measure what the score alone needs, and evaluate it; one
    network is measured beforehand, so that loading data and teacher does not count. Of a
    predictor: to encode an architecture and to predict all of them, learning included.

    Raises:
        AutodasError: a network cannot be built or run.
    """
    family = comparison.family
    by_size = np.argsort(family.sizes[0], kind="stable")
    places = np.unique(np.linspace(0, len(by_size) - 1, TIMED).round().astype(int))
    architectures = [family.table.architectures[row] for row in by_size[places]]
    if not isinstance(contender, Score):
        start = time.perf_counter()
        Comparison(family, comparison.part, comparison.seed).values(contender)
        return (time.perf_counter() - start) / len(comparison.chosen)
    if contender.leaves <= {"params", "macs"}:
        return _seconds_of_size(family.space, architectures)
    with tempfile.TemporaryDirectory() as folder:
        once = ("warm", architectures[:1]), ("timed", architectures)
        for name, chosen in once:
            start = time.perf_counter()
            subjects, _, _ = subjects_of(
                family.space, chosen, contender.leaves, family.protocol, cache=Path(folder) / name
            )
            values_of(contender, subjects, reference=family.subjects)
            seconds = (time.perf_counter() - start) / len(chosen)
    return seconds


def _seconds_of_size(space: Space, architectures: Sequence[str]) -> float:
    start = time.perf_counter()
    for text in architectures:
        arch = space.decode(text)
        # Not space.cost, which remembers.
        cost(lambda arch=arch: space.build(arch), space.input_shape)  # type: ignore[misc]
    return (time.perf_counter() - start) / len(architectures)
