"""Growing: always well typed, within limits, without dead ends, and nearly always informative."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from expression_samples import FIXED, TYPES
from hypothesis import given, settings
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed
from autodas.core.values import SCALAR, Kind, Type
from autodas.expressions import (
    Call,
    Evaluator,
    Grammar,
    Leaf,
    Symbol,
    grow,
    observed_rules,
    parse,
    type_of,
    walk,
)
from autodas.expressions.grammar_rules import GROWN_KINDS, MUST_VARY, RULES, WEIGHTS
from autodas.primitives import PRIMITIVES

SEEDS = st.integers(0, 2**32)


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS, max_size=st.integers(2, 40), max_depth=st.integers(2, 14))
def test_grown_expressions_are_well_typed_sensible_and_within_limits(
    grammar, seed, max_size, max_depth
):
    expression = grow(grammar, np.random.default_rng(seed), max_size=max_size, max_depth=max_depth)
    assert type_of(expression, TYPES) == SCALAR
    assert grammar.objection(expression) == ""
    assert expression.size <= max_size
    assert expression.depth <= max_depth


def test_growing_is_reproducible_and_varied(grammar):
    def batch(seed):
        rng = np.random.default_rng(seed)
        return [grow(grammar, rng) for _ in range(300)]

    first = batch(0)
    assert first == batch(0)
    assert len(set(first)) > 250
    sizes = [expression.size for expression in first]
    assert 6 <= np.median(sizes) <= 12
    assert np.mean([3 <= size <= 20 for size in sizes]) > 0.9


def test_everything_occurs(grammar):
    rng = np.random.default_rng(1)
    names = {node.name for _ in range(6000) for _, node in walk(grow(grammar, rng))}
    assert set(TYPES) <= names
    never = {p.name for p in PRIMITIVES if not WEIGHTS.get(p.name, 1.0)}
    over_teachers = {"mean", "max", "min", "std", "weighted"}
    assert never == {"asinh"} | {f"teachers_{name}" for name in over_teachers}
    assert {p.name for p in PRIMITIVES} - never <= names
    assert not never & names


def test_at_least_99_percent_evaluate_to_finite_and_varying_scores(grammar, columns):
    rng = np.random.default_rng(2)
    evaluator = Evaluator(columns)
    expressions = [grow(grammar, rng) for _ in range(2000)]
    failures = [
        (result.reason, str(expression))
        for expression in expressions
        if isinstance(result := evaluator.evaluate(expression), Failed)
    ]
    assert len(failures) <= 0.01 * len(expressions), failures[:10]


def test_types_that_lead_nowhere_are_dropped():
    # Nothing but matrices of one network: no vector over anything, yet a scalar through mean.
    grammar = Grammar({"logits": TYPES["logits"], "cka": TYPES["cka"]})
    assert set(map(str, grammar.types)) == {"logits", "scalar", "vector[stage]"}
    assert grammar.min_depth(grammar.start) == 2
    assert grammar.min_size(grammar.start) == 2
    assert grammar.min_size(Symbol(TYPES["weight"])) > 10**5


def test_minimum_depth_follows_the_types():
    grammar = Grammar({"sample_gram": TYPES["sample_gram"]})
    assert grammar.min_depth(Symbol(TYPES["sample_gram"])) == 1
    assert grammar.min_depth(Symbol(Type(Kind.SPECTRUM, "stage", "sample"))) == 2
    assert grammar.min_depth(Symbol(Type(Kind.VECTOR, "stage"))) == 2
    assert grammar.min_depth(grammar.start) == 3
    assert grammar.min_size(grammar.start, 2) > 10**5
    # Limits that allow nothing: the smallest that exists.
    small = grow(grammar, np.random.default_rng(0), max_size=1, max_depth=1)
    assert (small.size, small.depth) == (3, 3)


@pytest.mark.parametrize("leaves", [{}, {"x": Type(Kind.VECTOR, "")}])
def test_statistics_without_a_scalar(leaves):
    if not leaves:
        with pytest.raises(InvalidInput, match=r"no scalar can be made .* \(none\)"):
            Grammar(leaves)
    else:
        assert grow(Grammar(leaves), np.random.default_rng(0)).leaves == {"x"}


def test_only_fixed_statistics_make_no_score():
    leaves = {"teacher_logits": TYPES["teacher_logits"]}
    with pytest.raises(InvalidInput, match="no scalar can be made from the statistics teacher_log"):
        Grammar(leaves, fixed={"teacher_logits"})


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS)
def test_no_part_that_is_a_number_is_a_dummy_constant(grammar, seed):
    expression = grow(grammar, np.random.default_rng(seed))
    for _, node in walk(expression):
        if type_of(node, TYPES) == SCALAR:
            assert not node.leaves <= FIXED


def test_one_statistic_suffices():
    grammar = Grammar({"x": SCALAR})
    rng = np.random.default_rng(0)
    for _ in range(50):
        assert type_of(grow(grammar, rng, max_size=8), {"x": SCALAR}) == SCALAR


@pytest.mark.parametrize(
    "text",
    [
        "layers_mean(log(l2(weight_grad)))",
        "neg(kl_t4(logits, teacher_logits))",
        "layers_sum(l1_distance(sample_gram, teacher_sample_gram))",
        "add(layers_last(cka), layers_mean(effective_rank(channel_gram)))",
        "layers_sum(l1(mul(weight, weight_grad)))",
        "layers_mean(l2(sigmoid(standardise(feature))))",
        "layers_mean(l2(sub(sample_gram, teacher_sample_gram)))",
    ],
)
def test_sensible_formulas_raise_no_objection(grammar, text):
    assert grammar.objection(parse(text)) == ""


@pytest.mark.parametrize(
    ("text", "objection"),
    [
        ("layers_mean(sum(softmax(standardise(weight))))", "sum of a softmax|softmax sums to one"),
        ("layers_mean(mean(standardise(weight)))", "mean is zero"),
        ("layers_mean(l2(l2_normalise(weight)))", "norm is known"),
        ("layers_mean(l2(abs(l2_normalise(weight))))", "sign does not matter"),
        ("layers_mean(max(log(min_max(weight))))", "extremes are zero and one"),
        ("layers_mean(mean(tanh(weight)))", "saturates"),
        ("layers_mean(entropy(softmax(weight)))", "uniform or one-hot"),
        ("layers_mean(abs(l2(weight)))", "already non-negative"),
        ("layers_mean(sign(l2(weight)))", "sign of a vector is not grown"),
        ("sub(layers_mean(cka), layers_mean(cka))", "say the same"),
        ("layers_mean(max_of(cka, neg(cka)))", "say the same"),
        ("layers_mean(cosine(weight, abs(weight)))", "say the same"),
        ("layers_mean(l2(sub(weight, sub(weight, weight_grad))))", "say the same"),
        ("mean(teacher_logits)", "the same for all architectures"),
        ("add(mean(logits), mean(teacher_logits))", "the same for all architectures"),
        ("layers_mean(trace(teacher_sample_gram))", "the same for all architectures"),
        ("layers_mean(max_of(cka, l2(teacher_sample_gram)))", "the same for all architectures"),
        ("layers_mean(add(cka, l2(teacher_sample_gram)))", "the same for all architectures"),
        ("layers_mean(l2(add(sample_gram, teacher_sample_gram)))", "the same for all"),
        ("layers_mean(var(l2_normalise(sample_gram)))", "norm, which is known"),
        ("l2(weight)", "not a scalar but a vector"),
    ],
)
def test_objections_name_what_is_wrong(grammar, text, objection):
    assert any(part in grammar.objection(parse(text)) for part in objection.split("|"))


def test_tables_name_existing_primitives():
    names = set(PRIMITIVES.names()) | {""}
    for rule in RULES:
        assert rule.above | rule.heads | rule.only | rule.through <= names, rule.why
        assert rule.why
        assert bool(rule.heads) != bool(rule.only)
    assert set(GROWN_KINDS) | set(WEIGHTS) | set(MUST_VARY) <= names
    for name, kinds in [*GROWN_KINDS.items(), *MUST_VARY.items()]:
        assert kinds <= PRIMITIVES.get(name).kinds


def test_rules_observed_on_the_columns_keep_what_is_constant_out(columns):
    # A statistic normalised by whoever measured it: rows of unit sum.
    share = np.abs(columns["sample_gram"].data) + 1
    column = dataclasses.replace(columns["sample_gram"], data=share)
    flat = [b / b.sum(axis=(1, 2), keepdims=True) for _, b in column.blocks()]
    column = dataclasses.replace(column, data=np.concatenate([b.reshape(-1) for b in flat]))
    evaluator = Evaluator({"attention": column, "cka": columns["cka"]})
    leaves = {"attention": column.type, "cka": TYPES["cka"]}
    rules = observed_rules([evaluator], leaves)
    assert {rule.statistics for rule in rules} == {frozenset({"attention"})}
    assert [rule.above for rule in rules] == [
        {"sum", "mean", "l1", "fraction_positive"},
        {"fraction_positive"},  # constant also of the square
    ]
    assert observed_rules([evaluator], leaves, fixed={"attention"}) == ()
    grammar = Grammar(leaves, rules=(*RULES, *rules))
    for text in ("layers_mean(sum(attention))", "layers_mean(sum(abs(attention)))"):
        assert "attention is the same for all" in grammar.objection(parse(text))
    assert not grammar.objection(parse("layers_mean(sum(log(attention)))"))
    rng = np.random.default_rng(0)
    texts = [str(grow(grammar, rng)) for _ in range(500)]
    assert not any(f"{name}(attention)" in t for t in texts for name in ("sum", "mean"))
    assert any("l2(attention)" in text for text in texts)


def test_weights_steer_and_zero_forbids(grammar):
    steered = Grammar(TYPES, fixed=FIXED, weights={"weight": 0.0, "layers_mean": 100.0})
    rng = np.random.default_rng(0)
    nodes = [node for _ in range(300) for _, node in walk(grow(steered, rng))]
    names = [node.name for node in nodes]
    assert "weight" not in names
    assert names.count("layers_mean") > 5 * names.count("layers_sum")


def test_symbols_of_places(grammar):
    expression = parse("layers_mean(l2_distance(sample_gram, teacher_sample_gram))")
    student = grammar.symbol_at(expression, (0, 0))
    teacher = grammar.symbol_at(expression, (0, 1))
    assert student.type == teacher.type == TYPES["sample_gram"]
    assert student.varies
    assert not teacher.varies
    assert grammar.symbol_at(expression, ()) == grammar.start
    offered = {p.name for p in grammar.productions(student) if p.form is None}
    assert offered == {"sample_gram"}


def test_a_call_is_not_a_leaf():
    assert Call("f", (Leaf("x"),)) != Leaf("f")
    assert Leaf("f") != Call("f", (Leaf("x"),))
    assert Call("f", (Leaf("x"),)) != "f(x)"
