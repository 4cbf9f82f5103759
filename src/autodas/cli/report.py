"""``autodas report``: the page of a run, written again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autodas.core.progress import Progress, Silent

__all__ = ["Config", "ReportConfig", "run"]


@dataclass(frozen=True)
class ReportConfig:
    """Which run to report on."""

    run: Path
    """Run directory of discover, benchmark, search, distill or demo."""


Config = ReportConfig


def run(config: ReportConfig, progress: Progress = Silent()) -> dict[str, Any]:  # noqa: ARG001
    """Write ``report.html`` into a run directory.

    Returns:
        ``report``: the file.

    Raises:
        FileProblem: the folder holds no finished run.
    """
    from autodas.reports import build

    page = str(build(config.run))
    return {"report": page, "summary": [page]}
