"""Simplification by stated laws, and the canonical form used to recognise duplicates."""

from __future__ import annotations

from collections import defaultdict

from autodas.core.catalog import Catalog
from autodas.expressions.laws import LAWS
from autodas.expressions.node import Call, Expression, Leaf
from autodas.expressions.text import parse
from autodas.primitives import PRIMITIVES, Primitive

__all__ = ["canonical", "simplify"]

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
