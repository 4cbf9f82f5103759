"""One formula for all spaces: on other splits of the tables, and on spaces it has never seen.

First, the tables are split anew several times, and sums found in several ways are reported on the
unseen architectures of every table. Then each space is left out in turn: sums found on all others
are reported on all of its architectures. Needs ``AUTODAS_DATA`` and, for speed, a filled
statistics cache.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autodas.core.errors import MissingData
from autodas.pipeline import discover
from autodas.pipeline.discover import DiscoverConfig
from benchmarks.splits import split_by
from benchmarks.workload import ready_for_networks

TABLES: tuple[str, ...] = (
    "digits-cnn:distilled",
    "digits-vit:distilled",
    "s0:kd_acc",
    "nasbench201:cifar10_test",
    "nasbench201:cifar100_test",
    "nasbench201:imagenet16_test",
    "nasbench101:cifar10_val",
    "autoformer:c100_kd_acc",
    "autoformer:flower_kd_acc",
    "autoformer:chaoyang_kd_acc",
    "pit:c100_kd_acc",
    "pit:flower_kd_acc",
    "pit:chaoyang_kd_acc",
)
WAYS: dict[str, dict[str, Any]] = {
    "quantiles, bred": {"scale": "quantiles", "selection": "adaptive"},
    "quantiles, drawn": {"scale": "quantiles", "selection": "random"},
    "common scale, bred": {"scale": "common", "selection": "adaptive"},
    "common scale, drawn": {"scale": "common", "selection": "random"},
    "common scale, drawn, no size": {
        "scale": "common",
        "selection": "random",
        "size_leaves": False,
        "size_control": 0.5,
    },
}
TERMS = {"24 terms": 24, "6 terms": 6}
SIZES = ("params", "depth")


def main(splits: int = 4, tables: Sequence[str] = TABLES) -> dict[str, Any]:
    """Mean τ by table and way, over splits; and by table that was left out."""
    ready_for_networks()
    try:
        return {
            "unseen architectures": _unseen_architectures(tables, splits),
            "unseen spaces": _unseen_spaces(tables),
        }
    except MissingData as error:
        return {"left out": str(error)}


Taus = dict[str, dict[str, float]]


def _unseen_architectures(tables: Sequence[str], splits: int) -> Taus:
    found: dict[str, dict[str, list[float]]] = {}
    for number in range(splits):
        with split_by(f"split {number}"):
            for way, options in WAYS.items():
                for table, score, tau in _discovered(tables, (), options | {"terms": 24}):
                    name = way if score == "proxy" else score
                    found.setdefault(table, {}).setdefault(name, []).append(tau)
    return _with_means(
        {
            table: {name: float(np.mean(taus)) for name, taus in each.items()}
            for table, each in found.items()
        }
    )


def _unseen_spaces(tables: Sequence[str]) -> Taus:
    found: Taus = {}
    for left_out in dict.fromkeys(pair.partition(":")[0] for pair in tables):
        own = tuple(pair for pair in tables if pair.startswith(f"{left_out}:"))
        others = tuple(pair for pair in tables if pair not in own)
        for way in ("quantiles, bred", "common scale, drawn"):
            for size, terms in TERMS.items():
                for table, score, tau in _discovered(others, own, WAYS[way] | {"terms": terms}):
                    name = f"{way}, {size}" if score == "proxy" else score
                    found.setdefault(table, {})[name] = tau
    return _with_means(found)


def _with_means(found: Taus) -> Taus:
    names = list(next(iter(found.values())))
    mean = {name: float(np.mean([each[name] for each in found.values()])) for name in names}
    above = {
        name: float(sum(each[name] > each["params"] for each in found.values())) for name in names
    }
    return {**found, "mean": mean, "tables above #params": above}


def _discovered(
    tables: Sequence[str], unseen: Sequence[str], options: dict[str, Any]
) -> Iterator[tuple[str, str, float]]:
    """Table, score and τ on what the discovery has not seen: of whole tables, if any is unseen."""
    with tempfile.TemporaryDirectory() as folder:
        results = discover.run(
            DiscoverConfig(
                out=Path(folder) / "run",
                tables=tuple(tables),
                held_out=tuple(unseen),
                sample=400,
                population=80,
                generations=40,
                max_nodes=6,
                rule="best",
                jobs=1,
                **options,
            )
        )
    for row in results["rows"]:
        if row["score"] in ("proxy", *SIZES) and row.get("held_out", False) == bool(unseen):
            yield f"{row['table']}:{row['target']}", row["score"], row["tau"]
