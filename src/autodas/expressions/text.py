"""Expressions as text and as JSON.

As text: ``add(layers_mean(log(l2(weight_grad))), layers_last(cka))``. :func:`to_text` and
:func:`parse` are exact inverses. The parser is a dozen lines of recursive descent with stated
limits; nothing of the text is ever executed. Reports take formulas apart, too, to break their
lines: they know files alone, show whatever text stands in them, and cannot ask this package.

As JSON, the distinct nodes, arguments before those that use them:
``{"nodes": [{"leaf": "weight"}, {"call": "l2", "args": [0]}, …]}``; the last node is the
expression. Shared sub-expressions are written once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from autodas.core.errors import InvalidInput
from autodas.expressions.node import MAX_DEPTH, MAX_NODES, Call, Expression, Leaf, check_limits

__all__ = ["MAX_LENGTH", "from_json", "parse", "to_json", "to_text"]

MAX_LENGTH = 10_000
"""Longest text that is read, in characters."""

_TOKEN = re.compile(r"\s*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>[(),])|(?P<other>\S))")


def to_text(expression: Expression) -> str:
    """The text of an expression, on one line."""
    return str(expression)


@dataclass(frozen=True)
class _Token:
    text: str
    column: int  # 1 for the first character; one past the end for the end of the text

    @property
    def shown(self) -> str:
        return f"{self.text!r} at character {self.column}" if self.text else "the end of the text"


def parse(text: str) -> Expression:
    """Read an expression.

    Names are not looked up here: see :func:`~autodas.expressions.type_of`.

    Raises:
        InvalidInput: the text is not an expression or exceeds a limit; the message quotes the
            offending token and says what would be accepted.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidInput(f"formula of {len(text)} characters; at most {MAX_LENGTH} allowed")
    parser = _Parser(text)
    expression = parser.expression(1)
    parser.expect_end()
    return check_limits(expression)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [
            _Token(match.group().strip(), match.end() - len(match.group().strip()) + 1)
            for match in _TOKEN.finditer(text)
            if match.group().strip()
        ]
        self._tokens.append(_Token("", len(text) + 1))
        self._next = 0

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next += bool(token.text)  # the end can be taken any number of times
        return token

    def _peek(self) -> str:
        return self._tokens[self._next].text

    def _refuse(self, token: _Token, wanted: str) -> InvalidInput:
        shown = self._text if len(self._text) <= 80 else self._text[:79] + "…"
        shown = " ".join(shown.split())
        return InvalidInput(f"formula {shown!r}: expected {wanted}, found {token.shown}")

    def expression(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise InvalidInput(f"formula nested deeper than {MAX_DEPTH}")
        token = self._take()
        if not token.text or token.text[0] not in _NAME_START:
            raise self._refuse(token, "the name of a statistic or a primitive")
        if self._peek() != "(":
            return Leaf(token.text)
        self._take()
        args = [self.expression(depth + 1)]
        while self._peek() == ",":
            self._take()
            args.append(self.expression(depth + 1))
        closing = self._take()
        if closing.text != ")":
            raise self._refuse(closing, "',' or ')'")
        return Call(token.text, tuple(args))

    def expect_end(self) -> None:
        token = self._take()
        if token.text:
            raise self._refuse(token, "the end of the text")


_NAME_START = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")


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
