"""Growing random expressions: valid by construction, within limits, without dead ends."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from autodas.core.values import Kind
from autodas.expressions.grammar import Grammar, Production, Symbol
from autodas.expressions.node import Call, Expression, Leaf
from autodas.primitives import Form

__all__ = ["grow"]

_FORM_WEIGHTS: dict[Form | None, float] = {
    None: 3.0,
    Form.ELEMENTWISE: 1.0,
    Form.SEGMENTWISE: 0.5,
    Form.REDUCTION: 3.0,
    Form.DISTANCE: 2.0,
    Form.MATRIX_MAP: 0.8,
    Form.MATRIX_REDUCTION: 1.5,
    Form.MATRIX_DISTANCE: 1.5,
    Form.SPECTRUM: 1.5,
    Form.AGGREGATION: 6.0,
}
_ATTEMPTS = 8


def grow(
    grammar: Grammar,
    rng: np.random.Generator,
    *,
    max_size: int = 25,
    max_depth: int = 12,
    symbol: Symbol | None = None,
) -> Expression:
    """A random expression for ``symbol`` (a scalar if not given).

    A target size is drawn first, around 10 nodes, so that small and large formulas both occur.
    If the limits allow no expression at all, the smallest possible one is grown.

    Args:
        grammar: What may be grown.
        rng: Source of randomness.
        max_size: Most nodes.
        max_depth: Most levels.
        symbol: What to grow; see :meth:`Grammar.symbol_at`.
    """
    what = symbol or grammar.start
    depth = max(max_depth, grammar.min_depth(what))
    least = grammar.min_size(what, depth)
    most = max(max_size, least)
    wanted = round(float(rng.gamma(3.0, 4.0)))
    return _grow(grammar, rng, what, min(max(wanted, least), most), depth)


def _grow(
    grammar: Grammar, rng: np.random.Generator, symbol: Symbol, size: int, depth: int
) -> Expression:
    """An expression of at most ``size`` nodes and ``depth`` levels; both must be possible."""
    options = [
        production
        for production in grammar.productions(symbol)
        if _least(grammar, production, depth) <= size
    ]
    while True:
        weights = _weights(options, size)
        chosen = options[int(rng.choice(len(options), p=weights))]
        if chosen.form is None:
            return Leaf(chosen.name)
        for _ in range(_ATTEMPTS):
            args = _arguments(grammar, rng, chosen, size - 1, depth - 1)
            if len(set(args)) == len(args):
                return Call(chosen.name, args)
        # Two equal arguments say nothing, but where nothing else fits they must do.
        if len(options) == 1:
            return Call(chosen.name, args)
        options.remove(chosen)


def _least(grammar: Grammar, production: Production, depth: int) -> int:
    return 1 + sum(grammar.min_size(arg, depth - 1) for arg in production.args)


def _weights(options: Sequence[Production], size: int) -> npt.NDArray[np.float64]:
    """Probabilities: first among forms and argument types, then by name."""
    groups: dict[tuple[object, ...], float] = {}
    keys = [
        (option.form, *{arg.type for arg in option.args}, len(option.args)) for option in options
    ]
    for key, option in zip(keys, options, strict=True):
        groups[key] = groups.get(key, 0.0) + option.weight
    weights = np.empty(len(options))
    for number, (key, option) in enumerate(zip(keys, options, strict=True)):
        weights[number] = _group_weight(option, size) * option.weight / groups[key]
    weights /= weights.sum()
    return weights


def _group_weight(option: Production, size: int) -> float:
    weight = _FORM_WEIGHTS[option.form]
    if option.form is None:  # with room left, prefer to go on
        return weight / math.sqrt(max(1.0, size - 1.0))
    if option.form is Form.ELEMENTWISE and len(option.args) == 2:
        weight *= min(size, 16) / 8.0
    elif option.form is Form.ELEMENTWISE and option.args[0].type.kind is Kind.SCALAR:
        weight *= 0.3  # monotone transforms of a score change little
    return weight


def _arguments(
    grammar: Grammar, rng: np.random.Generator, production: Production, size: int, depth: int
) -> tuple[Expression, ...]:
    """Arguments of at most ``size`` nodes together."""
    least = [grammar.min_size(arg, depth) for arg in production.args]
    slack = size - sum(least)
    shares = [slack] if len(least) == 1 else _split(rng, slack, len(least))
    return tuple(
        _grow(grammar, rng, arg, low + extra, depth)
        for arg, low, extra in zip(production.args, least, shares, strict=True)
    )


def _split(rng: np.random.Generator, total: int, parts: int) -> list[int]:
    cuts = np.sort(rng.integers(0, total + 1, size=parts - 1))
    return [int(part) for part in np.diff([0, *cuts, total])]
