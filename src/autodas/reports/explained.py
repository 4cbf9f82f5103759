"""Explanations, collapse checks and ablations of discovery, made ready for the page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from markupsafe import Markup

from autodas.reports.figures import explain as figures_explain
from autodas.reports.figures.scores import forest
from autodas.reports.figures.svg import formula_svg, inline
from autodas.reports.read import Run
from autodas.reports.spell import broken

__all__ = ["ablations", "collapses", "explained", "graph_uri"]

Unique = Callable[[str], str]


def explained(step: Run, unique: Unique) -> dict[str, Any]:
    """Everything a page says of one explained score."""
    results = step.results
    formula = results["formula"]
    drawn: Markup | None = None
    if formula is not None:
        drawn = inline(formula_svg(formula["latex"], unique("formula")))
    return {
        **results,
        "lines": broken(formula["text"]) if formula is not None else "",
        "svg": drawn,
        "graph": graph_uri(step),
        "moves": inline(figures_explain.score_against_size(results, unique("size"))),
        "terms": [
            {**term, "figure": inline(figures_explain.term_by_part(term, unique("parts")))}
            for term in results["terms"]
        ],
        "pairs": results.get("pairs"),
        "comparisons": ("teachers of one student", "students of one teacher", "all pairs"),
        "kind": "pair" if results.get("pairs") else "architecture",
        "several": len(results["terms"]) > 1,
        "simplified": [each for each in results.get("simplified", []) if each["removed_nodes"]],
        "worth": "accuracy" if results["tau"] is not None else "the whole score",
    }


def graph_uri(step: Run) -> str:
    """The drawing of the formula for an ``img``, where it can neither run nor load anything."""
    graph = step.graph
    if not graph:
        return ""
    return "data:image/svg+xml;base64," + base64.b64encode(graph.encode()).decode()


def collapses(step: Run, unique: Unique) -> list[dict[str, Any]]:
    """The collapse checks that a step has done, wherever its results keep them."""
    found = step.results.get("collapse")
    if found is None and isinstance(step.results.get("proxy"), Mapping):
        found = step.results["proxy"].get("collapse")
    if isinstance(found, Mapping):
        found = [found] if "variants" in found else list(found.values())
    return [
        {**check, "figure": inline(figures_explain.score_under_changes(check, unique("changes")))}
        for check in found or []
    ]


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
