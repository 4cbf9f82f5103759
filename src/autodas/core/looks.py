"""How often the report part of a table has been looked at: the more often, the less it says.

Whoever looks at a report part, changes something and looks again chooses by it in the end. So every
run that opens one leaves a mark in the cache folder, one file per run below the digest of the
table. A run that is resumed, or asked for again in the same folder, has the mark it had.

``looks.json`` of a run directory says how often its tables had been looked at when it did. It is a
file of its own because ``results.json`` of one configuration is the same whoever ran it before.
"""

from __future__ import annotations

import contextlib
import datetime
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autodas.core.errors import FileProblem
from autodas.core.files import json_text, write_text
from autodas.core.places import cache_folder
from autodas.core.seals import read_checked_json, write_checked

__all__ = ["LOOKS", "Look", "look", "looks_of", "said"]

LOOKS = "looks.json"
MARKS = "looks"  # folder of the cache
_NAME = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True)
class Look:
    """A report part that a run has looked at.

    Attributes:
        table: Name of the table.
        digest: Of its content: a table that is changed is another one.
        times: How many runs of this user have looked at it, this one among them.
        first: Date of the first of them.
    """

    table: str
    digest: str
    times: int
    first: str


def look(run: Path, tables: Mapping[str, str], cache: Path | None = None) -> tuple[Look, ...]:
    """Count that a run opens the report parts of tables.

    Args:
        run: Its directory.
        tables: Name of each table -> its digest.
        cache: Folder of the cache; a folder that cannot be written to keeps no count, and is no
            error.

    Raises:
        FileProblem: the run directory cannot be written to, or its count was changed.
    """
    name, before = _of_run(run)
    known = {each.digest: each for each in before}
    marks = cache_folder(cache) / MARKS
    new = [_counted(marks, name, table, key) for table, key in tables.items() if key not in known]
    found = (*before, *new)
    if new:
        _keep(run, name, found)
    return found


def looks_of(run: Path) -> tuple[Look, ...]:
    """What a run directory says of looks; nothing if the run has opened no report part.

    Raises:
        FileProblem: it was changed or damaged.
    """
    path = run / LOOKS
    if not path.is_file():
        return ()
    content = read_checked_json(path)
    try:
        return tuple(
            Look(str(each["table"]), str(each["digest"]), int(each["times"]), str(each["first"]))
            for each in content["tables"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FileProblem(path, f"is not a count of looks ({error!r})") from None


def said(looks: Mapping[str, Any] | Look) -> str:
    """The look in one sentence."""
    found = looks if isinstance(looks, Look) else Look(**looks)
    if found.times == 1:
        return f"The report part of {found.table} has now been looked at once."
    return (
        f"The report part of {found.table} has now been looked at {found.times:,} times (first on "
        f"{found.first}): the more often, the less it says."
    )


def _of_run(run: Path) -> tuple[str, tuple[Look, ...]]:
    """The name under which a run leaves its marks, and what it has looked at."""
    if (run / LOOKS).is_file():
        before = looks_of(run)
        name = str(read_checked_json(run / LOOKS).get("run"))
        if not _NAME.fullmatch(name):  # it becomes the name of a file, so it must lead nowhere else
            raise FileProblem(run / LOOKS, "is not a count of looks ('run' is no name of a run)")
        return name, before
    name = secrets.token_hex(8)  # of a folder, not of what is found: it decides nothing
    _keep(run, name, ())  # before any mark, so that a run that is killed here leaves one mark
    return name, ()


def _keep(run: Path, name: str, looks: tuple[Look, ...]) -> None:
    content = {"run": name, "tables": [asdict(each) for each in looks]}
    write_checked(run / LOOKS, json_text(content).encode())


def _counted(marks: Path, run: str, table: str, digest: str) -> Look:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    folder = marks / digest
    with contextlib.suppress(OSError, FileProblem):
        if not (folder / run).exists():
            write_text(folder / run, today)
    dates = {run: today}
    with contextlib.suppress(OSError):
        dates |= {each.name: _date(each, today) for each in folder.iterdir() if _is_mark(each)}
    return Look(table, digest, len(dates), min(dates.values()))


def _is_mark(file: Path) -> bool:
    return not file.name.startswith(".")


def _date(file: Path, otherwise: str) -> str:
    try:
        return datetime.date.fromisoformat(file.read_text(encoding="utf-8").strip()).isoformat()
    except (OSError, ValueError):
        return otherwise
