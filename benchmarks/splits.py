"""How proxies found in different ways do on unseen architectures, over several random splits.

One split of 60 architectures leaves 20 to report on, which tells next to nothing. Here the tables
are split anew several times, the discovery is run on each, and its τ on the report part averaged
over splits and tables, beside that of sizes. Needs ``AUTODAS_DATA`` and, for speed, a filled
statistics cache.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from autodas.core.errors import MissingData
from autodas.steps.discover import dispatch as discover
from autodas.steps.discover.dispatch import DiscoverConfig
from autodas.tables import split
from autodas.workbench import families
from benchmarks.workload import ready_for_networks

TABLES: dict[str, tuple[str, ...]] = {
    "S0": ("s0:kd_acc",),
    "PiT": ("pit:c100_kd_acc", "pit:flower_kd_acc", "pit:chaoyang_kd_acc"),
    "AutoFormer": (
        "autoformer:c100_kd_acc",
        "autoformer:flower_kd_acc",
        "autoformer:chaoyang_kd_acc",
    ),
    "AutoFormer, CIFAR-100 alone": ("autoformer:c100_kd_acc",),
    "NAS-Bench-201": (
        "nasbench201:cifar10_test",
        "nasbench201:cifar100_test",
        "nasbench201:imagenet16_test",
    ),
}
SIZES = ("params", "depth")
WAYS: dict[str, dict[str, Any]] = {
    "one formula of 12 nodes, bred": {"max_nodes": 12},
    "one formula of 6 nodes, bred": {"max_nodes": 6},
    "sum of 8 of 6 nodes, bred": {"max_nodes": 6, "terms": 8},
    "sum of 8 of 6 nodes, drawn": {"max_nodes": 6, "terms": 8, "selection": "random"},
}


def main(splits: int = 4, tables: dict[str, tuple[str, ...]] = TABLES) -> dict[str, Any]:
    """Mean τ on the report part by tables and way, #params beside it."""
    ready_for_networks()
    found = {}
    for name, pairs in tables.items():
        try:
            found[name] = _of_tables(pairs, splits)
        except MissingData as error:
            found[name] = {"left out": str(error)}
    return found


def _of_tables(pairs: Sequence[str], splits: int) -> dict[str, float]:
    taus: dict[str, list[float]] = {}
    for number in range(splits):
        with _split_by(f"split {number}"):
            for way, options in WAYS.items():
                for score, tau in _report(pairs, options):
                    taus.setdefault(way if score == "proxy" else score, []).append(tau)
    return {way: float(np.mean(values)) for way, values in taus.items()}


def _report(pairs: Sequence[str], options: dict[str, Any]) -> Iterator[tuple[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        results = discover.run(
            DiscoverConfig(
                out=Path(folder) / "run",
                tables=tuple(pairs),
                sample=400,
                population=60,
                generations=25,
                rule="best",
                jobs=1,
                **options,
            )
        )
    for row in results["rows"]:
        if row["score"] in ("proxy", *SIZES):
            yield row["score"], row["tau"]


@contextmanager
def _split_by(salt: str) -> Iterator[None]:
    usual = families.split
    families.split = partial(split, salt=salt)  # type: ignore[assignment]
    try:
        yield
    finally:
        families.split = usual
