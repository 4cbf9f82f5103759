"""Short trainings in a table of labels: further columns of each row, and what they say together.

Columns are called ``accuracy@1/9``: what was measured, and the fraction of a full training after
which it was. All are measured on a validation part, never on the images of the labels.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from autodas.core.digest import digest_bytes
from autodas.core.errors import FileProblem, InvalidInput
from autodas.tables.cells import Floats, Sheet
from autodas.tables.table import RUNG_COLUMNS, RungLabels, Training

__all__ = ["digest_of_labels", "fidelity_of", "read_rungs", "rung_columns"]


def rung_columns(rung: str) -> dict[str, str]:
    """What was measured -> the column of a table that holds it for this rung."""
    return {name: f"{name}@{rung}" for name in RUNG_COLUMNS}


def fidelity_of(text: str) -> Fraction:
    """A rung as it is written, ``"1/9"`` or ``"0.25"``.

    Raises:
        InvalidInput: it is not a number in (0, 1).
    """
    try:
        found = Fraction(text)
    except (ValueError, ZeroDivisionError):
        found = Fraction(0)
    if not 0 < found < 1:
        raise InvalidInput(f"a rung is a fraction of a training such as 1/9, got {text[:60]!r}")
    return found


def digest_of_labels(sheet: Sheet) -> str:
    """SHA-256 of the table without its rungs.

    By it, what was learnt from a table knows it again: rungs that are added later change no label.
    """
    labels = [name for name in sheet.columns if not _is_rung(name)]
    if len(labels) == len(sheet.columns):
        return sheet.digest
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(labels)
    writer.writerows([row[name] for name in labels] for row in sheet.rows)
    return digest_bytes(text.getvalue().encode())


def _is_rung(column: str) -> bool:
    name, mark, _ = column.partition("@")
    return bool(mark) and name in RUNG_COLUMNS


def read_rungs(
    sheet: Sheet, architectures: Sequence[str], costs: Mapping[str, str]
) -> tuple[RungLabels, ...]:
    """The short trainings of a table of labels, the shortest first.

    Args:
        sheet: With the columns ``arch``, ``seed`` and ``training``, and of rungs if there are any.
        architectures: Of its rows.
        costs: What each rung costs, as the header says; its fidelity if nothing is said.

    Raises:
        FileProblem: a cell or a column's name is not what it has to be.
    """
    found: dict[str, dict[str, Floats]] = {}
    for column in sheet.columns:
        if _is_rung(column):
            name, _, rung = column.partition("@")
            read = sheet.percentages if name == "accuracy" else sheet.numbers
            found.setdefault(rung, {})[name] = read(column)
    try:
        fidelities = {rung: fidelity_of(rung) for rung in found}
        spent = {rung: fidelity_of(str(costs.get(rung, rung))) for rung in found}
    except InvalidInput as error:
        raise FileProblem(sheet.path, str(error)) from None
    labels = (
        _labels(sheet, architectures, training, found[rung], (fidelities[rung], spent[rung]))
        for rung in sorted(found, key=lambda each: fidelities[each])
        for training in Training
    )
    return tuple(each for each in labels if each is not None)


def _labels(
    sheet: Sheet,
    architectures: Sequence[str],
    training: Training,
    columns: Mapping[str, Floats],
    rung: tuple[Fraction, Fraction],
) -> RungLabels | None:
    """Of one training at one rung, its fidelity and cost; None if nothing is known."""
    mine = [i for i, cells in enumerate(sheet.rows) if cells["training"].strip() == training]
    seeds = sorted({int(sheet.rows[i]["seed"]) for i in mine})
    places = {text: number for number, text in enumerate(dict.fromkeys(architectures))}
    matrices = {name: np.full((len(places), len(seeds)), np.nan) for name in RUNG_COLUMNS}
    for name, values in columns.items():
        for i in mine:
            row, column = places[architectures[i]], seeds.index(int(sheet.rows[i]["seed"]))
            matrices[name][row, column] = values[i]
    anything = np.any([np.isfinite(each).any(axis=0) for each in matrices.values()], axis=0)
    known = np.flatnonzero(anything)
    if not len(known):
        return None
    fidelity, cost = rung
    return RungLabels(
        fidelity,
        training,
        cost,
        tuple(seeds[k] for k in known),
        **{name: matrix[:, known] for name, matrix in matrices.items()},
    )
