"""Reading columns and cells of foreign files, with errors that say where and what is accepted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from autodas.core.digest import canonical_json, digest_bytes
from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.files import parse_json, read_bytes
from autodas.core.text import csv_rows
from autodas.tables.table import Part, Training

__all__ = [
    "ACCURACY_COLUMNS",
    "Sheet",
    "Spelling",
    "as_it_stands",
    "meaning",
    "percent",
    "read_file",
    "read_sheet",
    "reject_fractions",
    "unique",
]

Floats = npt.NDArray[np.float64]
Spelling: TypeAlias = Callable[[str, str], str]
"""From the name of a space and the text of an architecture to the one text that the space gives it.

Raises InvalidInput where the space is not to be had or the text is of none of its architectures.
"""

SHOWN = 60
LARGEST = 1 << 29  # bytes; the largest public table has a fifth of it
# How the public files abbreviate their data sets.
DATASETS = {
    "": "unknown",
    "c100": "cifar100",
    "flower": "flowers102",
    "imagenet16": "imagenet16-120",
    "ImageNet16-120": "imagenet16-120",
}
ENDINGS = {
    "kd_acc": (Training.DISTILLED, Part.TEST),
    "base_acc": (Training.VANILLA, Part.TEST),
    "cls_acc": (Training.VANILLA, Part.TEST),
    "super_acc": (Training.SUPERNET, Part.TEST),
    "test": (Training.VANILLA, Part.TEST),
    "val": (Training.VANILLA, Part.VALIDATION),
}
ACCURACY_COLUMNS = "[<data set>_]kd_acc, _base_acc, _cls_acc or _super_acc"


@dataclass(frozen=True)
class Sheet:
    """A CSV file.

    Attributes:
        path: Where it was read from.
        columns: Their names in order.
        rows: Cells by column name.
        lines: The line of the file at which each row ends, from 1.
        digest: SHA-256 of the file.
        spelling: Gives architectures the text of their space.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    lines: tuple[int, ...]
    digest: str
    spelling: Spelling

    def problem(self, row: int, column: str, why: str) -> FileProblem:
        """The error for one cell."""
        return FileProblem(self.path, f"line {self.lines[row]}, column {column}: {why}")

    def text(self, column: str) -> list[str]:
        """A column of text; empty cells are an error."""
        found = [cells[column].strip() for cells in self.rows]
        for row, cell in enumerate(found):
            if not cell:
                raise self.problem(row, column, "the cell is empty")
        return found

    def architectures(self, texts: Sequence[str], column: str, space: str) -> list[str]:
        """The architectures of the rows as their space writes them.

        Args:
            texts: One for each row.
            column: Where they stand.
            space: Its name.
        """
        found = []
        for row, text in enumerate(texts):
            try:
                found.append(self.spelling(space, text))
            except InvalidInput as error:
                raise self.problem(row, column, str(error)) from None
        return found

    def percentages(self, column: str, *, low: bool = False) -> Floats:
        """A column of accuracies; empty cells are unknown (NaN).

        Args:
            column: Its name.
            low: Whether all of them may be at most 1, as after short trainings.
        """
        found = np.full(len(self.rows), np.nan)
        for row, cells in enumerate(self.rows):
            cell = cells[column].strip()
            if cell:
                value = percent(cell)
                if isinstance(value, str):
                    raise self.problem(row, column, value)
                found[row] = value
        if not low:
            reject_fractions(self.path, f"column {column}", found)
        return found

    def numbers(self, column: str, sentinel: float | None = None) -> Floats:
        """A column of any numbers; empty cells, infinities and sentinels become NaN.

        Args:
            column: Its name.
            sentinel: A number by which the file's authors say that there is none.
        """
        found = np.full(len(self.rows), np.nan)
        for row, cells in enumerate(self.rows):
            cell = cells[column].strip()
            try:
                value = float(cell) if cell else math.nan
            except ValueError:
                raise self.problem(row, column, f"{cell[:SHOWN]!r} is not a number") from None
            if math.isfinite(value) and value != sentinel:
                found[row] = value
        return found


