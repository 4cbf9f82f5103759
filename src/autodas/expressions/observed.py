"""Rules learnt from the statistics at hand: what is the same for all of these architectures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from autodas.core.catalog import Catalog
from autodas.core.results import Failed
from autodas.core.values import SCALAR, Type
from autodas.expressions.evaluate import BY_ROUNDING, Evaluator
from autodas.expressions.grammar_rules import Rule
from autodas.expressions.node import Call, Expression, Leaf
from autodas.primitives import PRIMITIVES, Form, Primitive

__all__ = ["observed_rules"]

_TRIVIAL = frozenset({"abs", "symmetrise"})
_ELEMENTWISE = frozenset(
    name for name in PRIMITIVES.names() if PRIMITIVES.get(name).form is Form.ELEMENTWISE
)
_REDUCING = frozenset({Form.REDUCTION, Form.MATRIX_REDUCTION, Form.AGGREGATION})


def observed_rules(
    evaluators: Iterable[Evaluator],
    leaves: Mapping[str, Type],
    primitives: Catalog[Primitive] = PRIMITIVES,
    *,
    fixed: Collection[str] = (),
) -> tuple[Rule, ...]:
    """For each statistic, the reductions of it that do not tell architectures apart.

    An attention map may be normalised, a kernel may have a diagonal of ones, the last layer may
    always have as many outputs as there are classes. Each reduction of each statistic is tried
    once on each set of columns.

    Args:
        evaluators: One for each set of architectures the formulas will be used on.
        leaves: Types of the statistics to try.
        primitives: The primitives to try.
        fixed: Statistics not to try, since the grammar knows that they are constant.
    """
    plain: dict[str, set[str]] = defaultdict(set)
    always: dict[str, set[str]] = defaultdict(set)
    for evaluator in evaluators:
        for statistic, type_ in leaves.items():
            if statistic in fixed:
                continue
            for primitive in primitives:
                if primitive.form not in _REDUCING or type_.kind not in primitive.kinds:
                    continue
                leaf = Leaf(statistic)
                if _is_silent(evaluator, _score(primitive, leaf, type_)):
                    plain[statistic].add(primitive.name)
                    # Constant also when transformed, such as a trace of a diagonal of ones?
                    if _is_silent(evaluator, _score(primitive, Call("square", (leaf,)), type_)):
                        always[statistic].add(primitive.name)
    return (*_rules(plain, _TRIVIAL), *_rules(always, _ELEMENTWISE))


def _rules(silent: Mapping[str, set[str]], through: frozenset[str]) -> Iterator[Rule]:
    for statistic, names in silent.items():
        why = f"{statistic} is the same for all architectures in this respect"
        yield Rule(frozenset(names), why, through=through, statistics=frozenset({statistic}))


def _score(primitive: Primitive, value: Expression, type_: Type) -> Expression:
    """The plainest score made with ``primitive`` of a value."""
    plain = Call(primitive.name, (value,))
    return plain if primitive.result_type((type_,)) == SCALAR else Call("layers_mean", (plain,))


def _is_silent(evaluator: Evaluator, score: Expression) -> bool:
    result = evaluator.evaluate(score)
    return isinstance(result, Failed) and result.reason in {"constant score", BY_ROUNDING}
