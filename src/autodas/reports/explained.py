"""Explanations and collapse checks, made ready for the page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from autodas.reports.figures import explain as figures_explain
from autodas.reports.figures.svg import formula_svg, inline
from autodas.reports.formula import broken
from autodas.reports.read import Run

__all__ = ["collapses", "explained", "graph_uri"]

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
        "moves": inline(figures_explain.size(results, unique("size"))),
        "terms": [
            {**term, "figure": inline(figures_explain.parts(term, unique("parts")))}
            for term in results["terms"]
        ],
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
        {**check, "figure": inline(figures_explain.changes(check, unique("changes")))}
        for check in found or []
    ]