def percent(cell: object) -> float | str:
    """An accuracy in percent, or what is wrong with it."""
    try:
        value = float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return f"{str(cell)[:SHOWN]!r} is not a number; an accuracy in percent is expected"
    if isinstance(cell, bool) or not 0.0 <= value <= 100.0:
        return f"{str(cell)[:SHOWN]} is not an accuracy in percent, which lies in [0, 100]"
    return value


def reject_fractions(path: Path, where: str, values: Floats) -> None:
    """Refuse accuracies that are fractions, not percentages: all of them, or some among others.

    A training that has learnt nothing is near chance, which may be less than a percent. Several
    that differ, and would be accuracies like the others if they were a hundred times as large, are
    none of these.

    Raises:
        FileProblem: at least three are known and none is above 1; or some are, and others look like
            them written as fractions.
    """
    known = values[np.isfinite(values)]
    if len(known) >= 3 and known.max() <= 1.0:
        raise FileProblem(
            path, f"{where}: no accuracy is above 1; percentages such as 74.5 are expected"
        )
    low, high = known[(known > 0.0) & (known < 1.0)], known[known >= 1.0]
    if len(np.unique(low)) < 2 or not len(high) or high.min() < 10 * low.max():
        return
    if low.min() * 100 >= high.min() / 2 and low.max() * 100 <= (high.max() + 100) / 2:
        raise FileProblem(
            path,
            f"{where}: {len(low)} accuracies such as {low.min():g} look like fractions beside "
            f"percentages such as {high.min():g}; write all as percentages, and leave cells of "
            "trainings that failed empty",
        )


def unique(path: Path, architectures: Sequence[str], where: Sequence[str]) -> tuple[str, ...]:
    """The architectures, if all are different.

    Args:
        path: The file they come from.
        architectures: Canonical strings.
        where: The place of each in the file, e.g. ``"line 3"``.

    Raises:
        FileProblem: one appears twice.
    """
    first: dict[str, str] = {}
    for architecture, place in zip(architectures, where, strict=True):
        if architecture in first:
            raise FileProblem(
                path,
                f"{place}: architecture {architecture[:SHOWN]!r} is already at "
                f"{first[architecture]}; each may appear once",
            )
        first[architecture] = place
    return tuple(architectures)


def as_it_stands(space: str, text: str) -> str:  # noqa: ARG001 - a Spelling
    """The text itself; of an object of JSON, with sorted keys and without spaces.

    What else may be spelt in several ways only the space knows.
    """
    if not text.startswith("{"):
        return text
    try:
        return canonical_json(parse_json(text.encode(), ""))
    except FileProblem:
        return text


def read_file(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        FileProblem: it is missing, empty, larger than ``LARGEST`` bytes or cannot be read.
    """
    data = read_bytes(path, LARGEST)
    if not data.strip():
        raise FileProblem(path, "the file is empty")
    return data


def read_sheet(path: Path, data: bytes | None = None, spelling: Spelling = as_it_stands) -> Sheet:
    """Read a CSV file with a header line.

    Args:
        path: The file.
        data: Its content, if it was read already.
        spelling: Gives architectures the text of their space.

    Raises:
        FileProblem: it cannot be read, is not UTF-8, or is not a table with a header.
    """
    content = read_file(path) if data is None else data
    columns, body = csv_rows(content, path)
    if not body:
        raise FileProblem(path, "has a header line and no rows")
    return Sheet(
        path,
        columns,
        tuple(dict(zip(columns, cells, strict=True)) for _, cells in body),
        tuple(line for line, _ in body),
        digest_bytes(content),
        spelling,
    )


def meaning(column: str) -> tuple[str, Training, Part] | None:
    """Data set, training and part of an accuracy column; None if it is not one.

    ``c100_kd_acc`` is CIFAR-100, distilled, test; ``kd_acc`` alone names none.
    """
    for ending, (training, part) in ENDINGS.items():
        if column == ending or column.endswith(f"_{ending}"):
            prefix = column[: -len(ending)].rstrip("_")
            return DATASETS.get(prefix, prefix), training, part
    return None
