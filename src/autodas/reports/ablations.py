"""Ablations of discovery, made ready for the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from autodas.reports.figures.scores import forest
from autodas.reports.figures.svg import inline
from autodas.reports.read import Run

__all__ = ["ablations"]

AXIS = "Kendall τ on unseen architectures, with 95 % interval over seeds"


def ablations(step: Run, unique: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    """One table per study, and one figure for each of its tables."""
    results = step.results
    for study, about in results["studies"].items():
        rows = [row for row in results["rows"] if row["study"] == study]
        pairs = dict.fromkeys((row["table"], row["target"]) for row in rows if row["table"])
        yield {
            "name": study,
            "about": about,
            "rows": rows,
            "figures": [
                {"pair": pair, "figure": figure}
                for pair in pairs
                if (figure := _figure(rows, pair, unique("forest"))) is not None
            ],
        }


def _figure(rows: list[Mapping[str, Any]], pair: tuple[str, str], name: str) -> Any:  # noqa: ANN401
    mine = [
        {**row, "score": row["variant"]} for row in rows if (row["table"], row["target"]) == pair
    ]
    return inline(forest(mine, name, AXIS))
