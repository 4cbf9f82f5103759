"""Seconds that one score costs for one architecture, when nothing is shared or remembered."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from autodas.networks import cost
from autodas.scores import Score
from autodas.spaces import Space
from autodas.steps.benchmark.comparison import Comparison, Contender, values_of
from autodas.workbench.families import subjects_of

__all__ = ["TIMED", "alone"]

TIMED = 5


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
