"""Trainings that a table holds already, so that they need not be done again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autodas.core.errors import InvalidInput
from autodas.data import load_data
from autodas.distill import Recipe
from autodas.steps.label.table import Entry
from autodas.tables import Table
from autodas.tables.table import RUNG_COLUMNS
from autodas.teachers import load_teacher
from autodas.workbench.ground_truth import load_table
from autodas.workbench.training import Unit

__all__ = ["known_trainings"]


def known_trainings(name: str, wanted: Mapping[Entry, Unit]) -> dict[Entry, dict[str, Any]]:
    """What a table says of the trainings that are wanted.

    Args:
        name: A table, by name or path.
        wanted: What is to be trained; the first has the teacher.

    Raises:
        InvalidInput: the table was made with another space, data set, teacher, recipe or device.
    """
    table, unit = load_table(name), next(iter(wanted.values()))
    _refuse_another(table, unit)
    found: dict[Entry, dict[str, Any]] = {}
    for target in table.targets.values():
        if target.per_seed is not None:
            for i, j in zip(*np.nonzero(np.isfinite(target.per_seed)), strict=True):
                entry = Entry(table.architectures[i], target.seeds[j], str(target.training))
                found[entry] = {"accuracy": float(target.per_seed[i, j])}
    for rung in table.rungs:
        for i, j in zip(*np.nonzero(np.isfinite(rung.accuracy)), strict=True):
            place = (table.architectures[i], rung.seeds[j], str(rung.training), str(rung.fidelity))
            values = {column: float(getattr(rung, column)[i, j]) for column in RUNG_COLUMNS}
            known = {column: value for column, value in values.items() if np.isfinite(value)}
            found[Entry(*place)] = known | {"cost": str(rung.cost)}
    return {entry: record for entry, record in found.items() if entry in wanted}


def _refuse_another(table: Table, unit: Unit) -> None:
    setup, where, meta = unit.setup, unit.where, table.meta
    here = {
        "space": setup.space,
        "dataset_digest": load_data(setup.data).digest,
        "teacher": load_teacher(setup.teachers[0]).digest,
        "recipe": _plain(setup.recipe.describe()),
        "device": (where.device.partition(":")[0], where.amp),  # others round otherwise
    }
    teacher, recipe = meta.get("teacher"), meta.get("recipe")
    there = {
        "space": table.space,
        "dataset_digest": meta.get("dataset_digest"),
        "teacher": teacher.get("digest") if isinstance(teacher, Mapping) else None,
        "recipe": _plain(recipe) if isinstance(recipe, Mapping) else None,
        "device": (meta.get("device", "cpu"), meta.get("amp", False)),
    }
    for name, value in here.items():
        if there[name] != value:
            what = name.partition("_")[0]
            raise InvalidInput(
                f"table {table.name} was made with another {what}; leave out --known, or label "
                f"with the options of {table.name}: {meta.get('command', 'it does not say which')}"
            )


def _plain(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What decides of a recipe; what older headers leave out is at its default."""
    usual = Recipe("", "", 1, 1, "sgd", 1.0, 0.0).describe()
    return usual | dict(recipe) | {"description": "", "name": ""}
