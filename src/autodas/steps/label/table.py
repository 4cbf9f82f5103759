"""The table of labels: rows, how well seeds agree, and the header that says how it was made."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from autodas.core.runs import environment
from autodas.data import load_data
from autodas.tables.labels import LabelRow
from autodas.tables.noise import label_noise
from autodas.tables.rungs import rung_columns
from autodas.tables.table import Part, Target, Training
from autodas.teachers import load_teacher
from autodas.workbench.feature_check import only_features
from autodas.workbench.teacher_facts import facts_of
from autodas.workbench.training import Setup, Unit
from autodas.workbench.ways import Way

__all__ = ["Entry", "header_of", "noise_of", "rows_of", "summary_of"]


@dataclass(frozen=True)
class Entry:
    """Which training a row of the table is about.

    Attributes:
        arch: Architecture string.
        seed: Number of the repetition, from 0.
        training: ``"distilled"`` or ``"vanilla"``; in a table of pairs the teacher's name.
        rung: Fidelity of a short training, such as ``"1/9"``; empty for the full one.
    """

    arch: str
    seed: int
    training: str
    rung: str = ""

    @property
    def full(self) -> Entry:
        """The full training of the same row."""
        return replace(self, rung="")


def rows_of(records: Mapping[Entry, Mapping[str, Any]]) -> list[LabelRow]:
    """The table's rows: one for each full training that is there, with the rungs that are.

    Args:
        records: In the order of the wanted units, so that equal tables have equal columns.
    """
    rungs: dict[Entry, dict[str, float | int | str]] = defaultdict(dict)
    reasons: dict[Entry, list[str]] = defaultdict(list)
    for entry, record in records.items():
        if entry.rung:
            for name, column in rung_columns(entry.rung).items():
                value = record.get(name)
                rungs[entry.full][column] = "" if value is None else round(value, 4)
        if reason := record.get("reason"):
            reasons[entry.full].append(f"at {entry.rung}: {reason}" if entry.rung else reason)
    rows = []
    for entry, record in records.items():
        if not entry.rung:
            accuracy = record.get("accuracy")
            known = None if accuracy is None else round(accuracy, 4)
            place = (entry.arch, known, entry.seed, entry.training)
            rows.append(LabelRow(*place, "; ".join(reasons[entry]), rungs[entry]))
    return rows


def noise_of(rows: Sequence[LabelRow], dataset: str) -> dict[str, Any]:
    """How well the seeds of each training, or teacher, agree: the ceiling of any score."""
    found: dict[str, Any] = {}
    architectures = list(dict.fromkeys(row.arch for row in rows))
    seeds = tuple(sorted({row.seed for row in rows}))
    for training in dict.fromkeys(row.training for row in rows):
        known = {(row.arch, row.seed): row.accuracy for row in rows if row.training == training}
        runs = [[known.get((arch, seed)) for seed in seeds] for arch in architectures]
        matrix = torch.tensor(
            [[math.nan if run is None else run for run in mine] for mine in runs],
            dtype=torch.float64,
        ).numpy()
        means = torch.from_numpy(matrix).nanmean(dim=1).numpy()
        kind = Training.DISTILLED  # noise asks for none, and a teacher's name says none
        target = Target(training, dataset, kind, Part.TEST, means, seeds, matrix)
        noise = label_noise(target)
        found[training] = None if noise is None else _rounded(asdict(noise))
    return found


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    """Six decimals, so that the last bits of a sum do not make two headers differ."""
    return {
        name: value if isinstance(value, int) else round(value, 6) for name, value in values.items()
    }


def header_of(
    unit: Unit,
    ways: Mapping[str, Way],
    *,
    pairs: bool,
    students: int,
    seeds: int,
    sample_seed: int,
    rungs: Mapping[str, str],
    noise: Mapping[str, Any],
    command: str,
) -> dict[str, Any]:
    """What stands beside the table.

    Args:
        unit: Any of its trainings.
        ways: How students are trained: name in the table -> whom they learn from.
        pairs: Whether it is a table of pairs.
        students: How many were asked for.
        seeds: How many trainings of each.
        sample_seed: Of the draw of students.
        rungs: What each costs, in full trainings.
        noise: From :func:`noise_of`.
        command: That makes it.
    """
    setup, where = unit.setup, unit.where
    data = load_data(setup.data)
    header = {
        "space": setup.space,
        "dataset": data.name,
        "dataset_digest": data.digest,
        "part": "test",
        **(
            {"teachers": [_of_pair(name, ways[name], setup) for name in ways]}
            if pairs
            else {"teacher": _of_teacher(ways["distilled"][0])}
        ),
        "recipe": setup.recipe.describe(),
        "students": students,
        "seeds": list(range(seeds)),
        "sample_seed": sample_seed,
        **({"rungs": dict(rungs)} if rungs else {}),
        "noise": dict(noise),
        "packages": environment()["packages"],
        "command": command,
    }
    if where.device != "cpu":
        header |= {"device": where.device.partition(":")[0], "amp": where.amp}
    return header


def _of_pair(name: str, way: Way, setup: Setup) -> dict[str, Any]:
    """Who teaches under this name, and what is known of them without training."""
    members = [_of_teacher(each) for each in way]
    if not way or only_features(way):
        return {"name": name, "members": members}
    facts = facts_of(way, setup.data, setup.recipe.temperature).to_json()
    known = {key: value for key, value in facts.items() if key not in ("teacher", "images")}
    return {"name": name, "members": members, "facts": known}


def _of_teacher(name: str) -> dict[str, Any]:
    teacher = load_teacher(name)
    return {
        "name": teacher.name,
        "digest": teacher.digest,
        "accuracy": teacher.accuracy,
        "trained": teacher.trained,
    }


def summary_of(results: Mapping[str, Any], rows: Sequence[LabelRow]) -> list[str]:
    """What people are told at the end."""
    lines = [
        f"{results['table']}: {results['students']} students, {results['trained']} trained now, "
        f"{results['failed']} failed, {results['seconds']:.0f} s"
    ]
    if results["left"]:
        lines.append(f"{results['left']} trainings are left; the same command goes on")
    for training, noise in results["noise"].items():
        known = [row.accuracy for row in rows if row.training == training and row.accuracy]
        line = f"{training}: {min(known):.1f} to {max(known):.1f} %" if known else f"{training}: -"
        if noise:
            line += f", τ between seeds {noise['tau']:.2f}, ceiling {noise['ceiling_tau']:.2f}"
        lines.append(line)
    return lines + [check["sentence"] for check in results["teacher_checks"]]
