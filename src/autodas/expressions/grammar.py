"""The finite grammar of well-typed expressions over given statistics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from autodas.core.catalog import Catalog
from autodas.core.errors import InvalidInput
from autodas.core.values import SCALAR, Kind, Type
from autodas.expressions.grammar_rules import (
    GROWN_KINDS,
    LEAF,
    MUST_VARY,
    RULES,
    WEIGHTS,
    Rule,
    rules_below,
    worth_combining,
)
from autodas.expressions.node import Expression, Leaf, Path
from autodas.expressions.types import annotate
from autodas.primitives import ENTRIES, PRIMITIVES, Form, Primitive

__all__ = ["Grammar", "Production", "Symbol"]

_UNREACHABLE = 10**6


class Symbol(NamedTuple):
    """What may stand at one place of an expression.

    Attributes:
        type: Its type.
        rules: Numbers of the rules of :mod:`~autodas.expressions.grammar_rules` in force there.
        varies: Whether it must depend on the architecture.
    """

    type: Type
    rules: frozenset[int] = frozenset()
    varies: bool = True


class Production(NamedTuple):
    """One way to make a symbol.

    Attributes:
        name: A primitive, or a statistic if there are no arguments.
        form: Form of the primitive, None for a statistic.
        args: Symbols of the arguments.
        weight: Relative frequency among productions of equal form and argument types.
    """

    name: str
    form: Form | None
    args: tuple[Symbol, ...]
    weight: float


class Grammar:
    """All sensible expressions of type scalar over some statistics.

    Types that cannot be made, or from which no scalar can be reached, do not occur. For every
    symbol the smallest expression within every depth is known, so that growing within limits
    never meets a dead end.

    Args:
        leaves: Types of the statistics.
        primitives: The primitives to use.
        fixed: Statistics that are the same for all architectures, such as the teacher's logits.
            Every scalar sub-expression depends on at least one that is not.
        weights: Relative frequencies of primitives and statistics that override the defaults;
            0 leaves one out.
        rules: Compositions to avoid; to the default ones, those of
            :func:`~autodas.expressions.observed_rules` may be added.

    Raises:
        InvalidInput: no scalar can be made from the statistics.
    """

    def __init__(
        self,
        leaves: Mapping[str, Type],
        primitives: Catalog[Primitive] = PRIMITIVES,
        *,
        fixed: Collection[str] = (),
        weights: Mapping[str, float] | None = None,
        rules: Sequence[Rule] = RULES,
    ) -> None:
        self.leaves = dict(leaves)
        self.primitives = primitives
        self.fixed = frozenset(fixed)
        self.rules = tuple(rules)
        self._weights = {**WEIGHTS, **(weights or {})}
        self._by_result = self._signatures()
        self._behind = self._leaves_behind()
        self.start = Symbol(SCALAR)
        self._productions: dict[Symbol, tuple[Production, ...]] = {}
        # Thousands of symbols ask the same few questions.
        self._below: dict[tuple[str, frozenset[int]], frozenset[int]] = {}
        self._objections: dict[tuple[str, Kind, frozenset[int], str], str] = {}
        # _smallest[d][symbol]: fewest nodes of an expression of depth at most d.
        self._smallest: list[dict[Symbol, int]] = [{}]
        if not self.can_make(self.start):
            listed = ", ".join(f"{name}: {type_}" for name, type_ in self.leaves.items())
            raise InvalidInput(f"no scalar can be made from the statistics {listed or '(none)'}")

    @property
    def types(self) -> tuple[Type, ...]:
        """The types that occur in expressions, sorted."""
        made = {symbol.type for symbol in self._productions if self.can_make(symbol)}
        return tuple(sorted(made))

    def can_make(self, symbol: Symbol) -> bool:
        """Whether there is any expression for ``symbol``."""
        return self.min_size(symbol) < _UNREACHABLE

    def min_size(self, symbol: Symbol, depth: int | None = None) -> int:
        """Fewest nodes of an expression for ``symbol``, not deeper than ``depth``."""
        self._reach(symbol)
        last = len(self._smallest) - 1
        return self._smallest[last if depth is None else max(0, min(depth, last))][symbol]

    def min_depth(self, symbol: Symbol) -> int:
        """Depth of the shallowest expression for ``symbol``, which must exist."""
        self.min_size(symbol)
        for depth, sizes in enumerate(self._smallest):
            if sizes[symbol] < _UNREACHABLE:
                return depth
        return _UNREACHABLE

    def productions(self, symbol: Symbol) -> tuple[Production, ...]:
        """All ways to make ``symbol``."""
        self._reach(symbol)
        return self._productions[symbol]

    def leaves_behind(self, type_: Type) -> frozenset[str]:
        """The statistics that expressions of ``type_`` can be made of."""
        return self._behind.get(type_, frozenset())

    # Construction

    def _signatures(self) -> dict[Type, list[tuple[Primitive, Type]]]:
        """For every type that can be made: (primitive, type of its arguments)."""
        made, todo = set(self.leaves.values()), list(dict.fromkeys(self.leaves.values()))
        by_result: dict[Type, list[tuple[Primitive, Type]]] = defaultdict(list)
        while todo:
            given = todo.pop(0)
            for primitive in self.primitives:
                if given.kind not in GROWN_KINDS.get(primitive.name, primitive.kinds):
                    continue
                if self._weights.get(primitive.name, 1.0) <= 0:
                    continue
                result = primitive.result_type((given,) * primitive.arity)
                by_result[result].append((primitive, given))
                if result not in made:
                    made.add(result)
                    todo.append(result)
        return dict(by_result)

    def _leaves_behind(self) -> dict[Type, frozenset[str]]:
        """Fixpoint over the signatures."""
        behind: dict[Type, frozenset[str]] = defaultdict(frozenset)
        for name, type_ in self.leaves.items():
            behind[type_] |= {name}
        changed = True
        while changed:
            changed = False
            for result, signatures in self._by_result.items():
                union = behind[result].union(*(behind[given] for _, given in signatures))
                changed |= union != behind[result]
                behind[result] = union
        return dict(behind)

    def _reach(self, start: Symbol) -> None:
        """Make the productions and smallest sizes of ``start`` and all symbols below it."""
        if start in self._productions:
            return
        todo, new = [start], []
        while todo:
            symbol = todo.pop()
            if symbol in self._productions:
                continue
            found = (*self._leaves_of(symbol), *self._calls_of(symbol))
            self._productions[symbol] = found
            new.append(symbol)
            todo.extend(arg for production in found for arg in production.args)
        self._measure(new)

    def _leaves_of(self, symbol: Symbol) -> list[Production]:
        return [
            Production(name, None, (), self._weights.get(name, 1.0))
            for name, type_ in self.leaves.items()
            if type_ == symbol.type
            and not (symbol.varies and name in self.fixed)
            and not self._forbidden(LEAF, symbol.type.kind, symbol.rules, name)
            and self._weights.get(name, 1.0) > 0
        ]

    def _forbidden(self, head: str, kind: Kind, rules: frozenset[int], statistic: str = "") -> str:
        """Why ``head`` must not stand where ``rules`` are in force; empty if it may."""
        asked = head, kind, rules, statistic
        if asked not in self._objections:
            inforce = (self.rules[number] for number in sorted(rules))
            why = (rule.why for rule in inforce if rule.forbids(head, kind, statistic))
            self._objections[asked] = next(why, "")
        return self._objections[asked]

    def _rules_below(self, head: str, rules: frozenset[int]) -> frozenset[int]:
        """The rules in force for the arguments of ``head``."""
        if (head, rules) not in self._below:
            self._below[head, rules] = rules_below(head, rules, self.rules)
        return self._below[head, rules]

    def _calls_of(self, symbol: Symbol) -> list[Production]:
        found = []
        for primitive, given in self._by_result.get(symbol.type, ()):
            if self._forbidden(primitive.name, symbol.type.kind, symbol.rules):
                continue
            if self._needs_two(primitive, given) and len(self.leaves_behind(given)) < 2:
                continue
            rules = self._rules_below(primitive.name, symbol.rules)
            weight = self._weights.get(primitive.name, 1.0)
            choices = self._variation(symbol, primitive, given)
            for varies in choices:
                args = tuple(Symbol(given, rules, each) for each in varies)
                found.append(
                    Production(primitive.name, primitive.form, args, weight / len(choices))
                )
        return found

    @staticmethod
    def _needs_two(primitive: Primitive, given: Type) -> bool:
        """Whether the arguments must come from different statistics."""
        return primitive.arity == 2 and (
            primitive.form is not Form.ELEMENTWISE or given.kind in ENTRIES
        )

    def _variation(
        self, symbol: Symbol, primitive: Primitive, given: Type
    ) -> list[tuple[bool, ...]]:
        """Which arguments must depend on the architecture, in all admissible ways."""
        if not self.fixed:
            return [(True,) * primitive.arity]
        # A scalar that depends on nothing is a dummy constant.
        needed = given == SCALAR or given.kind in MUST_VARY.get(primitive.name, ())
        needed |= symbol.varies and primitive.arity == 1
        if needed:
            return [(True,) * primitive.arity]
        if not symbol.varies:
            return [(False,) * primitive.arity]
        return [ways for ways in product((True, False), repeat=primitive.arity) if sum(ways) == 1]

    def _measure(self, new: list[Symbol]) -> None:
        """Fill in smallest sizes of new symbols, depth by depth, until nothing changes.

        What was reached before cannot lead to new symbols, so its sizes stay.
        """
        self._smallest[0].update(dict.fromkeys(new, _UNREACHABLE))
        ways = {symbol: {made.args for made in self._productions[symbol]} for symbol in new}
        depth, changing = 0, True
        while changing or depth + 1 < len(self._smallest):
            before = self._smallest[depth]
            depth += 1
            if depth == len(self._smallest):
                self._smallest.append(dict(before))
            after = {
                symbol: min((_size(args, before) for args in distinct), default=_UNREACHABLE)
                for symbol, distinct in ways.items()
            }
            changing = any(after[symbol] != before[symbol] for symbol in new) or depth == 1
            self._smallest[depth].update(after)

    # Judging existing expressions

    def depends(self, expression: Expression) -> bool:
        """Whether an expression depends on the architecture."""
        return not expression.leaves <= self.fixed

    def symbol_at(self, expression: Expression, path: Path) -> Symbol:
        """What may stand at ``path`` of a well-typed scalar expression."""
        types = annotate(expression, self.leaves, self.primitives)
        symbol, node = Symbol(types[expression]), expression
        for number in path:
            arg = node.args[number]
            others = [a for i, a in enumerate(node.args) if i != number]
            kind = types[arg].kind
            free = types[arg] != SCALAR and kind not in MUST_VARY.get(node.name, ())
            free &= not symbol.varies or any(map(self.depends, others))
            rules = self._rules_below(node.name, symbol.rules)
            symbol, node = Symbol(types[arg], rules, not free), arg
        return symbol

    def objection(self, expression: Expression) -> str:
        """Why a well-typed expression would never be grown; empty if it would be.

        Raises:
            InvalidInput: the expression is not well typed.
        """
        types = annotate(expression, self.leaves, self.primitives)
        if types[expression] != SCALAR:
            return f"not a scalar but a {types[expression]}"
        todo: list[tuple[Expression, frozenset[int]]] = [(expression, frozenset())]
        while todo:
            node, rules = todo.pop()
            objection = self._objection_to(node, types, rules)
            if objection:
                return objection
            below = self._rules_below(node.name, rules) if node.args else frozenset()
            todo.extend((arg, below) for arg in node.args)
        return ""

    def _objection_to(
        self, node: Expression, types: Mapping[Expression, Type], rules: frozenset[int]
    ) -> str:
        kind = types[node].kind
        if types[node] == SCALAR and not self.depends(node):
            return f"{node} is the same for all architectures"
        if isinstance(node, Leaf):
            return self._forbidden(LEAF, kind, rules, node.name)
        primitive = self.primitives.get(node.name)
        below = types[node.args[0]].kind
        if below not in GROWN_KINDS.get(node.name, primitive.kinds):
            return f"{node.name} of a {below} is not grown"
        if below in MUST_VARY.get(node.name, ()) and not all(map(self.depends, node.args)):
            return f"{node.name} of an argument that is the same for all architectures"
        if not worth_combining(primitive, below, node.args):
            return f"{node.name} of arguments that say the same"
        why = self._forbidden(node.name, kind, rules)
        return f"{node.name}: {why}" if why else ""


def _size(args: Sequence[Symbol], sizes: Mapping[Symbol, int]) -> int:
    return min(1 + sum([sizes[arg] for arg in args]), _UNREACHABLE)
