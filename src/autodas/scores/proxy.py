"""A proxy: a formula, or a few brought to one scale, plus how it was found; kept as a JSON file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autodas.core.errors import AutodasError, FileProblem, InvalidInput
from autodas.core.files import read_json, write_json
from autodas.core.places import expanded
from autodas.core.seals import sealed, unsealed
from autodas.expressions import from_json, to_json, to_text
from autodas.scores.scale import Scale
from autodas.scores.score import Score, parse_score
from autodas.scores.terms import Term, formula_of, score_of

__all__ = ["FORMAT", "Proxy", "proxy_of", "read_proxy"]

FORMAT = 2
MOST_TERMS = 64
LARGEST = 1 << 22  # bytes of a proxy file


@dataclass(frozen=True)
class Proxy:
    """A discovered score.

    Attributes:
        name: What to call it.
        terms: Its summands; the sum is higher for better students.
        provenance: How it was found: configuration, tables, splits, seed.
        results: What it reached there, and whether it collapses.
    """

    name: str
    terms: tuple[Term, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)

    @property
    def score(self) -> Score:
        """The proxy as a score."""
        found = score_of(self.name, self.terms, "discovered proxy")
        return replace(found, found_on=self.spaces)

    @property
    def spaces(self) -> frozenset[str]:
        """Names of the spaces it was found on, as far as its file says."""
        pairs = self.provenance.get("pairs")
        if not isinstance(pairs, Sequence):
            return frozenset()
        names = (pair.get("space") for pair in pairs if isinstance(pair, Mapping))
        return frozenset(name for name in names if isinstance(name, str))

    @property
    def formula(self) -> str:
        """The sum as text."""
        return formula_of(self.terms)

    @property
    def leaves(self) -> frozenset[str]:
        """Statistics it needs."""
        return frozenset[str]().union(*(term.expression.leaves for term in self.terms))

    @property
    def size(self) -> int:
        """Nodes of all its terms."""
        return sum(term.expression.size for term in self.terms)

    def save(self, path: Path) -> None:
        """Write the proxy file atomically, sealed: see :mod:`autodas.core.seals`."""
        write_json(
            path,
            sealed(
                {
                    "format": FORMAT,
                    "name": self.name,
                    "formula": self.formula,
                    "terms": [_term_json(term) for term in self.terms],
                    "leaves": sorted(self.leaves),
                    "provenance": dict(self.provenance),
                    "results": dict(self.results),
                }
            ),
        )


def _term_json(term: Term) -> dict[str, Any]:
    return {
        "formula": to_text(term.expression),
        "expression": to_json(term.expression),
        "weight": term.weight,
        "scaled": term.scaled,
        "scales": {
            space: {"knots": list(scale.knots), "levels": list(scale.levels)}
            for space, scale in sorted(term.scales.items())
        },
    }


def read_proxy(path: Path) -> Proxy:
    """Read a proxy file.

    Raises:
        FileProblem: it is missing, damaged, of another format, or its formula does not fit the
            statistics and primitives that exist.
    """
    path = expanded(path)
    return proxy_of(read_json(path, LARGEST), path)


def proxy_of(content: Any, path: Path) -> Proxy:  # noqa: ANN401 - JSON is dynamically typed
    """The proxy that the JSON of a file describes.

    Raises:
        FileProblem: as of :func:`read_proxy`.
    """
    content = unsealed(content, path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else None
        raise FileProblem(path, f"is not a proxy of format {FORMAT} (found {found!r})")
    try:
        terms = _terms(content.get("terms"))
    except (AutodasError, AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        reason = str(error) if isinstance(error, AutodasError) else f"malformed ({error!r})"
        raise FileProblem(path, reason) from None
    if content.get("formula") != formula_of(terms):
        raise FileProblem(path, "its formula and its terms differ")
    provenance, results = content.get("provenance"), content.get("results")
    return Proxy(
        str(content.get("name", path.stem)),
        terms,
        provenance if isinstance(provenance, dict) else {},
        results if isinstance(results, dict) else {},
    )


def _terms(content: object) -> tuple[Term, ...]:
    if not isinstance(content, Sequence) or not 1 <= len(content) <= MOST_TERMS:
        raise InvalidInput(f"a proxy has 1 to {MOST_TERMS} terms")
    return tuple(_term(each) for each in content)


def _term(content: Mapping[str, Any]) -> Term:
    expression = parse_score(str(content["formula"]))
    if from_json(content["expression"]) != expression:
        raise InvalidInput("the formula of a term and its expression differ")
    weight = float(content["weight"])
    if not abs(weight) < 1e30:
        raise InvalidInput(f"the weight of a term must be less than 1e30 in size, got {weight}")
    scales = {
        str(space): Scale(
            tuple(float(knot) for knot in scale["knots"]),
            tuple(float(level) for level in scale["levels"]),
        )
        for space, scale in content["scales"].items()
    }
    return Term(expression, weight, scales, bool(content["scaled"]))
