"""Our own tables: what distilling students of a space gave, as CSV beside a JSON header.

The CSV has one row per run: ``arch, accuracy, seed, training`` and optionally ``status`` (``ok``
or ``failed``), ``reason`` and others. The header has the same name with the ending ``.json``; it
says what the runs have in common, holds the SHA-256 of the CSV, and is sealed itself.

A *table of pairs* has the column ``teacher`` in place of ``training``: who taught each run, by the
names that the header gives its teachers. :mod:`autodas.tables.pairs` puts it into one array.

Without a header the space must be named, and teachers are no more than names.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from autodas.core.digest import digest_bytes
from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.files import write_json, write_text
from autodas.core.seals import read_sealed, sealed
from autodas.tables.cells import Floats, Sheet, percent, reject_fractions
from autodas.tables.rungs import digest_of_labels, read_rungs
from autodas.tables.table import OtherSpace, Part, Table, Target, Training

__all__ = [
    "FORMATS",
    "LABEL_COLUMNS",
    "NO_TEACHER",
    "PAIR_COLUMNS",
    "LabelRow",
    "header_of",
    "read_labels",
    "write_labels",
]

FORMATS = {"training": "autodas-labels", "teacher": "autodas-pairs"}
"""What tells the runs of one architecture and seed apart -> the format that the header names."""
VERSION = 1
LABEL_COLUMNS = ("arch", "accuracy", "seed", "training")
PAIR_COLUMNS = ("arch", "accuracy", "seed", "teacher")
NO_TEACHER = "none"
"""In the place of a teacher's name: the student learns from labels alone."""


@dataclass(frozen=True)
class LabelRow:
    """One training run.

    Attributes:
        arch: Canonical architecture string.
        accuracy: Top-1 in percent; None if the run failed.
        seed: Training seed.
        training: ``"distilled"`` or ``"vanilla"``; in a table of pairs the teacher's name.
        reason: Why it failed, else empty.
        extra: Further columns, such as seconds.
    """

    arch: str
    accuracy: float | None
    seed: int
    training: str
    reason: str = ""
    extra: Mapping[str, float | int | str] = field(default_factory=dict)


def header_of(path: Path) -> Path:
    """Where the header of a label file lies."""
    return path.with_suffix(".json")


def write_labels(path: Path, rows: Iterable[LabelRow], header: Mapping[str, Any]) -> None:
    """Write a label file and its header.

    Args:
        path: The CSV file; the header goes beside it.
        rows: The runs, in any order; the file is sorted, so equal runs give equal files.
        header: At least ``space`` and ``dataset``; usually ``teacher``, ``recipe``, ``part``
            (default ``test``). With ``teachers``, objects with a ``name`` each, it is a table of
            pairs. ``format``, ``version`` and ``sha256`` are added.

    Raises:
        InvalidInput: ``space`` or ``dataset`` is missing, or there are no rows.
        FileProblem: a file cannot be written.
    """
    for key in ("space", "dataset"):
        if not header.get(key):
            raise InvalidInput(f"the header of a table must say its {key!r}")
    ordered = sorted(rows, key=lambda row: (row.arch, row.training, row.seed))
    if not ordered:
        raise InvalidInput("a table needs at least one row")
    extras = list(dict.fromkeys(name for row in ordered for name in row.extra))
    kind = "teacher" if "teachers" in header else "training"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*LABEL_COLUMNS[:-1], kind, "status", "reason", *extras])
    for row in ordered:
        failed = row.accuracy is None
        writer.writerow(
            [
                row.arch,
                "" if row.accuracy is None else repr(float(row.accuracy)),
                row.seed,
                str(row.training),
                "failed" if failed else "ok",
                " ".join(row.reason.split()),
                *(row.extra.get(name, "") for name in extras),
            ]
        )
    content = text.getvalue()
    write_text(path, content)
    start = {"format": FORMATS[kind], "version": VERSION}
    whole = {**start, **header, "sha256": digest_bytes(content.encode())}
    write_json(header_of(path), sealed(whole))


def _header(sheet: Sheet, space: str | None, kind: str) -> Mapping[str, Any]:
    path = header_of(sheet.path)
    if not path.exists():
        if space is None:
            raise FileProblem(
                sheet.path, f"its header {path.name} is missing; name the space (--space)"
            )
        if kind == "teacher":
            teachers = dict.fromkeys(sheet.text("teacher"))
            return {"space": space, "teachers": [{"name": name} for name in teachers]}
        return {"space": space}
    header = read_sealed(path)
    if not isinstance(header, dict) or header.get("format") != FORMATS[kind]:
        raise FileProblem(
            path, f"is not the header of this table; its 'format' must be {FORMATS[kind]!r}"
        )
    if header.get("version") != VERSION:
        raise FileProblem(
            path, f"has version {header.get('version')!r}; this program reads version {VERSION}"
        )
    for key in ("space", "dataset", "sha256"):
        if not isinstance(header.get(key), str):
            raise FileProblem(path, f"must say its {key!r}")
    if header["sha256"] != sheet.digest:
        raise FileProblem(
            sheet.path,
            f"has SHA-256 {sheet.digest[:12]}…, its header says {header['sha256'][:12]}…: "
            "one of them was changed or damaged",
        )
    if space is not None and space != header["space"]:
        raise OtherSpace(str(sheet.path), header["space"], space)
    return header


