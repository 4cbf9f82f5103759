"""Our zero-cost scores beside the published ones, on the same NAS-Bench-201 cells.

NASLib published scores of 589 cells, in two batches of different cells (A and B). Every network
has 32 images there (the largest possible ``jacov``, −B, is −32), PyTorch's own initial weights
and BatchNorm in training mode; weights and images are not published, so ranks can agree, not
numbers. How far can they? "again" is the rank agreement of our scores with themselves when, as
there, every cell has other images (not balanced) and other weights.

Needs the table ``nasbench201-scores`` and the data set ``cifar10-sample``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import kendalltau, spearmanr

from autodas.core.results import Failed
from autodas.core.rng import derive
from autodas.data import load_data, probe_batch
from autodas.networks import StagedNetwork, seeded
from autodas.scores import SCORES, Subjects
from autodas.spaces import get_space
from autodas.statistics import columns, measure
from autodas.tables import load_table
from autodas.tables.table import Table

CELLS, REPEATED, IMAGES = 160, 60, 32
PUBLISHED = {  # ours -> theirs
    "synflow": "synflow",
    "l2_norm": "l2_norm",
    "naswot": "nwot",
    "snip": "snip",
    "grad_norm": "grad_norm",
    "fisher": "fisher",
    "jacov": "jacov",
    "epe_nas": "epe_nas",
    "grasp": "grasp",
    "plain": "plain",
    "params": "params",
    "macs": "flops",
}
LITERATURE = {  # Kendall's tau with CIFAR-10 accuracy over all cells (Lee & Ham, CVPR 2024)
    "params": 0.578,
    "macs": 0.578,
    "grad_norm": 0.357,
    "grasp": 0.318,
    "snip": 0.454,
    "synflow": 0.571,
    "naswot": 0.557,
    "te_nas": 0.536,
    "zen": 0.296,
    "gradsign": 0.618,
    "zico": 0.589,
    "az_nas": 0.741,
}
OTHERS = (
    "logsynflow",
    "zen",
    "zico",
    "ntk",
    "te_nas",
    "gradsign",
    "meco",
    "swap",
    "expressivity",
    "progressivity",
    "trainability",
    "az_nas",
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Checked:
    """Cells with our scores and theirs.

    Attributes:
        scores: Ours, ``(A,)`` each.
        again: Ours of the first cells with other images and weights; empty if not asked for.
        published: Theirs, NaN where one is missing or a sentinel.
        batch: ``"A"`` or ``"B"`` for each cell.
        accuracy: Validation accuracy on CIFAR-10, in percent.
    """

    scores: Mapping[str, Floats]
    again: Mapping[str, Floats]
    published: Mapping[str, Floats]
    batch: npt.NDArray[np.str_]
    accuracy: Floats


def main(cells: int = CELLS) -> dict[str, object]:
    """Spearman's correlation with the published scores, and Kendall's with accuracy."""
    torch.set_num_threads(1)
    found = checked(cells, repeat=True)
    return {
        "cells": len(found.accuracy),
        "in batch A": int((found.batch == "A").sum()),
        "scores": {name: _row(found, name) for name in (*PUBLISHED, *OTHERS)},
    }


def checked(
    cells: int, names: Sequence[str] = (*PUBLISHED, *OTHERS), *, repeat: bool = False
) -> Checked:
    """Measure the first ``cells`` cells of a fixed order.

    Args:
        cells: How many.
        names: Scores.
        repeat: Measure the published ones of the first 60 cells again, with other images and
            weights.
    """
    table = load_table("nasbench201-scores")
    order = derive(0, "published scores").permutation(len(table))[:cells]
    codes = [table.architectures[i] for i in order]
    published = {name: _clean(table, theirs)[order] for name, theirs in PUBLISHED.items()}
    return Checked(
        _scores(codes, names),
        _scores(codes[:REPEATED], list(PUBLISHED), vary=True) if repeat else {},
        published,
        # Only batch B has this score.
        np.where(np.isnan(table.published["cifar10/nwot"][order]), "A", "B"),
        table.targets["cifar10_val"].values[order],
    )


def _clean(table: Table, name: str) -> Floats:
    """A published column; the stand-ins for failures become NaN."""
    values = np.array(table.published[f"cifar10/{name}"], dtype=np.float64)
    values[(values <= -1e8) | ~np.isfinite(values)] = np.nan
    return values


def _scores(codes: Sequence[str], names: Sequence[str], *, vary: bool = False) -> dict[str, Floats]:
    leaves = sorted(frozenset[str]().union(*(SCORES.get(name).leaves for name in names)))
    data = load_data("cifar10-sample")
    balanced = probe_batch(data, IMAGES, seed=0)
    images, labels, measured = balanced.images, balanced.labels, []
    for i, code in enumerate(codes):
        if vary:
            rng = derive(1, "published scores", code)
            drawn = torch.from_numpy(rng.choice(len(data.train_labels), IMAGES, replace=False))
            images, labels = data.ready(data.train_images[drawn]), data.train_labels[drawn]
        network = seeded(lambda code=code: as_naslib(code), i if vary else 0)
        measured.append(measure(network, images, labels, leaves))
        if sys.stderr.isatty():
            print(f"\r{i + 1} of {len(codes)}", end="", file=sys.stderr)
    store = columns(codes, measured, leaves)
    subjects = Subjects(tuple(codes), np.ones(len(codes)), store.columns, store.missing)
    found = {}
    for name in names:
        values = SCORES.get(name).compute(subjects)
        if isinstance(values, Failed):
            raise RuntimeError(f"{name}: {values.reason}")
        found[name] = values.value
    return found


def as_naslib(code: str) -> StagedNetwork:
    """The network of a cell with PyTorch's own initial weights."""
    space = get_space("nasbench201")
    network = space.build(space.decode(code))
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            module.reset_parameters()
    return network


def _row(found: Checked, name: str) -> dict[str, float]:
    """Agreement of one score."""
    ours, row = found.scores[name], {}
    if name in found.published:
        theirs = found.published[name]
        for batch in ("A", "B"):
            known = (found.batch == batch) & ~np.isnan(theirs)
            if known.sum() > 2:
                row[f"Spearman, {batch}"] = float(spearmanr(ours[known], theirs[known])[0])
        known = ~np.isnan(theirs)
        row["Pearson"] = float(np.corrcoef(ours[known], theirs[known])[0, 1])
        if name in found.again:
            second = found.again[name]
            row["again"] = float(spearmanr(ours[: len(second)], second)[0])
        row["tau of theirs"] = float(kendalltau(theirs[known], found.accuracy[known])[0])
    row["tau of ours"] = float(kendalltau(ours, found.accuracy)[0])
    if name in LITERATURE:
        row["tau, literature"] = LITERATURE[name]
    return row


def table(result: Mapping[str, object]) -> str:
    """The result as a table in Markdown."""
    names = (
        "Spearman, A",
        "Spearman, B",
        "again",
        "Pearson",
        "tau of theirs",
        "tau of ours",
        "tau, literature",
    )
    lines = [f"| score | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    rows = result["scores"]
    if isinstance(rows, Mapping):
        for name, row in rows.items():
            cells = (f"{row[each]:.3f}" if each in row else "" for each in names)
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    outcome = main(int(sys.argv[1]) if len(sys.argv) > 1 else CELLS)
    print(f"{outcome['cells']} cells, {outcome['in batch A']} of them in batch A\n")
    print(table(outcome))
