"""The terms of a formula, what each contributes, and where in the network it comes from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from autodas.core.results import Ok, Result
from autodas.core.values import SCALAR, Column, Kind, Layout
from autodas.expressions import OVER_TEACHERS, Call, Evaluator, Expression, Leaf, replace, walk
from autodas.fitness import TauAgainst
from autodas.primitives import PRIMITIVES, Form, apply
from autodas.scores import Subjects
from autodas.scores.terms import Term, score_of
from autodas.statistics import STATISTICS

__all__ = [
    "MOST_SHAPLEY",
    "PartWorth",
    "parts_of",
    "sees_teacher",
    "shapley",
    "summands",
    "values_of",
    "without_teacher",
]

Floats = npt.NDArray[np.float64]
Worth = Callable[[Floats], float]

MOST_SHAPLEY = 8
"""Up to this many terms Shapley values are computed, from all 2ⁿ subsets."""

MOST_POSITIONS = 8
QUARTERS = ("first quarter", "second quarter", "third quarter", "last quarter")
_PART = "part_of_the_network"


def summands(terms: Sequence[Term]) -> list[Term]:
    """The terms with the sums at the top of their formulas taken apart.

    Additions, subtractions and negations of a formula become terms of their own. A term that is
    brought to a scale stays whole, because the scale is not linear.
    """
    found: list[Term] = []

    def visit(node: Expression, weight: float) -> None:
        match node:
            case Call("add" | "sub" as name, (first, second)):
                visit(first, weight)
                visit(second, weight if name == "add" else -weight)
            case Call("neg", (inner,)):
                visit(inner, -weight)
            case _:
                found.append(Term(node, weight))

    for term in terms:
        if term.scaled:
            found.append(term)
        else:
            visit(term.expression, term.weight)
    return found


def sees_teacher(term: Term) -> bool:
    """Whether a statistic in the term looks at the teacher."""
    return any(STATISTICS.get(name).origin != "intrinsic" for name in term.expression.leaves)


def without_teacher(terms: Sequence[Term]) -> tuple[list[Term], str]:
    """The summands that do not look at the teacher.

    Returns:
        The rest and an empty text; or nothing and why there is no rest: no term looks at the
        teacher, every one does, or a single term ties teacher and student together.
    """
    parts = summands(terms)
    kept = [term for term in parts if not sees_teacher(term)]
    if len(kept) == len(parts):
        return [], "no term looks at the teacher"
    if not kept and len(parts) > 1:
        return [], "every term looks at the teacher"
    if not kept:
        return [], "the formula is one term, from which the teacher cannot be separated"
    return kept, ""


def values_of(term: Term, subjects: Subjects) -> Result[Floats]:
    """``(A,)`` what a term adds to the score, with its weight and on its scale."""
    return score_of("term", [term], "one term").compute(subjects)


def shapley(values: Sequence[Floats], worth: Worth) -> list[float]:
    """Shapley values (1953) of signed terms: what each adds to the worth of a sum, on average.

    Args:
        values: ``(A,)`` of each term, with its sign; at most :data:`MOST_SHAPLEY`.
        worth: Of a sum of terms; that of no term is 0.

    Returns:
        One number per term; together they are the worth of the whole formula.
    """
    players = range(len(values))
    worths: dict[frozenset[int], float] = {frozenset(): 0.0}
    for size in range(1, len(values) + 1):
        for chosen in combinations(players, size):
            worths[frozenset(chosen)] = worth(np.sum([values[i] for i in chosen], axis=0))
    n = len(values)
    found = []
    for player in players:
        total = 0.0
        for members, value in worths.items():
            if player not in members:
                before, after = len(members), n - len(members) - 1
                share = math.factorial(before) * math.factorial(after) / math.factorial(n)
                total += share * (worths[members | {player}] - value)
        found.append(total)
    return found


@dataclass(frozen=True)
class PartWorth:
    """What one position in the network says.

    Attributes:
        name: ``stage 2``, ``layer 1`` or ``first quarter``.
        alone: Worth of the term if it saw this part only; None if it is then constant or
            undefined.
        without: Worth of the term if it saw everything else; None likewise.
    """

    name: str
    alone: float | None
    without: float | None


def parts_of(term: Term, subjects: Subjects, truth: Floats) -> tuple[list[PartWorth], str]:
    """How well a term ranks if it sees one stage or layer alone, and all others.

    Every aggregation in the term is restricted to the part. Positions are compared if every
    architecture has the same number of them, up to eight; otherwise quarters of the depth.

    Args:
        term: What to take apart.
        subjects: With the statistics it needs.
        truth: ``(A,)`` what to rank by.

    Returns:
        The parts; or none, and why.
    """
    if subjects.beside is not None and _looks_at_each(term.expression):
        return [], "it looks at each of several teachers"
    vectors = _aggregated(term.expression, subjects.evaluator)
    if not vectors:
        return [], "it has no mean, sum or extreme over stages or layers"
    layouts = [column.layout for _, _, column in vectors]
    over = {column.type.over for _, _, column in vectors}
    if len(over) > 1:
        return [], f"it mixes {' and '.join(sorted(over))}s"
    named = _positions(layouts[0], over.pop())
    if not named:
        return [], "some architectures have fewer than four of them"
    tau = TauAgainst(truth)
    found = []
    for name, here in named.items():
        alone = _restricted(term, vectors, here, subjects)
        rest = _restricted(term, vectors, ~here, subjects)
        found.append(
            PartWorth(
                name,
                *(_tau(tau, values, math.copysign(1.0, term.weight)) for values in (alone, rest)),
            )
        )
    return found, ""


def _looks_at_each(expression: Expression) -> bool:
    return any(node.name in OVER_TEACHERS for _, node in walk(expression))


def _tau(tau: TauAgainst, values: Result[Floats], sign: float) -> float | None:
    if not isinstance(values, Ok):
        return None
    found = tau(sign * values.value)
    return found.value if isinstance(found, Ok) else None


_Vector = tuple[tuple[int, ...], str, Column]


def _aggregated(expression: Expression, evaluator: Evaluator) -> list[_Vector]:
    """Path, primitive and argument of every aggregation over stages or layers."""
    return [
        (path, node.name, evaluator.evaluate_value(node.args[0]))
        for path, node in walk(expression)
        if isinstance(node, Call) and PRIMITIVES.get(node.name).form is Form.AGGREGATION
    ]


def _positions(layout: Layout, over: str) -> dict[str, npt.NDArray[np.bool_]]:
    """Which segments ``(S,)`` make up each named part."""
    counts = np.diff(layout.offsets)
    position = np.arange(layout.segments) - layout.offsets[:-1][layout.owner]
    if counts.min() == counts.max() <= MOST_POSITIONS:
        return {f"{over} {i + 1}": position == i for i in range(int(counts.max()))}
    if counts.min() < len(QUARTERS):
        return {}
    quarter = position * len(QUARTERS) // counts[layout.owner]
    return {f"{name} of the {over}s": quarter == i for i, name in enumerate(QUARTERS)}


def _restricted(
    term: Term, vectors: Sequence[_Vector], here: npt.NDArray[np.bool_], subjects: Subjects
) -> Result[Floats]:
    """Values of the term if its aggregations saw some segments only."""
    expression, columns = term.expression, dict(subjects.columns)
    for number, (path, name, column) in enumerate(vectors):
        aggregated = apply(PRIMITIVES.get(name), (_only(column, here),))
        leaf = f"{_PART}_{number}"
        columns[leaf] = Column(SCALAR, aggregated.data, column.layout)
        expression = replace(expression, path, Leaf(leaf))
    return Evaluator(columns).evaluate(expression)


def _only(column: Column, here: npt.NDArray[np.bool_]) -> Column:
    layout = column.layout
    kept = Layout(
        layout.architectures,
        layout.owner[here],
        tuple(shape for shape, wanted in zip(layout.shapes, here, strict=True) if wanted),
        layout.counts[here],
    )
    if column.type.kind is not Kind.VECTOR:
        raise TypeError(f"an aggregation takes vectors, got {column.type}")
    return Column(column.type, column.data[here], kept)
