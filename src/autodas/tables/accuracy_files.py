"""Tables with one architecture per row and ``…_acc`` columns, as CSV or JSON.

The S0 labels belong to DisWOT (Dong et al., CVPR 2023), those of AutoFormer and PiT to Auto-Prox
(Wei et al., AAAI 2024). Any file of the same columns is read alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autodas.core.digest import canonical_json, digest_bytes
from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.files import parse_json
from autodas.tables.cells import (
    ACCURACY_COLUMNS,
    Floats,
    Sheet,
    Spelling,
    meaning,
    percent,
    reject_fractions,
    unique,
)
from autodas.tables.table import Table, Target

__all__ = ["read_accuracy_json", "read_accuracy_sheet"]

RESNET = re.compile(r"([1-9])-?([1-9])-?([1-9])", flags=re.ASCII)
# The key of an architecture by which a JSON file shows its space.
SPACE_BY_KEY = {"hidden_dim": "autoformer", "base_dim": "pit"}


def read_accuracy_sheet(sheet: Sheet, space: str | None) -> Table:
    """A CSV table with the columns ``arch`` and at least one ``…_acc``.

    Architectures such as ``357`` are those of the space ``resnet``; for another space its name
    must be given, and the strings are taken as they are.

    Raises:
        FileProblem: a cell is not what its column needs, an architecture appears twice, or no
            column is known.
        InvalidInput: the space cannot be told from the file and is not given.
    """
    targets = {
        column: target
        for column in sheet.columns
        if (target := _target_of(sheet, column)) is not None
    }
    if not targets:
        odd = ", ".join(name for name in sheet.columns if name.endswith("_acc"))
        raise FileProblem(
            sheet.path, f"column {odd} has no meaning here; accuracies are in {ACCURACY_COLUMNS}"
        )
    texts = sheet.text("arch")
    if space is None and not all(RESNET.fullmatch(text) for text in texts):
        odd = next(text for text in texts if not RESNET.fullmatch(text))
        raise InvalidInput(
            f"{sheet.path}: architecture {odd[:60]!r} does not show its space; "
            "name the space (--space)"
        )
    if space in (None, "resnet"):
        texts = [_resnet(sheet, row, text) for row, text in enumerate(texts)]
    texts = sheet.architectures(texts, "arch", space or "resnet")
    return Table(
        name=sheet.path.stem,
        space=space or "resnet",
        architectures=unique(sheet.path, texts, [f"line {line}" for line in sheet.lines]),
        targets=targets,
        source=str(sheet.path),
        digest=sheet.digest,
    )


def _target_of(sheet: Sheet, column: str) -> Target | None:
    found = meaning(column) if column.endswith("_acc") else None
    return None if found is None else Target(column, *found, sheet.percentages(column))


def _resnet(sheet: Sheet, row: int, text: str) -> str:
    found = RESNET.fullmatch(text)
    if found is None:
        raise sheet.problem(
            row, "arch", f"{text[:60]!r} is not three numbers of blocks such as 357 or 3-5-7"
        )
    return "-".join(found.groups())


def read_accuracy_json(path: Path, data: bytes, space: str | None, spelling: Spelling) -> Table:
    """A JSON list of objects with ``arch`` (an object) and at least one ``…_acc``.

    Raises:
        FileProblem: the content is not that, or an architecture appears twice.
        InvalidInput: the space cannot be told from the file and is not given.
    """
    rows = _rows(path, data)
    shown = next((s for key, s in SPACE_BY_KEY.items() if key in rows[0]["arch"]), None)
    name = space or shown
    if name is None:
        raise InvalidInput(
            f"{path}: architectures do not show their space; name the space (--space)"
        )
    columns = list(dict.fromkeys(key for row in rows for key in row if key != "arch"))
    targets: dict[str, Target] = {}
    for column in columns:
        found = meaning(column) if column.endswith("_acc") else None
        if found is not None:
            targets[column] = Target(column, *found, _percentages(path, rows, column))
    if not targets:
        raise FileProblem(path, f"no accuracies; keys such as {ACCURACY_COLUMNS} are expected")
    texts = [_spelt(path, number, row, name, spelling) for number, row in enumerate(rows, start=1)]
    return Table(
        name=path.stem,
        space=name,
        architectures=unique(path, texts, [f"row {i + 1}" for i in range(len(rows))]),
        targets=targets,
        source=str(path),
        digest=digest_bytes(data),
    )


def _rows(path: Path, data: bytes) -> list[Mapping[str, Any]]:
    content = parse_json(data, path)
    if not isinstance(content, list) or not content:
        raise FileProblem(path, "a JSON list with one object per architecture is expected")
    for number, row in enumerate(content, start=1):
        if not isinstance(row, dict) or not isinstance(row.get("arch"), dict):
            raise FileProblem(path, f"row {number}: an object with the object 'arch' is expected")
    return content


def _spelt(path: Path, number: int, row: Mapping[str, Any], space: str, spelling: Spelling) -> str:
    try:
        return spelling(space, canonical_json(row["arch"]))
    except InvalidInput as error:
        raise FileProblem(path, f"row {number}: {error}") from None


def _percentages(path: Path, rows: list[Mapping[str, Any]], column: str) -> Floats:
    found = np.full(len(rows), np.nan)
    for number, row in enumerate(rows, start=1):
        if row.get(column) is not None:
            value = percent(row[column])
            if isinstance(value, str):
                raise FileProblem(path, f"row {number}, {column}: {value}")
            found[number - 1] = value
    reject_fractions(path, column, found)
    return found
