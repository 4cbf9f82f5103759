"""``autodas report``: the page of a run, written again, or a page that compares runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autodas.core.errors import InvalidInput
from autodas.core.progress import Progress, Silent

__all__ = ["Config", "ReportConfig", "run"]


@dataclass(frozen=True)
class ReportConfig:
    """Which runs to report on."""

    run: tuple[Path, ...]
    """Run directory; of several, a page that compares them is written."""
    comparison: Path = Path("comparison.html")
    """File of the comparison, if several runs are named."""
    pdf: bool = False
    """Write the figures of one run as PDF beside its SVG, for papers."""


Config = ReportConfig


def run(config: ReportConfig, progress: Progress = Silent()) -> dict[str, Any]:  # noqa: ARG001
    """Write ``report.html`` into a run directory, or a comparison of several.

    Returns:
        ``report``: the file.

    Raises:
        FileProblem: a folder holds no finished run.
        InvalidInput: no run is named.
    """
    from autodas.reports import build, compare

    if not config.run:
        raise InvalidInput("report needs at least one run directory")
    if len(config.run) > 1:
        page = str(compare(config.run, config.comparison))
    else:
        page = str(build(config.run[0], pdf=config.pdf))
    return {"report": page, "summary": [page]}
