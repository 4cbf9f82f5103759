"""Which compositions are worth generating: a stated table of those that say nothing.

A formula may be well typed and still constant: the sum of a softmax is one, the mean of a
standardised tensor is zero, tanh of a value in the thousands is one. The grammar leaves such
compositions out. They remain legal in formulas written by hand. Two arguments are combined only if
they say different things on one scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autodas.core.values import Kind
from autodas.expressions.node import Expression
from autodas.primitives import ENTRIES, PRIMITIVES, Form, Primitive

__all__ = [
    "GROWN_KINDS",
    "LEAF",
    "MUST_VARY",
    "OVER_TEACHERS",
    "RULES",
    "WEIGHTS",
    "Rule",
    "rules_below",
    "worth_combining",
]

LEAF = ""
"""Stands for a statistic where rules list primitives."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_UNARY = _names("log exp abs square sqrt cbrt reciprocal sign tanh sigmoid relu softplus clip neg")
_EVEN = _names("abs square log sqrt l1 l2 std var entropy nuclear_norm effective_rank condition")
_NONNEGATIVE = _names(
    "abs square sqrt exp sigmoid relu softplus softmax min_max power l1 l2 std var entropy "
    "fraction_positive nuclear_norm effective_rank condition l1_distance l2_distance smooth_l1 "
    "kl kl_t4 bures layers_geometric_mean layers_std"
)
_SQUASHING = _names("exp tanh sigmoid softplus")
_KEEPS_NORM = _names("abs symmetrise spectrum")
_NUMBERS = frozenset({Kind.VECTOR, Kind.SCALAR})
_TENSORS = ENTRIES - {Kind.LOGITS}


@dataclass(frozen=True)
class Rule:
    """Forbids some heads directly below some primitives.

    Attributes:
        above: Names of the primitives that must not meet these heads.
        why: What would happen.
        heads: Names that are forbidden below (``LEAF`` for a statistic), or
        only: if given instead, the names that alone are allowed below.
        through: Primitives that do not change the matter: below them the rule still holds.
        kinds: Kinds of the value below for which the rule holds; all if empty.
        statistics: Statistics that are forbidden below, by name.
    """

    above: frozenset[str]
    why: str
    heads: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    through: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    statistics: frozenset[str] = frozenset()

    def forbids(self, head: str, kind: Kind, statistic: str = "") -> bool:
        """Whether a value of ``kind`` made by ``head``, or a statistic, must not stand here."""
        if self.kinds and kind not in self.kinds:
            return False
        if statistic in self.statistics:
            return True
        return head not in self.only if self.only else head in self.heads


def _never(above: str, heads: str, why: str, through: frozenset[str] = frozenset()) -> Rule:
    return Rule(_names(above), why, heads=_names(heads), through=through)


def _only(above: frozenset[str], only: str, kinds: frozenset[Kind], why: str) -> Rule:
    listed = frozenset(LEAF if name == "leaf" else name for name in only.split())
    return Rule(above, why, only=listed, kinds=kinds)


