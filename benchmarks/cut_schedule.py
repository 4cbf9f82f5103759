"""Why schedules are shrunk and not cut: τ between accuracies on the way and at the end.

On public curves (``AUTODAS_DATA``: 14 pairs of teacher and student on CIFAR-100, 240 epochs, steps
of the learning rate after 150, 180 and 210; logs of Sun et al., "Logit Standardization in Knowledge
Distillation", CVPR 2024), what a training has reached somewhere in the middle of its schedule; and
on the tables that come with the package, what a whole schedule shrunk to a rung says.
"""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from autodas.tables import load_table
from benchmarks.finalists import TABLES

FILE = "lskd_kd_learning_curves.csv"
EPOCHS = (10, 20, 50, 100, 145, 149, 155, 179, 185, 209, 215)
LAST = 240


def main() -> dict[str, Any]:
    """τ with the end, by method and epoch (cut), and by table and rung (shrunk)."""
    return {"cut": _cut(), "shrunk": _shrunk()}


def _cut() -> dict[str, Any]:
    folder = os.environ.get("AUTODAS_DATA")
    if folder is None or not (path := Path(folder) / FILE).exists():
        return {"left out": f"{FILE} is not in AUTODAS_DATA"}
    curves: dict[str, dict[tuple[str, str], dict[int, float]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            pair = (row["teacher"], row["student"])
            curves[row["method"]][pair][int(row["epoch"])] = float(row["test_acc"])
    return {
        method: {epoch: _tau(list(each.values()), epoch) for epoch in EPOCHS}
        for method, each in curves.items()
        if all(max(curve) == LAST for curve in each.values())
    }


def _tau(curves: list[dict[int, float]], epoch: int) -> float:
    then, end = ([curve[at] for curve in curves] for at in (epoch, LAST))
    return float(kendalltau(then, end).statistic)


def _shrunk() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in TABLES:
        table = load_table(name)
        truth = table.target("distilled").values
        found[name] = {
            str(rung.fidelity): float(
                np.mean(
                    [
                        kendalltau(-losses, truth, nan_policy="omit").statistic
                        for losses in rung.cross_entropy.T
                    ]
                )
            )
            for rung in table.rungs
            if rung.training == "distilled"
        }
    return found
