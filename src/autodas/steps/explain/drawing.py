"""A formula in words, in LaTeX and as a drawing beside a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from autodas.core.files import write_text
from autodas.expressions import (
    Call,
    Expression,
    LeafKind,
    in_words,
    simplify,
    to_dot,
    to_latex,
    to_svg,
    to_text,
)
from autodas.scores.terms import Term, formula_of
from autodas.statistics import STATISTICS

__all__ = ["draw"]

GRAPH, DOT = "graph.svg", "graph.dot"


def draw(terms: Sequence[Term], folder: Path) -> dict[str, Any]:
    """Write ``graph.svg`` and ``graph.dot``, and say the formula in words and in LaTeX.

    Args:
        terms: Summands of a score, at least one.
        folder: A run directory; its report shows the drawing.

    Returns:
        ``formula`` (text, words, LaTeX, nodes, leaves), ``simplified`` (what simplification removes
        from each term) and ``graph`` (the file's name).
    """
    whole, kinds = _whole(terms), _kinds(terms)
    words = _joined(terms, in_words, "{0:+.3g} times the quantile of ({1})", "{0:+.3g} times {1}")
    write_text(folder / GRAPH, to_svg(whole, kinds, description=words))
    write_text(folder / DOT, to_dot(whole, kinds))
    latex = _joined(terms, to_latex, r"{0:+.3g}\,Q\left({1}\right)", r"{0:+.3g}\,{1}")
    return {
        "formula": {
            "text": formula_of(terms),
            "words": words,
            "latex": latex,
            "nodes": sum(term.expression.size for term in terms),
            "leaves": [
                {
                    "name": name,
                    "description": STATISTICS.get(name).description,
                    "sees": kinds[name],
                }
                for name in sorted(kinds)
            ],
        },
        "simplified": [_simplified(term.expression) for term in terms],
        "graph": GRAPH,
    }


def _joined(
    terms: Sequence[Term], say: Callable[[Expression], str], scaled: str, plain: str
) -> str:
    if len(terms) == 1 and terms[0].weight == 1.0 and not terms[0].scaled:
        return str(say(terms[0].expression))
    return " ".join(
        (scaled if term.scaled else plain).format(term.weight, say(term.expression))
        for term in terms
    )


def _whole(terms: Sequence[Term]) -> Expression:
    """One expression to draw; weights and scales become nodes of their own."""
    if len(terms) == 1 and terms[0].weight == 1.0 and not terms[0].scaled:
        return terms[0].expression
    parts = tuple(
        Call(f"× {term.weight:.3g}", (Call("quantile", (term.expression,)),))
        if term.scaled
        else Call(f"× {term.weight:.3g}", (term.expression,))
        for term in terms
    )
    return Call("sum", parts) if len(parts) > 1 else parts[0]


def _kinds(terms: Sequence[Term]) -> dict[str, LeafKind]:
    leaves = frozenset[str]().union(*(term.expression.leaves for term in terms))
    return {name: _kind(name) for name in leaves}


def _kind(name: str) -> LeafKind:
    statistic = STATISTICS.get(name)
    if statistic.size:
        return "size"
    return "student" if statistic.origin == "intrinsic" else "teacher"


def _simplified(expression: Expression) -> dict[str, Any]:
    """What simplification removes; the value stays the same to the last bit."""
    after = simplify(expression)
    return {
        "before": to_text(expression),
        "after": to_text(after),
        "removed_nodes": expression.size - after.size,
    }