RULES: tuple[Rule, ...] = (
    # Constant by construction.
    _never("sum mean l1", "softmax", "a softmax sums to one", _names("abs symmetrise")),
    _never("sum mean", "standardise centre", "the mean is zero", _names("symmetrise add sub")),
    _never("std var", "standardise", "the deviation is one", _names("symmetrise")),
    _never("l2 square", "standardise", "the deviation is one", _KEEPS_NORM),
    _never("l2 square", "l2_normalise row_normalise", "the norm is known", _KEEPS_NORM),
    _never("l2_normalise", "centre", "the mean is zero and the norm one"),
    _never("std var", "l2_normalise row_normalise", "next to the norm, which is known"),
    _never("sqrt", "softmax", "the norm is known"),
    _never("min max", "min_max", "the extremes are zero and one", _UNARY),
    _never("min max median", "sign clip tanh sigmoid", "the extremes are saturated", _UNARY),
    _never("min median", "relu softmax", "often zero throughout", _UNARY),
    # Saturated, or rounded away, unless the argument is of order one.
    _only(_SQUASHING, "standardise min_max", ENTRIES, "saturates unless normalised"),
    _only(_SQUASHING, "cosine pearson cka", _NUMBERS, "saturates"),
    _only(_names("clip"), "standardise", ENTRIES, "saturates, or does nothing"),
    _only(_names("softmax log_softmax"), "standardise min_max", _TENSORS, "uniform or one-hot"),
    _only(_names("kl kl_t4"), "standardise min_max", _TENSORS, "uniform or one-hot"),
    _never("square power", "square power exp", "leaves the range of float32", _names("abs")),
    _never("softmax log_softmax kl kl_t4", "softmax log_softmax", "nearly uniform"),
    _never("add sub l1_distance l2_distance smooth_l1", "softmax", "far smaller than the other"),
    # Signs say something only where both occur, and little more than that.
    _only(_names("sign fraction_positive relu"), "leaf standardise", ENTRIES, "known sign"),
    Rule(
        _UNARY | _names("l1 l2 std var entropy min_max standardise l2_normalise"),
        "a sign carries one bit",
        heads=_names("sign"),
    ),
    # Without effect: another formula says the same, shorter.
    Rule(_EVEN, "the sign does not matter", heads=_names("neg abs")),
    Rule(_names("abs"), "already non-negative", heads=_NONNEGATIVE),
    _never("neg", "neg sub", "undone"),
    _never("add sub", "neg", "that is sub or add"),
    _never("sqrt", "square", "undone"),
    _never("square", "sqrt", "undone"),
    _never("log", "exp log softmax", "undone, or a logarithm of a logarithm"),
    _never("exp", "log log_softmax", "undone"),
    _never("reciprocal", "reciprocal div", "undone"),
    _never(
        "standardise min_max l2_normalise row_normalise",
        "standardise min_max l2_normalise row_normalise softmax log_softmax",
        "normalised twice",
        _UNARY | _names("add sub mul div symmetrise centre"),
    ),
    _never("std var standardise min_max", "log_softmax", "as without it"),
    _never("centre cka", "centre", "redone"),
    _only(_names("symmetrise"), "row_normalise", frozenset({Kind.GRAM}), "already symmetric"),
)

MUST_VARY: Mapping[str, frozenset[Kind]] = {
    "max_of": _NUMBERS,
    "min_of": _NUMBERS,
    "add": ENTRIES | _NUMBERS,
    "sub": _NUMBERS,
    "power": _NUMBERS,
}
"""Primitives, and kinds of their arguments, with which nothing that is the same for all
architectures is combined: it would be picked, or add a constant, or drown the other."""

OVER_TEACHERS = tuple(p.name for p in PRIMITIVES if p.form is Form.OVER_TEACHERS)
"""Primitives that reduce a set of teachers."""

_SIGNED = frozenset({Kind.ELEMENTS, Kind.LOGITS})

GROWN_KINDS: Mapping[str, frozenset[Kind]] = {
    **dict.fromkeys(("sign", "fraction_positive", "relu"), _SIGNED),
    # Rectified features are zero at least half of the time.
    **dict.fromkeys(("min", "median"), frozenset({Kind.SPECTRUM, Kind.LOGITS})),
    "clip": ENTRIES,
    "neg": _NUMBERS,
    # Quotients of entries are ruled by the smallest divisor, often rounding noise.
    **dict.fromkeys(("reciprocal", "power", "max_of", "min_of"), _NUMBERS),
    "div": _NUMBERS | {Kind.ELEMENTS},
    # Two stages always correlate perfectly.
    "pearson": ENTRIES,
}
"""Kinds on which a primitive is generated, where that is less than it accepts."""

