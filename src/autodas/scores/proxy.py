"""A proxy: an expression plus how it was found, kept as a JSON file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autodas.core.errors import AutodasError, FileProblem
from autodas.core.files import read_json, write_json
from autodas.expressions import Expression, from_json, to_json, to_text
from autodas.scores.score import Score, of_expression, parse_score

__all__ = ["FORMAT", "Proxy", "load_proxy"]

FORMAT = 1


@dataclass(frozen=True)
class Proxy:
    """A discovered score.

    Attributes:
        name: What to call it.
        expression: The formula; higher values mean better students.
        provenance: How it was found: configuration, tables, splits, seed.
        results: What it reached there.
    """

    name: str
    expression: Expression
    provenance: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)

    @property
    def score(self) -> Score:
        """The proxy as a score."""
        return of_expression(self.name, to_text(self.expression), "discovered proxy")

    def save(self, path: Path) -> None:
        """Write the proxy file atomically."""
        write_json(
            path,
            {
                "format": FORMAT,
                "name": self.name,
                "formula": to_text(self.expression),
                "expression": to_json(self.expression),
                "leaves": sorted(self.expression.leaves),
                "provenance": dict(self.provenance),
                "results": dict(self.results),
            },
        )


def load_proxy(path: Path) -> Proxy:
    """Read a proxy file.

    Raises:
        FileProblem: it is missing, damaged, of another format, or its formula does not fit the
            statistics and primitives that exist.
    """
    content = read_json(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else None
        raise FileProblem(path, f"is not a proxy of format {FORMAT} (found {found!r})")
    formula = content.get("formula")
    if not isinstance(formula, str):
        raise FileProblem(path, "has no formula")
    try:
        expression = parse_score(formula)
        same = from_json(content.get("expression")) == expression
    except AutodasError as error:
        raise FileProblem(path, str(error)) from None
    if not same:
        raise FileProblem(path, "its formula and its expression differ")
    provenance, results = content.get("provenance"), content.get("results")
    return Proxy(
        str(content.get("name", path.stem)),
        expression,
        provenance if isinstance(provenance, dict) else {},
        results if isinstance(results, dict) else {},
    )
