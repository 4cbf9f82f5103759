"""Mutation and crossover: parents are unchanged, children are well typed and within limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from autodas.expressions.grammar import Grammar, Symbol
from autodas.expressions.grow import grow
from autodas.expressions.node import Call, Expression, Leaf, Path, at, replace, walk
from autodas.expressions.types import annotate

__all__ = ["MUTATIONS", "crossover", "mutate"]

_ATTEMPTS = 20


def crossover(
    first: Expression,
    second: Expression,
    grammar: Grammar,
    rng: np.random.Generator,
    *,
    max_size: int = 25,
    max_depth: int = 12,
) -> Expression:
    """A copy of ``first`` with one sub-expression replaced by one of ``second`` of equal type.

    If no exchange gives a new, sensible expression within the limits, ``first`` is returned.
    """
    here = annotate(first, grammar.leaves, grammar.primitives)
    there = annotate(second, grammar.leaves, grammar.primitives)
    donors: dict[object, list[Expression]] = {}
    for node in dict.fromkeys(node for _, node in walk(second)):
        donors.setdefault(there[node], []).append(node)
    places = [path for path, node in walk(first) if here[node] in donors]
    for _ in range(_ATTEMPTS):
        path = places[int(rng.integers(len(places)))]
        fitting = donors[here[at(first, path)]]
        child = replace(first, path, fitting[int(rng.integers(len(fitting)))])
        if _acceptable(child, first, grammar, max_size, max_depth):
            return child
    return first


def mutate(
    expression: Expression,
    grammar: Grammar,
    rng: np.random.Generator,
    *,
    max_size: int = 25,
    max_depth: int = 12,
    weights: Mapping[str, float] | None = None,
) -> Expression:
    """A changed copy of ``expression``, by one of :data:`MUTATIONS` chosen at random.

    If no attempt gives a new, sensible expression within the limits, a fresh one is grown.

    Args:
        expression: The parent, a well-typed scalar.
        grammar: What may be grown.
        rng: Source of randomness.
        max_size: Most nodes of the child.
        max_depth: Most levels of the child.
        weights: Relative frequencies of the mutations by name; 1 if not listed.
    """
    names = list(MUTATIONS)
    shares = np.array([(weights or {}).get(name, 1.0) for name in names])
    for _ in range(_ATTEMPTS):
        name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
        child = MUTATIONS[name](expression, grammar, rng, max_size)
        if child is not None and _acceptable(child, expression, grammar, max_size, max_depth):
            return child
    return grow(grammar, rng, max_size=max_size, max_depth=max_depth)


def _acceptable(
    child: Expression, parent: Expression, grammar: Grammar, max_size: int, max_depth: int
) -> bool:
    if child == parent or child.size > max_size or child.depth > max_depth:
        return False
    # A parent written by hand may be beyond the grammar; its children then may be as well.
    return not grammar.objection(child) or bool(grammar.objection(parent))


def _pick(expression: Expression, rng: np.random.Generator, *, calls: bool) -> Path | None:
    """A random place, of calls only if wanted."""
    paths = [path for path, node in walk(expression) if isinstance(node, Call) or not calls]
    return paths[int(rng.integers(len(paths)))] if paths else None


def _subtree(
    expression: Expression, grammar: Grammar, rng: np.random.Generator, max_size: int
) -> Expression | None:
    """A sub-expression grown anew."""
    path = _pick(expression, rng, calls=False) or ()
    room = max_size - expression.size + at(expression, path).size
    symbol = grammar.symbol_at(expression, path)
    if not grammar.can_make(symbol):  # a place that no grown expression has
        return None
    depth = max(grammar.min_depth(symbol), 4)
    return replace(
        expression, path, grow(grammar, rng, max_size=min(room, 10), max_depth=depth, symbol=symbol)
    )


def _point(
    expression: Expression, grammar: Grammar, rng: np.random.Generator, _max_size: int
) -> Expression | None:
    """Another primitive with the same arguments."""
    path = _pick(expression, rng, calls=True)
    if path is None:
        return None
    node = at(expression, path)
    types = annotate(expression, grammar.leaves, grammar.primitives)
    wanted = tuple(types[arg] for arg in node.args)
    names = {
        production.name
        for production in grammar.productions(grammar.symbol_at(expression, path))
        if tuple(arg.type for arg in production.args) == wanted and production.name != node.name
    }
    name = _choice(sorted(names), rng)
    return replace(expression, path, Call(name, node.args)) if name else None


def _leaf(
    expression: Expression, grammar: Grammar, rng: np.random.Generator, _max_size: int
) -> Expression | None:
    """Another statistic of the same type."""
    paths = [path for path, node in walk(expression) if isinstance(node, Leaf)]
    path = paths[int(rng.integers(len(paths)))]
    old = at(expression, path)
    names = [
        production.name
        for production in grammar.productions(grammar.symbol_at(expression, path))
        if production.form is None and Leaf(production.name) != old
    ]
    name = _choice(sorted(names), rng)
    return replace(expression, path, Leaf(name)) if name else None


def _insert(
    expression: Expression, grammar: Grammar, rng: np.random.Generator, max_size: int
) -> Expression | None:
    """A primitive put above a sub-expression; a second argument is grown."""
    path = _pick(expression, rng, calls=False) or ()
    symbol, node = grammar.symbol_at(expression, path), at(expression, path)
    fitting = [
        production
        for production in grammar.productions(symbol)
        if production.args
        and all(arg.type == symbol.type for arg in production.args)
        and all(map(grammar.can_make, production.args))
    ]
    if not fitting:
        return None
    weights = np.array([production.weight for production in fitting])
    chosen = fitting[int(rng.choice(len(fitting), p=weights / weights.sum()))]
    args: list[Expression] = [node]
    if len(chosen.args) == 2:
        room = max_size - expression.size - 1
        other: Symbol = chosen.args[1]
        args.append(grow(grammar, rng, max_size=min(room, 8), max_depth=6, symbol=other))
        if rng.random() < 0.5:
            args.reverse()
    return replace(expression, path, Call(chosen.name, tuple(args)))


def _hoist(
    expression: Expression, grammar: Grammar, rng: np.random.Generator, _max_size: int
) -> Expression | None:
    """A sub-expression replaced by a part of itself of the same type."""
    types = annotate(expression, grammar.leaves, grammar.primitives)
    options = [
        (path, inner)
        for path, node in walk(expression)
        for depth, inner in walk(node)
        if depth and types[inner] == types[node]
    ]
    if not options:
        return None
    path, inner = options[int(rng.integers(len(options)))]
    return replace(expression, path, inner)


def _choice(names: list[str], rng: np.random.Generator) -> str | None:
    return names[int(rng.integers(len(names)))] if names else None


Mutation = Callable[[Expression, Grammar, np.random.Generator, int], Expression | None]

MUTATIONS: dict[str, Mutation] = {
    "subtree": _subtree,
    "point": _point,
    "leaf": _leaf,
    "insert": _insert,
    "hoist": _hoist,
}
"""Ways to change an expression; each gives None where it does not apply."""