WEIGHTS: Mapping[str, float] = {
    "layers_mean": 4.0,
    "layers_sum": 4.0,
    "layers_last": 1.5,
    # The first layer is often the stem, the same in every architecture.
    "layers_first": 0.2,
    "layers_max": 0.7,
    "layers_min": 0.7,
    "log": 3.0,
    "abs": 2.0,
    "square": 2.0,
    "sqrt": 2.0,
    "neg": 0.7,
    "cbrt": 0.3,
    "sign": 0.5,
    "clip": 0.3,
    "reciprocal": 0.5,
    "add": 3.0,
    "mul": 3.0,
    "sub": 2.0,
    "power": 0.1,
    "max_of": 0.3,
    "min_of": 0.3,
    "sum": 2.0,
    "mean": 2.0,
    "l1": 2.0,
    "l2": 3.0,
    "std": 1.5,
    "min": 0.4,
    "max": 0.7,
    "median": 0.4,
    "fraction_positive": 0.5,
    "condition": 0.5,
    "bures": 0.4,
    "symmetrise": 0.3,
    # Of one teacher they say nothing; a search with several asks for them.
    **dict.fromkeys(OVER_TEACHERS, 0.0),
    # It changes no order; sums use it to bring formulas of any range to one scale.
    "asinh": 0.0,
}
"""How often a primitive is chosen among those of its form; 1 if not listed, never if 0."""


def rules_below(
    primitive: str, inherited: frozenset[int], rules: Sequence[Rule] = RULES
) -> frozenset[int]:
    """Numbers of the rules in force for the arguments of ``primitive``.

    Args:
        primitive: The name of the parent.
        inherited: Numbers of the rules in force where the parent stands.
        rules: All rules.
    """
    return frozenset(
        number
        for number, rule in enumerate(rules)
        if primitive in rule.above or (number in inherited and primitive in rule.through)
    )


_ADDITIVE = frozenset({"add", "sub"})
_SAME_SCALE = _ADDITIVE | {"l1_distance", "l2_distance", "smooth_l1"}
_NORMALISING = frozenset(
    {"standardise", "min_max", "l2_normalise", "row_normalise", "softmax", "log_softmax"}
)
_RESCALING = frozenset({"log", "sign"})


def worth_combining(primitive: Primitive, kind: Kind, args: tuple[Expression, ...]) -> bool:
    """Whether ``primitive`` of arguments of ``kind`` is more than it seems to be.

    Not worth it are: equal arguments, or x and |x|; sums in which a term is cancelled or
    doubled; entries of one and the same statistic, or any two values between which a distance
    is taken, if one is but a transform of the other; sums and distances of a normalised and a
    raw tensor, of which the larger drowns the smaller.
    """
    if len(args) < 2:
        return True
    first, second = args
    if _unsigned(first) == _unsigned(second):
        return False
    if primitive.name in _ADDITIVE and _terms(first) & _terms(second):
        return False
    if primitive.form is not Form.ELEMENTWISE and _nested(first.leaves, second.leaves):
        return False
    if kind in ENTRIES:
        one_scale = _normalised(first) == _normalised(second)
        mixable = one_scale or primitive.name not in _SAME_SCALE
        return mixable and first.leaves != second.leaves
    return True


def _nested(first: frozenset[str], second: frozenset[str]) -> bool:
    return first <= second or second <= first


def _unsigned(expression: Expression) -> Expression:
    while expression.args and expression.name in ("abs", "neg"):
        expression = expression.args[0]
    return expression


def _terms(expression: Expression) -> frozenset[Expression]:
    """What is added up, signs and magnitudes aside."""
    plain = _unsigned(expression)
    if plain.args and plain.name in _ADDITIVE:
        return frozenset[Expression]().union(*map(_terms, plain.args))
    return frozenset({plain})


def _normalised(expression: Expression) -> bool:
    """Whether entries are of a scale set by a normalisation."""
    if not expression.args:
        return False
    if expression.name in _NORMALISING or expression.name in _RESCALING:
        return True
    return any(map(_normalised, expression.args))
