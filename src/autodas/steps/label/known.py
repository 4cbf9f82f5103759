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
from autodas.tables.table import RUNG_COLUMNS, TAUGHT_COLUMNS
from autodas.teachers import load_teacher
from autodas.workbench.ground_truth import load_table
from autodas.workbench.training import Unit
from autodas.workbench.ways import Way

__all__ = ["is_whole", "known_trainings"]

Digests = tuple[str, ...]
"""Of the teachers of a training, whatever they are called; empty for labels alone."""


def known_trainings(name: str, wanted: Mapping[Entry, Unit]) -> dict[Entry, dict[str, Any]]:
    """What a table says of the trainings that are wanted, with the same teachers.

    Args:
        name: A table of labels or of pairs, by name or path.
        wanted: What is to be trained.

    Raises:
        InvalidInput: the table was made with another space, data set, recipe or device, or with
            none of the teachers.
    """
    table = load_table(name)
    _refuse_another(table, next(iter(wanted.values())))
    here, there = _ways_of(wanted), _digests_in(table)
    if any(here) and not any(digests in there.values() for digests in here if digests):
        raise _made_with_another("teacher", table)
    taught = {target: here.get(digests) for target, digests in there.items()}
    found: dict[Entry, dict[str, Any]] = {}
    for target in table.targets.values():
        training = taught.get(target.name)
        if training is not None and target.per_seed is not None:
            for i, j in zip(*np.nonzero(np.isfinite(target.per_seed)), strict=True):
                entry = Entry(table.architectures[i], target.seeds[j], training)
                found[entry] = {"accuracy": float(target.per_seed[i, j])}
    for rung in table.rungs:
        training = taught.get(rung.target)
        if training is None:
            continue
        for i, j in zip(*np.nonzero(np.isfinite(rung.accuracy)), strict=True):
            place = (table.architectures[i], rung.seeds[j], training, str(rung.fidelity))
            values = {column: float(getattr(rung, column)[i, j]) for column in RUNG_COLUMNS}
            known = {column: value for column, value in values.items() if np.isfinite(value)}
            found[Entry(*place)] = known | {"cost": str(rung.cost)}
    return {
        entry: record
        for entry, record in found.items()
        if entry in wanted and is_whole(entry, record)
    }


def is_whole(entry: Entry, record: Mapping[str, Any]) -> bool:
    """Whether a finished training tells all that it would today: older ones were judged by less."""
    needed = [name for name in RUNG_COLUMNS if name not in TAUGHT_COLUMNS]
    return not entry.rung or all(name in record for name in needed)


def _ways_of(wanted: Mapping[Entry, Unit]) -> dict[Digests, str]:
    """Who taught -> what the table that is to come calls it."""
    ways: dict[Way, str] = {unit.setup.teachers: e.training for e, unit in wanted.items()}
    return {tuple(load_teacher(each).digest for each in way): name for way, name in ways.items()}


def _digests_in(table: Table) -> dict[str, Digests]:
    """Targets of a table -> who taught them, as far as its header says."""
    listed = table.meta.get("teachers")
    if isinstance(listed, list):
        return {each["name"]: _digests(each.get("members", [None])) for each in listed}
    return {"distilled": _digests([table.meta.get("teacher")]), "vanilla": ()}


def _digests(members: Any) -> Digests:  # noqa: ANN401 - JSON
    some = members if isinstance(members, list) else [None]
    return tuple(str(each.get("digest")) if isinstance(each, Mapping) else "" for each in some)


def _refuse_another(table: Table, unit: Unit) -> None:
    setup, where, meta = unit.setup, unit.where, table.meta
    here = {
        "space": setup.space,
        "dataset_digest": load_data(setup.data).digest,
        "recipe": _plain(setup.recipe.describe()),
        "device": (where.device.partition(":")[0], where.amp),  # others round otherwise
    }
    recipe = meta.get("recipe")
    there = {
        "space": table.space,
        "dataset_digest": meta.get("dataset_digest"),
        "recipe": _plain(recipe) if isinstance(recipe, Mapping) else None,
        "device": (meta.get("device", "cpu"), meta.get("amp", False)),
    }
    for name, value in here.items():
        if there[name] != value:
            raise _made_with_another(name.partition("_")[0], table)


def _made_with_another(what: str, table: Table) -> InvalidInput:
    return InvalidInput(
        f"table {table.name} was made with another {what}; leave out --known, or label "
        f"with the options of {table.name}: {table.meta.get('command', 'it does not say which')}"
    )


def _plain(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What decides of a recipe; what older headers leave out is at its default."""
    usual = Recipe("", "", 1, 1, "sgd", 1.0, 0.0).describe()
    return usual | dict(recipe) | {"description": "", "name": ""}
