"""Whether two arguments are worth combining: do they say different things on one scale?"""

from __future__ import annotations

from autodas.core.values import Kind
from autodas.expressions.node import Expression
from autodas.primitives import ENTRIES, Form, Primitive

__all__ = ["worth_combining"]

_ADDITIVE = frozenset({"add", "sub"})
_SAME_SCALE = _ADDITIVE | {"l1_distance", "l2_distance", "smooth_l1"}
_NORMALISING = frozenset(
    {"standardise", "min_max", "l2_normalise", "row_normalise", "softmax", "log_softmax"}
)
_RESCALING = frozenset({"log", "sign"})


def worth_combining(primitive: Primitive, kind: Kind, args: tuple[Expression, ...]) -> bool:
    """Whether ``primitive`` of arguments of ``kind`` is more than it seems to be.

    Not worth it are: equal arguments, or x and |x|; sums in which a term is cancelled or
    doubled; entries of one and the same statistic, or any two values between which a distance
    is taken, if one is but a transform of the other; sums and distances of a normalised and a
    raw tensor, of which the larger drowns the smaller.
    """
    if len(args) < 2:
        return True
    first, second = args
    if _unsigned(first) == _unsigned(second):
        return False
    if primitive.name in _ADDITIVE and _terms(first) & _terms(second):
        return False
    if primitive.form is not Form.ELEMENTWISE and _nested(first.leaves, second.leaves):
        return False
    if kind in ENTRIES:
        one_scale = _normalised(first) == _normalised(second)
        mixable = one_scale or primitive.name not in _SAME_SCALE
        return mixable and first.leaves != second.leaves
    return True


def _nested(first: frozenset[str], second: frozenset[str]) -> bool:
    return first <= second or second <= first


def _unsigned(expression: Expression) -> Expression:
    while expression.args and expression.name in ("abs", "neg"):
        expression = expression.args[0]
    return expression


def _terms(expression: Expression) -> frozenset[Expression]:
    """What is added up, signs and magnitudes aside."""
    plain = _unsigned(expression)
    if plain.args and plain.name in _ADDITIVE:
        return frozenset[Expression]().union(*map(_terms, plain.args))
    return frozenset({plain})


def _normalised(expression: Expression) -> bool:
    """Whether entries are of a scale set by a normalisation."""
    if not expression.args:
        return False
    if expression.name in _NORMALISING or expression.name in _RESCALING:
        return True
    return any(map(_normalised, expression.args))
