"""Laws hold to the last bit; canonical forms keep value and type and recognise duplicates."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from expression_samples import TYPES
from hypothesis import given, settings
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput
from autodas.core.values import SCALAR, Column, Kind, Layout, Type
from autodas.expressions import (
    LAWS,
    Call,
    Evaluator,
    Leaf,
    canonical,
    grow,
    parse,
    simplify,
    type_of,
    walk,
)
from autodas.primitives import PRIMITIVES

KINDS = {
    "elements": Type(Kind.ELEMENTS, "stage", "feature"),
    "spectrum": Type(Kind.SPECTRUM, "stage", "sample"),
    "gram": Type(Kind.GRAM, "stage", "sample"),
    "logits": Type(Kind.LOGITS),
    "vector": Type(Kind.VECTOR, "stage"),
    "scalar": SCALAR,
}
SHAPES = {"elements": (7,), "spectrum": (4,), "gram": (4, 4), "logits": (3, 5)}


def columns(values) -> dict[str, Column]:
    """x and y of every kind for two architectures, from a function of (shape, seed)."""
    made = {}
    for number, (kind, type_) in enumerate(KINDS.items()):
        if kind in SHAPES:
            per = 1 if kind == "logits" else 2
            layout = Layout.of_segments([[SHAPES[kind]] * per] * 2, [[60.0] * per] * 2)
        else:
            layout = Layout.of_segments([[(), ()]] * 2, [[1.0, 1.0]] * 2)
        size = {"vector": 4, "scalar": 2}.get(kind, layout.size)
        precision = np.float32 if kind in SHAPES else np.float64
        for name in "xy":
            data = values(size, [number, ord(name)]).astype(precision)
            made[f"{name}_{kind}"] = Column(type_, data, layout)
    return made


def ordinary(size, seed):
    return np.random.default_rng(seed).standard_normal(size) * 3


def many_sizes(size, seed):
    rng = np.random.default_rng(seed)
    return np.sign(rng.standard_normal(size)) * 10.0 ** rng.uniform(-40, 29.9, size)


def with_zeros(size, seed):
    rng = np.random.default_rng(seed)
    return rng.choice([0.0, 0.0, 1.0, -1.0, 1e30, -1e30], size)


SETS = {f.__name__: columns(f) for f in (ordinary, many_sizes, with_zeros)}
LEAVES = {name: column.type for name, column in SETS["ordinary"].items()}


def instances(law):
    """The law with x and y replaced by statistics, for all types the left side accepts."""
    before, after = parse(law.before), parse(law.after)
    variables = sorted(before.leaves)
    found = []
    for kinds in itertools.product(KINDS, repeat=len(variables)):
        names = {v: Leaf(f"{v}_{k}") for v, k in zip(variables, kinds, strict=True)}
        left, right = filled(before, names), filled(after, names)
        try:
            type_of(left, LEAVES)
        except InvalidInput:
            continue
        found.append((left, right))
    return found


def filled(pattern, names):
    if isinstance(pattern, Leaf):
        return names[pattern.name]
    return Call(pattern.name, tuple(filled(arg, names) for arg in pattern.args))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.before)
def test_laws_keep_type_and_value_to_the_last_bit(law):
    pairs = instances(law)
    assert pairs
    for left, right in pairs:
        assert type_of(left, LEAVES) == type_of(right, LEAVES)
        for values in SETS.values():
            evaluator = Evaluator(values, 0)
            first, second = map(evaluator.evaluate_value, (left, right))
            np.testing.assert_array_equal(first.data, second.data, err_msg=f"{left} = {right}")


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.before)
def test_laws_are_used_and_shrink(law):
    before, after = parse(law.before), parse(law.after)
    assert after.size < before.size
    assert after.leaves <= before.leaves
    assert simplify(before) == simplify(after)
    assert canonical(before) == canonical(after)


def test_laws_are_distinct():
    assert len({law.before for law in LAWS}) == len(LAWS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abs(abs(abs(x)))", "abs(x)"),
        ("neg(neg(neg(x)))", "neg(x)"),
        ("log(abs(neg(x)))", "log(x)"),
        ("add(neg(x), y)", "sub(y, x)"),
        ("mul(reciprocal(x), y)", "div(y, x)"),
        ("trace(symmetrise(symmetrise(g)))", "trace(g)"),
        ("layers_mean(abs(l2(neg(w))))", "layers_mean(l2(w))"),
        ("sub(x, x)", "sub(x, x)"),
        ("sqrt(square(x))", "sqrt(square(x))"),
        ("log(exp(x))", "log(exp(x))"),
        ("add(b, a)", "add(b, a)"),
    ],
)
def test_simplify(text, expected):
    assert simplify(parse(text)) == parse(expected)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("add(a, b)", "add(b, a)", True),
        ("sub(a, b)", "sub(b, a)", False),
        ("mul(l2(a), add(c, b))", "mul(add(b, c), l2(a))", True),
        ("cka(a, b)", "cka(b, a)", True),
        ("kl(a, b)", "kl(b, a)", False),
        ("neg(sub(a, b))", "sub(b, a)", True),
        ("add(a, add(b, c))", "add(add(a, b), c)", False),  # rounding differs
    ],
)
def test_canonical_recognises_duplicates(first, second, same):
    assert (canonical(parse(first)) == canonical(parse(second))) is same


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_grown_expressions_keep_value_and_type(grammar, seed, columns_of_samples):
    rng = np.random.default_rng(seed)
    expression = decorate(grow(grammar, rng), rng)
    evaluator = Evaluator(columns_of_samples, 0)
    want = evaluator.evaluate_value(expression)
    for form in (simplify(expression), canonical(expression)):
        assert type_of(form, TYPES) == SCALAR
        assert form.size <= expression.size
        np.testing.assert_array_equal(evaluator.evaluate_value(form).data, want.data)
    assert canonical(canonical(expression)) == canonical(expression)
    assert simplify(simplify(expression)) == simplify(expression)
    assert canonical(simplify(expression)) == canonical(expression)


@pytest.fixture(scope="module")
def columns_of_samples(columns):
    return columns


def decorate(expression, rng):
    """Redundancies for the laws to find: swapped arguments, double negation, magnitudes."""
    if isinstance(expression, Leaf):
        return expression
    args = tuple(decorate(arg, rng) for arg in expression.args)
    if PRIMITIVES.get(expression.name).commutative and rng.random() < 0.5:
        args = args[::-1]
    made = Call(expression.name, args)
    draw = rng.random()
    if draw < 0.15:
        return Call("neg", (Call("neg", (made,)),))
    return Call("abs", (made,)) if draw < 0.3 else made


def test_simplifying_a_deep_graph_is_quick():
    expression = Leaf("x")
    for _ in range(8):
        expression = Call("add", (expression, expression))
    assert len(list(walk(canonical(expression)))) == 511