def read_labels(sheet: Sheet, space: str | None) -> Table:
    """Read a label file; each training, or each teacher, becomes a target of that name.

    Raises:
        FileProblem: a cell is not what its column needs, a run appears twice, or the header
            does not fit.
        OtherSpace: the header names another space than asked for.
    """
    kind = "teacher" if "teacher" in sheet.columns else "training"
    header = _header(sheet, space, kind)
    ways = _ways(header_of(sheet.path), header) if kind == "teacher" else TRAININGS
    try:
        part = Part(header.get("part", "test"))
    except ValueError:
        raise FileProblem(
            header_of(sheet.path), f"'part' must be test or validation, got {header['part']!r}"
        ) from None
    texts = sheet.architectures(sheet.text("arch"), "arch", header["space"])
    architectures = tuple(dict.fromkeys(texts))
    runs = _runs(sheet, texts, kind, ways)
    targets, dataset = {}, header.get("dataset", "unknown")
    for name, training in ways.items():
        mine = {key: value for key, value in runs.items() if key[0] == name}
        if mine:
            values = _matrix(architectures, mine)
            reject_fractions(sheet.path, f"{kind} {name}", values.ravel())
            seeds = tuple(sorted({seed for _, _, seed in mine}))
            targets[name] = Target(name, dataset, training, part, _means(values), seeds, values)
    return Table(
        name=sheet.path.stem,
        space=header["space"],
        architectures=architectures,
        targets=targets,
        source=str(sheet.path),
        digest=digest_of_labels(sheet),
        meta={key: value for key, value in header.items() if key != "sha256"},
        rungs=read_rungs(sheet, texts, [cells[kind].strip() for cells in sheet.rows], ways, header),
    )


TRAININGS = {str(training): training for training in Training}


def _ways(path: Path, header: Mapping[str, Any]) -> dict[str, Training]:
    """Name of a teacher -> how its students were trained."""
    teachers = header.get("teachers")
    some = teachers if isinstance(teachers, list) else [None]
    names = [each.get("name") if isinstance(each, Mapping) else None for each in some]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise FileProblem(path, "must list its 'teachers', objects with a 'name' each")
    if len(set(names)) != len(names):
        raise FileProblem(path, "lists a teacher twice under 'teachers'")
    for each, name in zip(some, names, strict=True):
        if not _known_members(each.get("members", [])):
            said = f"'members' of the teacher {name!r}"
            raise FileProblem(path, f"{said} must be objects with a 'name' or a 'digest' each")
    return {
        str(name): Training.VANILLA if name == NO_TEACHER else Training.DISTILLED for name in names
    }


def _known_members(members: object) -> bool:
    return isinstance(members, list) and all(
        isinstance(each, Mapping) and isinstance(each.get("digest", each.get("name")), str)
        for each in members
    )


Run = tuple[str, str, int]


def _runs(
    sheet: Sheet, architectures: Sequence[str], kind: str, ways: Mapping[str, Training]
) -> dict[Run, float]:
    runs: dict[Run, float] = {}
    first: dict[Run, int] = {}
    for row, architecture in enumerate(architectures):
        run = (_way(sheet, row, kind, ways), architecture, _seed(sheet, row))
        if run in runs:
            raise sheet.problem(
                row,
                "arch",
                f"this architecture, {kind} and seed are already on line {first[run]}",
            )
        first[run] = sheet.lines[row]
        runs[run] = _accuracy(sheet, row)
    return runs


def _way(sheet: Sheet, row: int, kind: str, ways: Mapping[str, Training]) -> str:
    cell = sheet.rows[row][kind].strip()
    if cell not in ways:
        expected = ", ".join(ways)
        raise sheet.problem(row, kind, f"{cell[:60]!r} is unknown; expected one of {expected}")
    return cell


def _seed(sheet: Sheet, row: int) -> int:
    cell = sheet.rows[row]["seed"].strip()
    try:
        return int(cell)
    except ValueError:
        raise sheet.problem(row, "seed", f"{cell[:60]!r} is not a whole number") from None


def _accuracy(sheet: Sheet, row: int) -> float:
    status = sheet.rows[row].get("status", "ok").strip() or "ok"
    if status == "failed":
        return float("nan")
    if status != "ok":
        raise sheet.problem(row, "status", f"{status[:60]!r} is unknown; expected ok or failed")
    value = percent(sheet.rows[row]["accuracy"].strip())
    if isinstance(value, str):
        raise sheet.problem(row, "accuracy", value)
    return value


def _matrix(architectures: tuple[str, ...], runs: Mapping[Run, float]) -> Floats:
    seeds = sorted({seed for _, _, seed in runs})
    rows = {architecture: i for i, architecture in enumerate(architectures)}
    columns = {seed: i for i, seed in enumerate(seeds)}
    values = np.full((len(rows), len(columns)), np.nan)
    for (_, architecture, seed), accuracy in runs.items():
        values[rows[architecture], columns[seed]] = accuracy
    return values


def _means(values: Floats) -> Floats:
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    means: Floats = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return means
