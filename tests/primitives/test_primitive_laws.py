"""What all primitives promise: total, typed, deterministic, sketch-aware, free of side effects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from primitive_samples import LAYERS, TYPES, layout_of, sample

from autodas.core.errors import InvalidInput
from autodas.core.values import SCALAR, Column, Kind, Layout, Type
from autodas.primitives import ENTRIES, LIMIT, PRIMITIVES, Form, LayoutMismatch, apply

CASES = [
    pytest.param(primitive, kind, id=f"{primitive.name}-{kind}")
    for primitive in PRIMITIVES
    for kind in Kind
    if kind in primitive.kinds
]
AWKWARD = st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, 1e30, -1e30, 1e-30, -1e-30, 1e-44, -1e-44, 0.5, -3.7, 1e15, -1e8]
)


def awkward(kind: Kind, data: st.DataObject) -> Column:
    layout = layout_of(kind, stretch=3.0 if kind is Kind.ELEMENTS else 1.0)
    size = {Kind.VECTOR: layout.segments, Kind.SCALAR: 3}.get(kind, layout.size)
    precision = np.float32 if kind in ENTRIES else np.float64
    fill = data.draw(AWKWARD)
    values = data.draw(hnp.arrays(np.float64, size, elements=AWKWARD, fill=st.just(fill)))
    return Column(TYPES[kind], values.astype(precision), layout)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("primitive", "kind"), CASES)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_total_typed_deterministic_and_without_side_effects(primitive, kind, data):
    args = tuple(awkward(kind, data) for _ in range(primitive.arity))
    before = [arg.data.copy() for arg in args]
    result = apply(primitive, args)
    assert result.type == primitive.result_type(tuple(arg.type for arg in args))
    assert result.data.dtype == (np.float32 if result.type.kind in ENTRIES else np.float64)
    assert np.all(np.abs(result.data) <= LIMIT * 1.001)  # also false for NaN
    for arg, old in zip(args, before, strict=True):
        np.testing.assert_array_equal(arg.data, old)
    np.testing.assert_array_equal(apply(primitive, args).data, result.data)
    if primitive.commutative:
        np.testing.assert_array_equal(apply(primitive, args[::-1]).data, result.data)


SKETCHED = [p for p in PRIMITIVES if Kind.ELEMENTS in p.kinds]


@pytest.mark.parametrize("primitive", SKETCHED, ids=lambda p: p.name)
def test_a_sketch_gives_what_the_whole_tensor_gives(primitive):
    """Each stored entry stands for three; the whole tensor has each of them three times."""
    whole_layout = Layout.of_segments([[(18,), (12,)]], [[18.0, 12.0]])
    sketch_layout = Layout.of_segments([[(6,), (4,)]], [[18.0, 12.0]])
    wholes, sketches = [], []
    for seed in range(primitive.arity):
        parts = [np.random.default_rng([seed, n]).standard_normal(n) for n in (6, 4)]
        kind = TYPES[Kind.ELEMENTS]
        sketches.append(Column.of_arrays(kind, sketch_layout, parts))
        wholes.append(Column.of_arrays(kind, whole_layout, [np.tile(p, 3) for p in parts]))
    got, want = apply(primitive, tuple(sketches)), apply(primitive, tuple(wholes))
    if got.type.kind is Kind.ELEMENTS:  # the entries of the sketch, three times over
        pairs = zip(got.blocks(), want.blocks(), strict=True)
        for (_, small), (_, large) in pairs:
            np.testing.assert_allclose(np.tile(small, 3), large, rtol=1e-4, atol=1e-6)
    else:
        np.testing.assert_allclose(got.data, want.data, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("primitive", "kind"), CASES)
def test_an_architecture_scores_alone_as_it_does_in_company(primitive, kind):
    args = tuple(sample(kind, seed) for seed in range(primitive.arity))
    together = apply(primitive, args)
    for architecture in range(3):
        alone = apply(primitive, tuple(only(arg, architecture) for arg in args))
        expected = only(together, architecture)
        np.testing.assert_allclose(alone.data, expected.data, rtol=1e-5, atol=1e-6)


def only(column: Column, architecture: int) -> Column:
    layout = column.layout
    keep = layout.owner == architecture
    shapes = [shape for shape, mine in zip(layout.shapes, keep, strict=True) if mine]
    alone = Layout.of_segments([shapes], [list(layout.counts[keep])])
    if column.type.kind is Kind.SCALAR:
        return Column(column.type, column.data[architecture : architecture + 1], alone)
    if column.type.kind is Kind.VECTOR:
        return Column(column.type, column.data[keep], alone)
    pieces: dict[int, np.ndarray] = {}
    for group, block in column.blocks():
        pieces.update(zip(group.segments.tolist(), block, strict=True))
    return Column.of_arrays(column.type, alone, [pieces[s] for s in np.flatnonzero(keep)])


@pytest.mark.parametrize("name", [p.name for p in PRIMITIVES if p.form is Form.AGGREGATION])
def test_an_architecture_without_layers_has_no_number(name):
    layout = Layout.of_segments([[()], [], [(), ()]], [[1.0], [], [1.0, 1.0]])
    column = Column(TYPES[Kind.VECTOR], np.array([1.0, 2.0, 3.0]), layout)
    result = apply(PRIMITIVES.get(name), (column,)).data
    assert np.isnan(result[1])
    assert np.isfinite(result[[0, 2]]).all()


def test_vectors_correspond_if_their_layers_do_whatever_they_came_from():
    from_grams = apply(PRIMITIVES.get("trace"), (sample(Kind.GRAM, 0),))
    plain = sample(Kind.VECTOR, 1)
    assert apply(PRIMITIVES.get("add"), (from_grams, plain)).type == TYPES[Kind.VECTOR]


@pytest.mark.parametrize("kind", [k for k in Kind if k is not Kind.SCALAR])
def test_segments_that_do_not_correspond_are_refused(kind):
    if kind is Kind.VECTOR:
        other = Layout.of_segments([[()] * n for n in LAYERS[::-1]], [[1.0] * n for n in LAYERS])
    else:
        mine = layout_of(kind)
        other = Layout(3, mine.owner, mine.shapes, mine.counts * 2)
    args = (sample(kind, 0), sample(kind, 1, layout=other))
    with pytest.raises(LayoutMismatch, match=r"^add: the segments of two \w+"):
        apply(PRIMITIVES.get("add"), args)


E, G, V = TYPES[Kind.ELEMENTS], TYPES[Kind.GRAM], TYPES[Kind.VECTOR]
LOGITS = TYPES[Kind.LOGITS]


@pytest.mark.parametrize(
    ("name", "types", "result"),
    [
        ("add", (E, E), E),
        ("log", (SCALAR,), SCALAR),
        ("softmax", (LOGITS,), LOGITS),
        ("l2", (E,), Type(Kind.VECTOR, "layer")),
        ("mean", (LOGITS,), SCALAR),
        ("centre", (G,), G),
        ("spectrum", (G,), Type(Kind.SPECTRUM, "stage", "sample")),
        ("trace", (G,), V),
        ("cka", (G, G), V),
        ("kl", (LOGITS, LOGITS), SCALAR),
        ("cosine", (V, V), SCALAR),
        ("layers_mean", (V,), SCALAR),
    ],
)
def test_result_types(name, types, result):
    assert PRIMITIVES.get(name).result_type(types) == result


@pytest.mark.parametrize(
    ("name", "types", "message"),
    [
        ("add", (E,), "add takes 2 arguments, got 1"),
        ("log", (E, E), "log takes 1 argument, got 2"),
        ("add", (E, G), "add needs two arguments of one type, got elements[layer/weight] and gram"),
        (
            "l2",
            (V,),
            "argument 1 of l2 is a vector[stage]; accepted: elements, spectrum",
        ),
        ("trace", (E,), "argument 1 of trace is a elements[layer/weight]; accepted: gram"),
        ("layers_mean", (SCALAR,), "argument 1 of layers_mean is a scalar; accepted: vector"),
        ("kl", (V, V), "argument 1 of kl is a vector[stage]"),
    ],
)
def test_type_errors_say_what_is_accepted(name, types, message):
    with pytest.raises(InvalidInput) as caught:
        PRIMITIVES.get(name).result_type(types)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_every_primitive_is_described():
    for primitive in PRIMITIVES:
        assert primitive.description.endswith("."), primitive.name
        assert primitive.latex, primitive.name
