"""Growing random expressions: valid by construction, within limits, without dead ends."""

from __future__ import annotations

import math
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.core.values import Kind
from autodas.expressions.grammar import Grammar, Production, Symbol
from autodas.expressions.grammar_rules import worth_combining
from autodas.expressions.node import Call, Expression, Leaf
from autodas.primitives import ENTRIES, Form

__all__ = ["grow"]

_FORM_WEIGHTS: dict[Form | None, float] = {
    None: 3.0,
    Form.ELEMENTWISE: 1.2,
    Form.SEGMENTWISE: 0.6,
    Form.REDUCTION: 3.0,
    Form.DISTANCE: 2.0,
    Form.MATRIX_MAP: 0.6,
    Form.MATRIX_REDUCTION: 1.5,
    Form.MATRIX_DISTANCE: 2.0,
    Form.SPECTRUM: 1.0,
    Form.AGGREGATION: 6.0,
    Form.OVER_TEACHERS: 1.0,
}
_PATIENCE = 100


class _Choices:
    """The productions of one symbol with their weights, as arrays.

    It must not hold its grammar: kept for as long as that lives, it would keep it for ever.
    """

    def __init__(self, grammar: Grammar, symbol: Symbol) -> None:
        self.productions = grammar.productions(symbol)
        self.weights = _base_weights(grammar, symbol, self.productions)
        self._leaf = np.array([option.form is None for option in self.productions], dtype=bool)
        self._binary = np.array(
            [
                option.form is Form.ELEMENTWISE and len(option.args) == 2
                for option in self.productions
            ],
            dtype=bool,
        )
        self._least: dict[int, npt.NDArray[np.int64]] = {}

    def least(self, grammar: Grammar, depth: int) -> npt.NDArray[np.int64]:
        """Fewest nodes with each production within ``depth``."""
        if depth not in self._least:
            size = grammar.min_size
            self._least[depth] = np.array(
                [1 + sum(size(arg, depth - 1) for arg in p.args) for p in self.productions],
                dtype=np.int64,
            )
        return self._least[depth]

    def draw_weights(self, grammar: Grammar, size: int, depth: int) -> npt.NDArray[np.float64]:
        """Weights given room for ``size`` nodes: leaves when it is tight, sums when it is wide."""
        weights = np.where(self.least(grammar, depth) <= size, self.weights, 0.0)
        weights[self._leaf] /= math.sqrt(max(1.0, size - 1.0))
        weights[self._binary] *= min(size, 16) / 6.0
        return weights


def _base_weights(
    grammar: Grammar, symbol: Symbol, productions: tuple[Production, ...]
) -> npt.NDArray[np.float64]:
    """First shared among forms and argument types, then among names.

    An argument type counts by the statistics behind it, so that each statistic has about the
    same chance however many types it can become.
    """
    keys = [(p.form, len(p.args), *{arg.type for arg in p.args}) for p in productions]
    totals: dict[tuple[object, ...], float] = {}
    for key, production in zip(keys, productions, strict=True):
        totals[key] = totals.get(key, 0.0) + production.weight
    everything = max(1, len(grammar.leaves_behind(symbol.type)))
    weights = np.zeros(len(productions))
    for number, (key, production) in enumerate(zip(keys, productions, strict=True)):
        if production.form is None:
            share = production.weight / everything
        else:
            behind = len(grammar.leaves_behind(production.args[0].type))
            share = behind / everything * production.weight / totals[key]
        weights[number] = _FORM_WEIGHTS[production.form] * share * _damping(production)
    return weights


def _damping(production: Production) -> float:
    if not production.args:
        return 1.0
    kind = production.args[0].type.kind
    if production.form is Form.DISTANCE and kind is Kind.VECTOR:
        return 0.15
    if production.form is Form.ELEMENTWISE and kind is Kind.SCALAR:
        # A monotone transform of a score changes little, a sum of two scores much.
        return 0.3 if len(production.args) == 1 else 2.0
    if kind in ENTRIES and production.form in (Form.ELEMENTWISE, Form.SEGMENTWISE):
        return 0.5
    return 1.0


_TABLES: WeakKeyDictionary[Grammar, dict[Symbol, _Choices]] = WeakKeyDictionary()


def _choices(grammar: Grammar, symbol: Symbol) -> _Choices:
    table = _TABLES.setdefault(grammar, {})
    if symbol not in table:
        table[symbol] = _Choices(grammar, symbol)
    return table[symbol]


def grow(
    grammar: Grammar,
    rng: np.random.Generator,
    *,
    max_size: int = 25,
    max_depth: int = 12,
    symbol: Symbol | None = None,
) -> Expression:
    """A random expression for ``symbol`` (a scalar if not given).

    A target size is drawn first, so that small and large formulas both occur; most have 5 to
    20 nodes. If the limits allow no expression at all, the smallest possible one is grown.

    Args:
        grammar: What may be grown.
        rng: Source of randomness.
        max_size: Most nodes.
        max_depth: Most levels.
        symbol: What to grow; see :meth:`Grammar.symbol_at`.

    Raises:
        InvalidInput: the grammar has no expression for ``symbol``.
    """
    what = symbol or grammar.start
    if not grammar.can_make(what):
        raise InvalidInput(f"the grammar has no expression of type {what.type} for this place")
    depth = max(max_depth, grammar.min_depth(what))
    least = grammar.min_size(what, depth)
    wanted = round(float(rng.gamma(4.0, 4.0)))
    size = min(max(wanted, least), max(max_size, least))
    return _Grower(grammar, rng).grow(what, size, depth)


class _Grower:
    """Grows one expression.

    Whether arguments are worth combining is known only once they are grown. Useless ones are
    grown again; where the statistics are too few for anything else, patience ends and they
    stay, so that growing always does.
    """

    def __init__(self, grammar: Grammar, rng: np.random.Generator) -> None:
        self._grammar = grammar
        self._rng = rng
        self._patience = _PATIENCE

    def grow(self, symbol: Symbol, size: int, depth: int) -> Expression:
        """An expression of at most ``size`` nodes and ``depth`` levels; both must be possible."""
        choices = _choices(self._grammar, symbol)
        weights = choices.draw_weights(self._grammar, size, depth)
        while True:
            ladder = np.cumsum(weights)
            drawn = np.searchsorted(ladder, self._rng.random() * ladder[-1], side="right")
            chosen = choices.productions[int(drawn)]
            if chosen.form is None:
                return Leaf(chosen.name)
            args = self._arguments(chosen, size - 1, depth - 1)
            if self._patience <= 0 or self._worth(chosen, args):
                return Call(chosen.name, args)
            self._patience -= 1

    def _worth(self, chosen: Production, args: tuple[Expression, ...]) -> bool:
        if len(args) == 1:
            return True
        primitive = self._grammar.primitives.get(chosen.name)
        return worth_combining(primitive, chosen.args[0].type.kind, args)

    def _arguments(self, production: Production, size: int, depth: int) -> tuple[Expression, ...]:
        """Arguments of at most ``size`` nodes together."""
        least = [self._grammar.min_size(arg, depth) for arg in production.args]
        extra = size - sum(least)
        shares = [extra]
        if len(least) == 2:
            cut = int(self._rng.integers(0, extra + 1))
            shares = [cut, extra - cut]
        return tuple(
            self.grow(arg, low + more, depth)
            for arg, low, more in zip(production.args, least, shares, strict=True)
        )
