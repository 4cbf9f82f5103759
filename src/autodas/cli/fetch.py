"""``autodas fetch``: download a published table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autodas.core.progress import Progress, Silent

__all__ = ["Config", "FetchConfig", "run"]


@dataclass(frozen=True)
class FetchConfig:
    """What to download."""

    table: str
    """Name of the table; see: autodas list tables."""


Config = FetchConfig


def run(config: FetchConfig, progress: Progress = Silent()) -> dict[str, Any]:  # noqa: ARG001
    """Download a table to the cache, where all commands find it.

    Returns:
        ``file``: where it is now.

    Raises:
        UnknownName: there is no such table.
        MissingData: it cannot be downloaded; the message says how else to get it.
        FileProblem: what was delivered is not what was published.
    """
    from autodas.tables import fetch

    file = str(fetch(config.table))
    return {"table": config.table, "file": file, "summary": [file]}
