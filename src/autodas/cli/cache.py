"""``autodas cache``: what the cache holds, and how to be rid of it."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from autodas.core.errors import InvalidInput
from autodas.core.places import cache_folder
from autodas.core.progress import Progress, Silent

__all__ = ["CacheConfig", "Config", "run"]

Kind = Literal["statistics", "costs", "data", "teachers", "tables", "downloads"]
CONTENT: dict[str, str] = {
    "statistics": "measured networks",
    "costs": "parameters, MACs and memory",
    "data": "decoded images",
    "teachers": "what teachers got right",
    "tables": "tables that were read or fetched",
    "downloads": "files of data sets",
}
DAY = 86_400.0  # seconds
MEBIBYTE = 2**20


@dataclass(frozen=True)
class CacheConfig:
    """What to be rid of; nothing by default."""

    cache: Path | None = field(default=None)
    """Folder of the cache; the usual one by default."""
    clear: tuple[Kind | Literal["all"], ...] = ()
    """Kinds to remove: all of them, or some by name."""
    older_than: float | None = None
    """Remove only files that were written more than so many days ago; without --clear, of all
    kinds."""


Config = CacheConfig


@dataclass
class _Kept:
    files: int = 0
    size: int = 0
    oldest: float = 0.0  # days


def run(config: CacheConfig, progress: Progress = Silent()) -> dict[str, Any]:  # noqa: ARG001
    """Say what each kind takes, and remove what is asked for.

    Everything in the cache is made again when it is needed. What a run is writing or reading at the
    same time may have to be measured, counted or decoded once more.

    Returns:
        ``folder``, ``kinds`` (of each: ``files``, ``bytes`` and the ``oldest`` in days) as it is
        afterwards, and ``removed`` (``files``, ``bytes``).

    Raises:
        InvalidInput: the age is negative.
    """
    if config.older_than is not None and not config.older_than >= 0:
        raise InvalidInput(f"older-than must be days, at least 0, got {config.older_than}")
    folder, now = cache_folder(config.cache), time.time()
    every = config.older_than is not None and not config.clear
    cleared = get_args(Kind) if every or "all" in config.clear else config.clear
    removed, kinds = _Kept(), {}
    for kind in CONTENT:
        least = (config.older_than or 0.0) if kind in cleared else None
        kinds[kind] = _looked_through(folder / kind, now, least, removed)
    lines = [
        f"{kind:11}{kept.size / MEBIBYTE:9.1f} MiB in {kept.files:,} files, {CONTENT[kind]}"
        + (f", the oldest {kept.oldest:.0f} days old" if kept.files else "")
        for kind, kept in kinds.items()
    ]
    if cleared:
        lines.append(f"removed: {removed.size / MEBIBYTE:.1f} MiB in {removed.files:,} files")
    return {
        "folder": str(folder),
        "kinds": {
            kind: {"files": kept.files, "bytes": kept.size, "oldest": kept.oldest}
            for kind, kept in kinds.items()
        },
        "removed": {"files": removed.files, "bytes": removed.size},
        "summary": [str(folder), *lines],
    }


def _looked_through(folder: Path, now: float, least: float | None, removed: _Kept) -> _Kept:
    """What is left of one kind, once files of at least so many days are gone; None for none."""
    kept = _Kept()
    for file in sorted(folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # somebody else has removed it
            about = file.lstat()
            if file.is_dir() and not file.is_symlink():
                continue
            age = max(0.0, now - about.st_mtime) / DAY
            if least is not None and age >= least:
                file.unlink()
                removed.files, removed.size = removed.files + 1, removed.size + about.st_size
            else:
                kept.files, kept.size = kept.files + 1, kept.size + about.st_size
                kept.oldest = max(kept.oldest, age)
    return kept
