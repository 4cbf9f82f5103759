"""The report parts of several splits, because one split may be lucky."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from autodas.steps.benchmark.comparison import Comparison, Contender
from autodas.workbench.families import split_of

__all__ = ["over_splits"]


def over_splits(
    comparison: Comparison, contender: Contender, first: int, count: int
) -> dict[str, Any]:
    """How τ, and its difference to #params, change with the split.

    Report parts of different splits share architectures, so the deviation says how much hangs on
    the split, and is no standard error.

    Args:
        comparison: On the part of the first split.
        contender: What is compared.
        first: Seed of the first split.
        count: How many.

    Returns:
        ``n`` splits on which it has a value, ``tau_mean``, ``tau_sd``, ``delta_mean`` and
        ``delta_sd``; None of what cannot be told.
    """
    family = comparison.family
    taus, deltas = [], []
    for seed in range(first, first + count):
        other = dataclasses.replace(family, split=split_of(family.table, seed))
        row = dataclasses.replace(comparison, family=other).row(contender)
        if row["tau"] is not None:
            taus.append(row["tau"])
        if row.get("delta_params") is not None:
            deltas.append(row["delta_params"])
    return {
        "n": len(taus),
        "tau_mean": float(np.mean(taus)) if taus else None,
        "tau_sd": float(np.std(taus, ddof=1)) if len(taus) > 1 else None,
        "delta_mean": float(np.mean(deltas)) if deltas else None,
        "delta_sd": float(np.std(deltas, ddof=1)) if len(deltas) > 1 else None,
    }
