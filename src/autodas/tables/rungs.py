"""Short trainings in a table of labels: further columns of each row, and what they say together.

Columns are called ``accuracy@1/9``: what was measured, and the fraction of a full training after
which it was. All are measured on a validation part, never on the images of the labels.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from autodas.core.digest import digest_bytes
from autodas.core.errors import FileProblem, InvalidInput
from autodas.tables.cells import Floats, Sheet
from autodas.tables.table import RUNG_COLUMNS, RungLabels, Training

__all__ = ["digest_of_labels", "fidelity_of", "read_rungs", "rung_columns"]

# Fraction alone would also take 1e-999999999, and think about it for hours.
NUMBER = re.compile(r"[0-9]{1,9}(/[0-9]{1,9})?|[0-9]{0,9}\.[0-9]{1,9}")


def rung_columns(rung: str) -> dict[str, str]:
    """What was measured -> the column of a table that holds it for this rung."""
    return {name: f"{name}@{rung}" for name in RUNG_COLUMNS}


def fidelity_of(text: str) -> Fraction:
    """A rung as it is written, ``"1/9"`` or ``"0.25"``.

    Raises:
        InvalidInput: it is not a number in (0, 1).
    """
    found = _positive(text)
    if found is None or found >= 1:
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


def _positive(text: str) -> Fraction | None:
    """The number, if it is one and above 0."""
    try:
        found = Fraction(text) if NUMBER.fullmatch(text) else Fraction(0)
    except ZeroDivisionError:
        return None
    return found if found > 0 else None


def read_rungs(
    sheet: Sheet,
    architectures: Sequence[str],
    targets: Sequence[str],
    ways: Mapping[str, Training],
    header: Mapping[str, Any],
) -> tuple[RungLabels, ...]:
    """The short trainings of a table of labels, the shortest first.

    Args:
        sheet: With the columns ``arch`` and ``seed``, and of rungs if there are any.
        architectures: Of its rows.
        targets: Of which target each row is.
        ways: Targets that there may be, and how their networks were trained.
        header: Says under ``rungs`` what each costs in full trainings; where it says nothing, it
            is the rung's fidelity.

    Raises:
        FileProblem: a cell, a column's name or a cost is not what it has to be.
    """
    found: dict[str, dict[str, Floats]] = {}
    for column in sheet.columns:
        if _is_rung(column):
            name, _, rung = column.partition("@")
            accuracy = name == "accuracy"
            numbers = sheet.percentages(column, low=True) if accuracy else sheet.numbers(column)
            found.setdefault(rung, {})[name] = numbers
    fidelities = _fidelities(sheet, found)
    costs = header.get("rungs", {})
    spent = {rung: _cost(sheet, rung, costs, fidelities[rung]) for rung in found}
    labels = (
        _labels(
            _places(sheet, architectures, [i for i, each in enumerate(targets) if each == way[0]]),
            found[rung],
            way,
            (fidelities[rung], spent[rung]),
        )
        for rung in sorted(found, key=lambda each: fidelities[each])
        for way in ways.items()
    )
    return tuple(each for each in labels if each is not None)


def _fidelities(sheet: Sheet, rungs: Iterable[str]) -> dict[str, Fraction]:
    """What the columns of rungs are called after -> its number; each number once."""
    found: dict[str, Fraction] = {}
    for rung in rungs:
        try:
            fidelity = fidelity_of(rung)
        except InvalidInput as error:
            raise FileProblem(sheet.path, f"columns such as accuracy@1/9: {error}") from None
        if fidelity in found.values():
            raise FileProblem(sheet.path, f"columns …@{rung[:60]}: this rung is there twice")
        found[rung] = fidelity
    return found


def _cost(sheet: Sheet, rung: str, costs: object, fidelity: Fraction) -> Fraction:
    """Full trainings that a rung costs, by the header; its fidelity if that does not say."""
    said = costs.get(rung, fidelity) if isinstance(costs, Mapping) else None
    cost = said if isinstance(said, Fraction) else _positive(str(said))
    if cost is None:
        raise FileProblem(
            sheet.path,
            f"its header must say under 'rungs' how many trainings rung {rung} costs, such as "
            f"{{{rung!r}: '1/9'}}; got {str(said)[:60]!r}",
        )
    return cost


@dataclass(frozen=True)
class _Places:
    """Where the rows of a target stand in its matrices.

    Attributes:
        mine: Numbers of its rows.
        architecture: Of each of them, the row of the matrices.
        seed: The column.
        shape: Of the matrices, (A, S).
        seeds: S seeds.
    """

    mine: Sequence[int]
    architecture: Sequence[int]
    seed: Sequence[int]
    shape: tuple[int, int]
    seeds: tuple[int, ...]


def _places(sheet: Sheet, architectures: Sequence[str], mine: Sequence[int]) -> _Places:
    order = {text: number for number, text in enumerate(dict.fromkeys(architectures))}
    mine_of = [int(sheet.rows[i]["seed"]) for i in mine]
    seeds = sorted(set(mine_of))
    return _Places(
        mine,
        [order[architectures[i]] for i in mine],
        [seeds.index(seed) for seed in mine_of],
        (len(order), len(seeds)),
        tuple(seeds),
    )


def _labels(
    places: _Places,
    columns: Mapping[str, Floats],
    way: tuple[str, Training],
    rung: tuple[Fraction, Fraction],
) -> RungLabels | None:
    """Of one target at one rung, its fidelity and cost; None if nothing is known."""
    matrices = {name: np.full(places.shape, np.nan) for name in RUNG_COLUMNS}
    for name, values in columns.items():
        matrices[name][places.architecture, places.seed] = values[places.mine]
    anything = np.any([np.isfinite(each).any(axis=0) for each in matrices.values()], axis=0)
    known = np.flatnonzero(anything)
    if not len(known):
        return None
    seeds = tuple(places.seeds[k] for k in known)
    measured: dict[str, Any] = {name: matrix[:, known] for name, matrix in matrices.items()}
    return RungLabels(*way, *rung, seeds, **measured)
