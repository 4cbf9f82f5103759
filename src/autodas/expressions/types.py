"""Which type an expression has, and a one-line explanation where it has none."""

from __future__ import annotations

from collections.abc import Mapping

from autodas.core.catalog import Catalog
from autodas.core.errors import InvalidInput, UnknownName
from autodas.core.values import Type
from autodas.expressions.node import Expression, Leaf
from autodas.primitives import PRIMITIVES, Primitive

__all__ = ["annotate", "type_of"]

_SHOWN = 80


def type_of(
    expression: Expression,
    leaves: Mapping[str, Type],
    primitives: Catalog[Primitive] = PRIMITIVES,
) -> Type:
    """The type of ``expression``.

    Args:
        expression: What to type.
        leaves: Types of the statistics that may be used.
        primitives: The primitives that may be used.

    Raises:
        UnknownName: a statistic or primitive does not exist.
        InvalidInput: an argument has a type its primitive does not accept.
    """
    return annotate(expression, leaves, primitives)[expression]


def annotate(
    expression: Expression,
    leaves: Mapping[str, Type],
    primitives: Catalog[Primitive] = PRIMITIVES,
) -> dict[Expression, Type]:
    """The types of ``expression`` and all its sub-expressions.

    Raises:
        UnknownName, InvalidInput: as :func:`type_of`.
    """
    known: dict[Expression, Type] = {}

    def visit(node: Expression) -> Type:
        if node not in known:
            known[node] = resolve(node)
        return known[node]

    def resolve(node: Expression) -> Type:
        if isinstance(node, Leaf):
            if node.name not in leaves:
                if node.name in primitives:
                    raise InvalidInput(
                        f"{node.name!r} is a primitive and needs arguments: {node.name}(…)"
                    )
                raise UnknownName("statistic", node.name, leaves)
            return leaves[node.name]
        if node.name in leaves and node.name not in primitives:
            raise InvalidInput(f"{node.name!r} is a statistic and takes no arguments")
        operation = primitives.get(node.name)
        types = tuple(visit(arg) for arg in node.args)
        try:
            return operation.result_type(types)
        except InvalidInput as error:
            raise InvalidInput(f"in {_shortened(str(node))!r}: {error}") from None

    visit(expression)
    return known


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
