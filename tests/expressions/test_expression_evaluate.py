"""Evaluation: values, reasons of failure, and independence of the memory bound."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from expression_samples import TYPES, build_columns

from autodas.core.errors import InvalidInput, UnknownName
from autodas.core.results import Failed, Ok
from autodas.core.values import SCALAR, Column, Kind, Layout, Type
from autodas.expressions import Evaluator, grow, is_constant, parse


def per_layer(column, architecture):
    """The segments of one architecture, with their true counts."""
    found = []
    for group, block in column.blocks():
        for segment, values in zip(group.segments, block, strict=True):
            if column.layout.owner[segment] == architecture:
                found.append((segment, values.astype(float), column.layout.counts[segment]))
    return [(values, count) for _, values, count in sorted(found, key=lambda item: item[0])]


def test_values_agree_with_a_loop_over_architectures_and_layers(columns):
    formula = "add(layers_mean(log(l2(mul(weight, weight_grad)))), layers_last(cka))"
    result = Evaluator(columns).evaluate(parse(formula))
    expected = []
    for a in range(16):
        pairs = zip(
            per_layer(columns["weight"], a), per_layer(columns["weight_grad"], a), strict=True
        )
        logs = [
            np.log(np.sqrt(np.sum((w * g) ** 2) * count / w.size)) for (w, count), (g, _) in pairs
        ]
        cka = columns["cka"].data[columns["cka"].layout.owner == a]
        expected.append(np.mean(logs) + cka[-1])
    np.testing.assert_allclose(result.value, expected, rtol=1e-5)


def test_interaction_of_student_and_teacher(columns):
    result = Evaluator(columns).evaluate(
        parse("layers_mean(cka(sample_gram, teacher_sample_gram))")
    )
    measured = Evaluator(columns).evaluate(parse("layers_mean(cka)"))
    np.testing.assert_allclose(result.value, measured.value, rtol=1e-4)


def test_scores_do_not_depend_on_the_memory_bound_or_the_order(columns, grammar):
    rng = np.random.default_rng(3)
    expressions = [grow(grammar, rng) for _ in range(60)]
    expressions += expressions[:20]
    results = []
    for bound in (0, 20_000, 1 << 28):
        evaluator = Evaluator(columns, bound)
        results.append([evaluator.evaluate(e) for e in expressions])
    backwards = Evaluator(columns, 1 << 28)
    results.append([backwards.evaluate(e) for e in reversed(expressions)][::-1])
    for other in results[1:]:
        for first, second in zip(results[0], other, strict=True):
            assert type(first) is type(second)
            if isinstance(first, Ok):
                np.testing.assert_array_equal(first.value, second.value)


def test_the_memo_keeps_its_bound_and_is_used(columns, monkeypatch):
    import autodas.expressions.evaluate as module

    calls = []
    original = module.apply
    monkeypatch.setattr(module, "apply", lambda p, a: calls.append(p.name) or original(p, a))
    evaluator = Evaluator(columns, 1 << 20)
    evaluator.evaluate(parse("layers_mean(l2(log(weight)))"))
    evaluator.evaluate(parse("layers_sum(l2(log(weight)))"))
    assert calls == ["log", "l2", "layers_mean", "layers_sum"]
    for number in range(1, 40):
        evaluator.evaluate_value(parse("sqrt(" * number + "weight" + ")" * number))
    held = evaluator._entries._held + evaluator._numbers._held
    assert held <= 1 << 20
    assert held == sum(
        c.nbytes + module._OVERHEAD
        for m in (evaluator._entries, evaluator._numbers)
        for c in m._columns.values()
    )


def test_results_belong_to_the_caller_and_values_are_read_only(columns):
    evaluator = Evaluator(columns)
    expression = parse("layers_mean(cka)")
    first = evaluator.evaluate(expression).value
    kept = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(evaluator.evaluate(expression).value, kept)
    with pytest.raises(ValueError, match="read-only"):
        evaluator.evaluate_value(parse("log(weight)")).data[0] = 1


def test_evaluate_value_shows_any_part(columns):
    column = Evaluator(columns).evaluate_value(parse("l2(weight)"))
    assert column.type == Type(Kind.VECTOR, "layer")
    assert column.data.shape == (columns["weight"].layout.segments,)


def broken(columns, name, architecture, value):
    column = columns[name]
    data = column.data.copy()
    for group, _ in column.blocks():
        for row, segment in enumerate(group.segments):
            if column.layout.owner[segment] == architecture:
                data[group.start + row * int(np.prod(group.shape))] = value
                return {**columns, name: dataclasses.replace(column, data=data)}
    raise AssertionError


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e32])
def test_a_statistic_without_finite_values_fails_with_its_name(columns, value):
    bad = broken(broken(columns, "weight_grad", 3, value), "weight_grad", 5, value)
    evaluator = Evaluator(bad)
    reason = "non-finite statistic weight_grad for 2 of 16 architectures"
    for _ in range(2):
        assert evaluator.evaluate(parse("layers_mean(l2(weight_grad))")) == Failed(reason)
    assert isinstance(evaluator.evaluate(parse("layers_mean(l2(weight))")), Ok)
    with pytest.raises(InvalidInput, match=reason):
        evaluator.evaluate_value(parse("l2(weight_grad)"))


@pytest.mark.parametrize("kind", [Kind.VECTOR, Kind.SCALAR])
def test_numbers_that_are_not_finite_fail_too(kind):
    layout = Layout.of_segments([[()], [()]], [[1.0], [1.0]])
    type_ = Type(Kind.VECTOR, "layer") if kind is Kind.VECTOR else SCALAR
    column = Column(type_, np.array([1.0, np.nan]), layout)
    text = "layers_mean(x)" if kind is Kind.VECTOR else "log(x)"
    assert Evaluator({"x": column}).evaluate(parse(text)) == Failed(
        "non-finite statistic x for 1 of 2 architectures"
    )


def test_missing_statistics_say_why(columns):
    evaluator = Evaluator({**columns, "hessian": Failed("the backend has no second derivatives")})
    result = evaluator.evaluate(parse("layers_mean(l2(hessian))"))
    assert result == Failed("missing statistic hessian: the backend has no second derivatives")
    assert evaluator.evaluate(parse("layers_mean(l2(other))")) == Failed(
        "missing statistic other: not measured"
    )


def test_architectures_without_layers_fail_with_their_number():
    layout = Layout.of_segments([[()], [], [(), ()]], [[1.0], [], [1.0, 1.0]])
    columns = {"depths": Column(Type(Kind.VECTOR, "attention"), np.arange(3.0), layout)}
    result = Evaluator(columns).evaluate(parse("layers_sum(depths)"))
    assert result == Failed("no layers to aggregate for 1 of 3 architectures")
    # Also where a protected operation would turn the missing number into one.
    result = Evaluator(columns).evaluate(parse("sign(layers_mean(depths))"))
    assert result == Failed("no layers to aggregate for 1 of 3 architectures")


def test_constant_scores(columns):
    evaluator = Evaluator(columns)
    constant = parse("sum(softmax(logits))")
    assert evaluator.evaluate(constant) == Failed("constant score")
    np.testing.assert_allclose(evaluator.evaluate(constant, allow_constant=True).value, 12, 1e-5)
    assert isinstance(Evaluator(build_columns(1)).evaluate(constant), Ok)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.0, 0.0], True),
        ([1.0, 1.0 + 1e-8], True),
        ([1.0, 1.0 + 1e-4], False),
        ([1e-30, 2e-30], False),
        ([-1e30, 1e30], False),
        ([0.0, 1e-300], False),
    ],
)
def test_constant_means_equal_up_to_rounding(scores, expected):
    assert is_constant(np.array(scores)) is expected


def test_layouts_that_do_not_correspond_are_a_reason(columns):
    other = build_columns(16, seed=5)
    result = Evaluator({**columns, "feature": other["feature"]}).evaluate(
        parse("layers_mean(cosine(feature, feature_grad))")
    )
    assert isinstance(result, Failed)
    assert "do not correspond" in result.reason


def test_mistakes_are_raised(columns):
    evaluator = Evaluator(columns)
    with pytest.raises(InvalidInput, match=r"a score must be a scalar, l2\(weight\) is a vector"):
        evaluator.evaluate(parse("l2(weight)"))
    with pytest.raises(InvalidInput, match="argument 1 of trace"):
        evaluator.evaluate(parse("trace(weight)"))
    with pytest.raises(UnknownName, match="did you mean 'log'"):
        evaluator.evaluate(parse("lag(cka)"))
    with pytest.raises(InvalidInput, match="different numbers of architectures"):
        Evaluator({**columns, "cka": build_columns(3)["cka"]})


def test_eigenvalues_that_do_not_converge_are_a_reason(columns, monkeypatch):
    import autodas.expressions.evaluate as module

    def fail(primitive, args):
        raise np.linalg.LinAlgError

    monkeypatch.setattr(module, "apply", fail)
    result = Evaluator(columns).evaluate(parse("layers_mean(nuclear_norm(sample_gram))"))
    assert result == Failed("nuclear_norm did not converge")


def test_samples_are_of_the_declared_types(columns):
    assert {name: column.type for name, column in columns.items()} == TYPES
