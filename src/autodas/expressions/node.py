"""Expressions: immutable, hashable trees over statistics and primitives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from autodas.core.errors import InvalidInput

__all__ = [
    "MAX_DEPTH",
    "MAX_NODES",
    "Call",
    "Expression",
    "Leaf",
    "Path",
    "at",
    "check_limits",
    "replace",
    "walk",
]

MAX_DEPTH = 64
"""Deepest expression that is read, counted in nodes."""

MAX_NODES = 500
"""Largest expression that is read, counted as a tree."""

Path: TypeAlias = tuple[int, ...]
"""Where a node lies: argument numbers from the root."""


@dataclass(frozen=True)
class Leaf:
    """A statistic, by name."""

    name: str

    @property
    def args(self) -> tuple[Expression, ...]:
        """No arguments."""
        return ()

    @property
    def size(self) -> int:
        """One node."""
        return 1

    @property
    def depth(self) -> int:
        """One level."""
        return 1

    @property
    def leaves(self) -> frozenset[str]:
        """Its own name."""
        return frozenset({self.name})

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class Call:
    """A primitive, by name, applied to expressions.

    Sub-expressions may be shared; an expression is a directed acyclic graph that behaves like
    a tree.

    Attributes:
        size: Number of nodes, counted as a tree.
        depth: Number of nodes on the longest way down.
        leaves: Names of the statistics it needs.
    """

    name: str
    args: tuple[Expression, ...]
    size: int = field(init=False, repr=False)
    depth: int = field(init=False, repr=False)
    leaves: frozenset[str] = field(init=False, repr=False)
    _hash: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", 1 + sum(arg.size for arg in self.args))
        object.__setattr__(self, "depth", 1 + max((arg.depth for arg in self.args), default=0))
        leaves = frozenset[str]().union(*(arg.leaves for arg in self.args))
        object.__setattr__(self, "leaves", leaves)
        object.__setattr__(self, "_hash", hash((self.name, self.args)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Call) or self._hash != other._hash:
            return NotImplemented if not isinstance(other, Leaf | Call) else False
        return self.name == other.name and self.args == other.args

    def __reduce__(self) -> tuple[type[Call], tuple[str, tuple[Expression, ...]]]:
        # The cached hash depends on the process (hash randomisation) and must not travel.
        return (Call, (self.name, self.args))

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.args))})"


Expression: TypeAlias = Leaf | Call


def walk(expression: Expression, path: Path = ()) -> Iterator[tuple[Path, Expression]]:
    """All nodes with their paths, parents first, arguments in order."""
    yield path, expression
    for number, arg in enumerate(expression.args):
        yield from walk(arg, (*path, number))


def at(expression: Expression, path: Path) -> Expression:
    """The node at ``path``."""
    for number in path:
        expression = expression.args[number]
    return expression


def replace(expression: Expression, path: Path, new: Expression) -> Expression:
    """A copy with the node at ``path`` replaced; everything off the path is shared."""
    if not path or not isinstance(expression, Call):
        return new
    number, rest = path[0], path[1:]
    args = list(expression.args)
    args[number] = replace(args[number], rest, new)
    return Call(expression.name, tuple(args))


def check_limits(expression: Expression) -> Expression:
    """``expression`` itself, if it is not too large.

    Raises:
        InvalidInput: more than MAX_NODES nodes or deeper than MAX_DEPTH.
    """
    if expression.size > MAX_NODES:
        raise InvalidInput(f"expression of {expression.size} nodes; at most {MAX_NODES} allowed")
    if expression.depth > MAX_DEPTH:
        raise InvalidInput(f"expression of depth {expression.depth}; at most {MAX_DEPTH} allowed")
    return expression
