"""Which batch and resolution keep the rank correlation of scores, and what they cost.

Public labels of a few spaces (``AUTODAS_DATA``), scores that need no passes of their own, and
several ways to show images to the students. The number that counts is the mean |τ| over the scores;
beside it stands how far the values change the order of architectures against the default (mean τ
between the two).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from autodas.core.errors import MissingData
from autodas.core.results import Ok
from autodas.scores import get_score
from autodas.spaces import get_space
from autodas.tables import load_table
from autodas.workbench.families import subjects_of
from autodas.workbench.protocol import Protocol
from benchmarks.workload import ready_for_networks

SCORES = (
    "snip", "grad_norm", "jacov", "naswot", "synflow", "diswot", "sp", "l2_norm",
    "layers_mean(cka)", "neg(layers_last(gram_distance))",
)  # fmt: skip
CASES: dict[str, tuple[str, str, tuple[dict[str, int], ...]]] = {
    "S0": ("s0", "kd_acc", ({}, {"batch_size": 16}, {"batch_size": 32}, {"batch_size": 128})),
    "PiT": (
        "pit",
        "c100_kd_acc",
        (
            {},
            {"resolution": 112, "batch_size": 16},
            {"resolution": 112, "batch_size": 64},
            {"resolution": 64, "batch_size": 16},
        ),
    ),
    "AutoFormer": (
        "autoformer",
        "c100_kd_acc",
        (
            {},
            {"resolution": 112, "batch_size": 16},
            {"resolution": 64, "batch_size": 16},
        ),
    ),
}


def main(rows: int | None = 48) -> dict[str, Any]:
    """Seconds per architecture and mean |τ| of the scores, by space and way of showing images.

    Args:
        rows: Only the first rows of each table; None for all.
    """
    ready_for_networks()
    return {name: _of_table(*case, rows) for name, case in CASES.items()}


def _of_table(
    name: str, target: str, ways: tuple[dict[str, int], ...], rows: int | None
) -> dict[str, Any]:
    try:
        table = load_table(name).limit(rows)
    except MissingData as error:
        return {"left out": str(error)}
    space, truth = get_space(table.space), table.target(target).values
    scores = [get_score(score) for score in SCORES]
    leaves = frozenset[str]().union(*(score.leaves for score in scores))
    found: dict[str, Any] = {}
    usual: dict[str, np.ndarray[Any, Any]] = {}
    for way in ways:
        start, protocol = time.process_time(), replace(Protocol(), **way)
        with tempfile.TemporaryDirectory() as cache:
            subjects, _, _ = subjects_of(
                space, table.architectures, sorted(leaves), protocol, cache=Path(cache)
            )
        seconds = (time.process_time() - start) / len(table)
        values = {score.name: score.compute(subjects) for score in scores}
        fine = {name: each.value for name, each in values.items() if isinstance(each, Ok)}
        usual = usual or fine
        label = ", ".join(f"{key} {value}" for key, value in way.items()) or "default"
        found[label] = {
            "seconds": seconds,
            "mean |tau|": _mean(abs(kendalltau(each, truth).statistic) for each in fine.values()),
            "order kept": _mean(kendalltau(fine[n], usual[n]).statistic for n in usual),
        } | {n: float(kendalltau(each, truth).statistic) for n, each in fine.items()}
    return found


def _mean(values: Iterable[float]) -> float:
    return float(np.mean([value for value in values if np.isfinite(value)]))
