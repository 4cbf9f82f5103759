"""Simplification by stated laws, and the canonical form used to recognise duplicates.

Every law holds to the last bit for the protected definitions, on every type its left side
accepts, and makes the expression smaller. What holds only approximately (√x² = |x| fails beyond
10¹⁵, log eˣ = x beyond 60) is not a law.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from autodas.core.catalog import Catalog
from autodas.expressions.node import Call, Expression, Leaf
from autodas.expressions.text import parse
from autodas.primitives import PRIMITIVES, Primitive

__all__ = ["LAWS", "Law", "canonical", "simplify"]


@dataclass(frozen=True)
class Law:
    """``before`` may be replaced by ``after``; x and y stand for anything."""

    before: str
    after: str


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_NONNEGATIVE_1 = _names(
    "abs square sqrt exp sigmoid relu softplus softmax min_max l1 l2 std var entropy "
    "fraction_positive nuclear_norm effective_rank condition layers_geometric_mean layers_std"
)
_NONNEGATIVE_2 = _names("power l1_distance l2_distance smooth_l1 kl kl_t4 bures")
_WITHIN_ONE_1 = _names("clip tanh sigmoid sign softmax min_max fraction_positive")
_WITHIN_ONE_2 = _names("cosine pearson cka")
_EVEN = _names("abs square log sqrt l1 l2 entropy layers_geometric_mean")
_SHIFTLESS = _names("std var layers_std")
_IDEMPOTENT = _names("sign min_max")
_SYMMETRIC_PART = _names("trace spectrum nuclear_norm log_det effective_rank condition symmetrise")


def _laws() -> tuple[Law, ...]:
    found = [
        Law("neg(neg(x))", "x"),
        Law("neg(sub(x, y))", "sub(y, x)"),
        Law("add(x, neg(y))", "sub(x, y)"),
        Law("sub(x, neg(y))", "add(x, y)"),
        Law("mul(neg(x), neg(y))", "mul(x, y)"),
        Law("div(neg(x), neg(y))", "div(x, y)"),
        Law("mul(x, x)", "square(x)"),
        Law("mul(x, reciprocal(y))", "div(x, y)"),
        Law("max_of(x, x)", "x"),
        Law("min_of(x, x)", "x"),
        Law("power(neg(x), y)", "power(x, y)"),
        Law("power(abs(x), y)", "power(x, y)"),
        Law("sum(abs(x))", "l1(x)"),
        Law("sign(cbrt(x))", "sign(x)"),
        Law("fraction_positive(relu(x))", "fraction_positive(x)"),
        Law("fraction_positive(sign(x))", "fraction_positive(x)"),
        Law("fraction_positive(cbrt(x))", "fraction_positive(x)"),
    ]
    for outer in ("abs", "relu"):
        found += [Law(f"{outer}({name}(x))", f"{name}(x)") for name in _NONNEGATIVE_1]
        found += [Law(f"{outer}({name}(x, y))", f"{name}(x, y)") for name in _NONNEGATIVE_2]
    found += [Law(f"clip({name}(x))", f"{name}(x)") for name in _WITHIN_ONE_1]
    found += [Law(f"clip({name}(x, y))", f"{name}(x, y)") for name in _WITHIN_ONE_2]
    found += [Law(f"{name}(neg(x))", f"{name}(x)") for name in _EVEN + _SHIFTLESS]
    found += [Law(f"{name}(abs(x))", f"{name}(x)") for name in _EVEN if name != "abs"]
    found += [Law(f"{name}({name}(x))", f"{name}(x)") for name in _IDEMPOTENT]
    found += [Law(f"{name}(symmetrise(x))", f"{name}(x)") for name in _SYMMETRIC_PART]
    return tuple(found)


LAWS = _laws()
"""All laws."""

_BY_HEAD: dict[str, list[tuple[Expression, Expression]]] = defaultdict(list)
for _law in LAWS:
    _before, _after = parse(_law.before), parse(_law.after)
    _BY_HEAD[_before.name].append((_before, _after))
    if _before.name in PRIMITIVES and PRIMITIVES.get(_before.name).commutative:
        # x + (-y) and (-y) + x are one law.
        _swapped = Call(_before.name, _before.args[::-1])
        if _swapped != _before:
            _BY_HEAD[_before.name].append((_swapped, _after))


def simplify(expression: Expression, primitives: Catalog[Primitive] = PRIMITIVES) -> Expression:
    """An expression of the same type and value, to the last bit, and no larger.

    See :data:`~autodas.expressions.LAWS`.
    """
    return _rewrite(expression, primitives, ordered=False, known={})


def canonical(expression: Expression, primitives: Catalog[Primitive] = PRIMITIVES) -> Expression:
    """The simplified expression with the arguments of commutative primitives in text order.

    Expressions with equal canonical forms have equal values; the converse does not hold.
    """
    return _rewrite(expression, primitives, ordered=True, known={})


def _rewrite(
    node: Expression,
    primitives: Catalog[Primitive],
    *,
    ordered: bool,
    known: dict[Expression, Expression],
) -> Expression:
    if isinstance(node, Leaf):
        return node
    if node not in known:
        args = tuple(_rewrite(arg, primitives, ordered=ordered, known=known) for arg in node.args)
        if ordered and primitives.get(node.name).commutative:
            args = tuple(sorted(args, key=str))
        here = Call(node.name, args) if args != node.args else node
        reduced = _apply_law(here)
        # Every law shrinks the expression, so this ends.
        known[node] = (
            here if reduced is None else _rewrite(reduced, primitives, ordered=ordered, known=known)
        )
    return known[node]


def _apply_law(node: Expression) -> Expression | None:
    for before, after in _BY_HEAD.get(node.name, ()):
        bound: dict[str, Expression] = {}
        if _matches(before, node, bound):
            return _filled(after, bound)
    return None


def _matches(pattern: Expression, node: Expression, bound: dict[str, Expression]) -> bool:
    if isinstance(pattern, Leaf):
        return bound.setdefault(pattern.name, node) == node
    return (
        isinstance(node, Call)
        and node.name == pattern.name
        and len(node.args) == len(pattern.args)
        and all(_matches(p, n, bound) for p, n in zip(pattern.args, node.args, strict=True))
    )


def _filled(pattern: Expression, bound: dict[str, Expression]) -> Expression:
    if isinstance(pattern, Leaf):
        return bound[pattern.name]
    return Call(pattern.name, tuple(_filled(arg, bound) for arg in pattern.args))
