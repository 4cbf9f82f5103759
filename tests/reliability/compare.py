"""Whether a run left what an undisturbed one leaves."""

from __future__ import annotations

import contextlib
import csv
import json
import sqlite3
from pathlib import Path
from typing import Any

TIMES = frozenset(
    {
        "seconds",
        "seconds_per_arch",
        "date",
        "networks_measured",
        "measured",
        "trained",
        "command_line",
    }
)
"""Keys of JSON files that say when, how long and how often; all others must be equal."""

OF_ATTEMPTS = frozenset({"journal.jsonl", "digests.json", "report.html", "lock"})
"""Files that tell of times or of attempts, too: they must be there, whatever they hold."""

FINAL = frozenset({"results.json", "proxy.json", "student.safetensors", "student.json"})
"""Files that are written once: where one is found after a kill, it must be the final one."""


class Broken(AssertionError):
    """A run was not what an undisturbed one is."""


def _files(folder: Path) -> dict[str, Path]:
    return {
        str(path.relative_to(folder)): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "said"
    }


def nothing_false(folder: Path, whole: Path) -> None:
    """Between two attempts: what is final is right."""
    for name, path in _files(folder).items():
        if path.name in FINAL and content(path) != content(whole / name):
            raise Broken(f"{name} is there and is not what it must become")


def same(folder: Path, whole: Path) -> None:
    """After the end: the same files with the same content, and nothing beside them."""
    mine, theirs = _files(folder), _files(whole)
    if mine.keys() != theirs.keys():
        raise Broken(f"other files: {sorted(mine.keys() ^ theirs.keys())}")
    for name, path in mine.items():
        told = path.name in OF_ATTEMPTS or path.suffix == ".lock"
        if not told and content(path) != content(theirs[name]):
            raise Broken(f"{name} differs")


def content(path: Path) -> Any:
    """The bytes of a file; of JSON and CSV, values without times; of a cache, in one order."""
    if path.suffix == ".sqlite":
        with contextlib.closing(sqlite3.connect(path)) as book:
            return sorted(book.execute("SELECT * FROM costs"))
    if path.suffix == ".json":
        try:
            return without_times(json.loads(path.read_bytes()))
        except ValueError as error:
            raise Broken(f"{path.name} is no JSON: {error}") from None
    if path.suffix == ".csv":
        with path.open(newline="") as handle:
            return without_times([*csv.DictReader(handle)])
    data = path.read_bytes()
    if path.suffix == ".safetensors" and "cache" in path.parts:
        # The format is free in the order of what its header says.
        stop = 8 + int.from_bytes(data[:8], "little")
        return json.loads(data[8:stop]), data[stop:]
    return data


def without_times(value: Any) -> Any:
    """The value without the keys of TIMES, at every depth."""
    if isinstance(value, dict):
        return {key: without_times(v) for key, v in value.items() if key not in TIMES}
    return [without_times(each) for each in value] if isinstance(value, list) else value
