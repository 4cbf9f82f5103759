"""Expressions as JSON: the distinct nodes, arguments before those that use them.

``{"nodes": [{"leaf": "weight"}, {"call": "l2", "args": [0]}, …]}``; the last node is the
expression. Shared sub-expressions are written once.
"""

from __future__ import annotations

from typing import Any

from autodas.core.errors import InvalidInput
from autodas.expressions.node import MAX_NODES, Call, Expression, Leaf, check_limits

__all__ = ["from_json", "to_json"]


def to_json(expression: Expression) -> dict[str, Any]:
    """Plain JSON data for ``expression``."""
    numbers: dict[Expression, int] = {}
    nodes: list[dict[str, Any]] = []

    def visit(node: Expression) -> int:
        if node not in numbers:
            if isinstance(node, Leaf):
                entry: dict[str, Any] = {"leaf": node.name}
            else:
                entry = {"call": node.name, "args": [visit(arg) for arg in node.args]}
            numbers[node] = len(nodes)
            nodes.append(entry)
        return numbers[node]

    visit(expression)
    return {"nodes": nodes}


def from_json(value: Any) -> Expression:  # noqa: ANN401 - data of a file is of any type
    """The expression that ``value`` describes.

    Raises:
        InvalidInput: ``value`` is not what :func:`to_json` writes, or exceeds the limits.
    """
    entries = value.get("nodes") if isinstance(value, dict) else None
    if not isinstance(entries, list) or not entries or set(value) != {"nodes"}:
        raise InvalidInput('an expression in JSON is {"nodes": [...]} with at least one node')
    if len(entries) > MAX_NODES:
        raise InvalidInput(f"expression of {len(entries)} nodes; at most {MAX_NODES} allowed")
    nodes: list[Expression] = []
    for number, entry in enumerate(entries):
        # Checked node by node: shared nodes could describe a tree of astronomic size.
        nodes.append(check_limits(_node(number, entry, nodes)))
    return nodes[-1]


def _node(number: int, entry: Any, before: list[Expression]) -> Expression:  # noqa: ANN401
    match entry:
        case {"leaf": str(name), **rest} if not rest and _is_name(name):
            return Leaf(name)
        case {"call": str(name), "args": [_, *_] as args, **rest} if not rest and _is_name(name):
            for arg in args:
                if type(arg) is not int or not 0 <= arg < len(before):
                    raise InvalidInput(
                        f"node {number} of the expression refers to {arg!r}; "
                        f"accepted: an earlier node, 0 to {number - 1}"
                    )
            return Call(name, tuple(before[arg] for arg in args))
        case _:
            raise InvalidInput(
                f"node {number} of the expression is {str(entry)[:60]!r}; accepted: "
                '{"leaf": name} or {"call": name, "args": [numbers]}'
            )


def _is_name(name: str) -> bool:
    return name.isascii() and name.isidentifier()
