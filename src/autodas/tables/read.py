"""Reading any table: the format is recognised by the columns, never by the file's name."""

from __future__ import annotations

import codecs
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autodas.core.errors import FileProblem
from autodas.core.files import parse_json
from autodas.core.places import expanded
from autodas.tables.accuracy_files import read_accuracy_json, read_accuracy_sheet
from autodas.tables.cells import (
    ACCURACY_COLUMNS,
    Sheet,
    Spelling,
    as_it_stands,
    read_file,
    read_sheet,
)
from autodas.tables.darts_cells import read_nasbench301
from autodas.tables.labels import FORMATS, LABEL_COLUMNS, PAIR_COLUMNS, read_labels
from autodas.tables.nasbench import read_nasbench101, read_nasbench201, read_nasbench201_scores
from autodas.tables.official import is_official, official_csv, refuse_pickles
from autodas.tables.table import Table
from autodas.tables.transnas import read_transnas
from autodas.tables.zoo import ZOO_COLUMNS, read_zoo

__all__ = ["parse_table", "read_table"]


@dataclass(frozen=True)
class CsvForm:
    """A kind of CSV table.

    Attributes:
        needs: Columns that must be there.
        ending: Ending that at least one other column must have; empty for none.
        read: Makes the table.
    """

    needs: tuple[str, ...]
    ending: str
    read: Callable[[Sheet, str | None], Table]

    def missing(self, columns: tuple[str, ...]) -> list[str]:
        """What a file with these columns lacks to be of this kind."""
        lacks = [name for name in self.needs if name not in columns]
        if self.ending and not any(name.endswith(self.ending) for name in columns):
            lacks.append(f"…{self.ending}")
        return lacks


def _read_tasks(sheet: Sheet, space: str | None) -> Table:
    """NAS-Bench-301 or TransNAS-Bench-101, whose files in NAS-Bench-Suite-Zero have one form."""
    is_cifar = "cifar10" in sheet.text("task")
    return (read_nasbench301 if is_cifar else read_transnas)(sheet, space)


# The first that fits wins, so the more demanding kinds come first.
FORMS = (
    CsvForm(LABEL_COLUMNS, "", read_labels),
    CsvForm(PAIR_COLUMNS, "", read_labels),
    CsvForm(("dataset", "arch_str", "val_accuracy"), "", read_nasbench201_scores),
    CsvForm(("arch_str",), "_test", read_nasbench201),
    CsvForm(("adjacency", "ops"), "_val", read_nasbench101),
    CsvForm(("arch",), "_acc", read_accuracy_sheet),
    CsvForm(("task", "arch", "val_accuracy"), "", _read_tasks),
    CsvForm(ZOO_COLUMNS, "", read_zoo),
)


def read_table(
    path: Path | str, space: str | None = None, spelling: Spelling = as_it_stands
) -> Table:
    """Read a table of ground truth.

    Args:
        path: A CSV file of one of the kinds above, the header of a label file, a JSON list of
            objects with ``arch`` and ``…_acc``, a record file of NAS-Bench-101, or a folder of
            NATS-Bench. The last two take minutes the first time and are kept as CSV in the cache.
        space: The space of its architectures, if the file does not show it or another is meant.
        spelling: Gives architectures the text of their space, so that one that is spelt in several
            ways is one. :func:`autodas.load_table` knows the spaces.

    Raises:
        FileProblem: one line that names the file, the row and column, and what is accepted.
        InvalidInput: the space is not to be known.
    """
    file = expanded(Path(path))
    if is_official(file):
        table = read_table(official_csv(file), space, spelling)
        return dataclasses.replace(table, name=file.stem, source=str(file))
    return parse_table(file, read_file(file), space, spelling)


def parse_table(
    file: Path, data: bytes, space: str | None = None, spelling: Spelling = as_it_stands
) -> Table:
    """The table that the content of a file describes; see :func:`read_table`.

    Raises:
        FileProblem: one line that names the file, the row and column, and what is accepted.
        InvalidInput: the space is not to be known.
    """
    refuse_pickles(file, data[:4])
    if data.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"[", b"{"):
        if _is_header(data):
            return read_table(file.with_suffix(".csv"), space, spelling)
        return read_accuracy_json(file, data, space, spelling)
    sheet = read_sheet(file, data, spelling)
    for form in FORMS:
        if not form.missing(sheet.columns):
            return form.read(sheet, space)
    raise FileProblem(file, _advice(sheet.columns))


def _is_header(data: bytes) -> bool:
    try:
        content = parse_json(data, "")
    except FileProblem:
        return False
    return isinstance(content, dict) and content.get("format") in FORMATS.values()


def _advice(columns: tuple[str, ...]) -> str:
    """What is missing for the kind of table the columns come nearest to."""
    nearest = min(FORMS, key=lambda form: len(form.missing(columns)) / (len(form.needs) + 1))
    if set(nearest.needs) & set(columns):
        lacks = ", ".join(nearest.missing(columns))
        hint = f" ({ACCURACY_COLUMNS})" if nearest.ending == "_acc" else ""
        return f"column {lacks} is missing{hint}; found {', '.join(columns)}"
    known = "; ".join(
        ", ".join([*form.needs, *([f"…{form.ending}"] if form.ending else [])]) for form in FORMS
    )
    return f"its columns ({', '.join(columns)[:80]}) are of no known table; known are: {known}"
