"""Shortcuts of lifting change nothing: small parts, shared eigenvalues, repeated matrices."""

from __future__ import annotations

import numpy as np
import pytest
from primitive_samples import TYPES, sample

from autodas.core.values import Column, Kind, Layout, Type
from autodas.primitives import PRIMITIVES, Form, Primitive, apply, distances, lift, matrices
from autodas.primitives.lift import LayoutMismatch

CASES = [
    pytest.param(primitive, kind, id=f"{primitive.name}-{kind}")
    for primitive in PRIMITIVES
    for kind in Kind
    if kind in primitive.kinds and primitive.form is not Form.ELEMENTWISE
]


@pytest.mark.parametrize(("primitive", "kind"), CASES)
def test_small_parts_give_what_the_whole_gives(primitive, kind, monkeypatch):
    stretch = 2.0 if kind is Kind.ELEMENTS else 1.0
    args = tuple(sample(kind, seed, stretch=stretch) for seed in range(primitive.arity))
    whole = apply(primitive, args)
    monkeypatch.setattr(lift, "_PART", 4)  # a segment at a time
    np.testing.assert_allclose(apply(primitive, args).data, whole.data, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("primitive", [p for p in PRIMITIVES if p.after], ids=lambda p: p.name)
def test_the_costly_half_is_computed_once_for_each_column(primitive, monkeypatch):
    calls = []
    first, second = sample(Kind.GRAM, 0), sample(Kind.GRAM, 1)
    original = np.linalg.eigvalsh
    monkeypatch.setattr(np.linalg, "eigvalsh", lambda g: calls.append(len(g)) or original(g))
    want = apply(primitive, (first,)).data
    assert len(calls) == len(first.layout.groups)
    np.testing.assert_array_equal(apply(primitive, (first,)).data, want)
    assert len(calls) == len(first.layout.groups)
    assert not np.array_equal(apply(primitive, (second,)).data, want)
    for group, block in first.blocks():
        if apply(primitive, (first,)).type.kind is Kind.VECTOR:
            np.testing.assert_allclose(primitive.function(block), want[group.segments])


def test_repeated_matrices_are_seen_once_and_answered_in_place():
    seen = []

    @matrices.once_each
    def count(g):
        seen.append(len(g))
        return g.sum(axis=2)

    rng = np.random.default_rng(0)
    two = rng.standard_normal((2, 3, 3))
    repeated = two[[1, 0, 0, 1, 1, 0]]
    np.testing.assert_array_equal(count(repeated), repeated.sum(axis=2))
    assert seen == [2]
    different = rng.standard_normal((6, 3, 3))
    np.testing.assert_array_equal(count(different), different.sum(axis=2))
    assert seen == [2, 6]
    # Equal diagonals do not make equal matrices.
    alike = repeated.copy()
    alike[:, 0, 1] = np.arange(6)
    np.testing.assert_array_equal(count(alike), alike.sum(axis=2))


@pytest.mark.parametrize(("part", "rows"), [(1, [1] * 7), (12, [3, 3, 1]), (28, [7]), (99, [7])])
def test_functions_see_as_many_segments_at_once_as_a_part_has_room_for(part, rows, monkeypatch):
    seen = []

    def first(x, *, weight):
        seen.append((len(x), len(weight)))
        return x[:, 0] * weight

    layout = Layout.of_segments([[(4,)] * 7], [[8.0] * 7])
    column = Column(TYPES[Kind.ELEMENTS], np.arange(28.0, dtype=np.float32), layout)
    made = Primitive("first", Form.REDUCTION, 1, first, frozenset(Kind), weighted=True)
    monkeypatch.setattr(lift, "_PART", part)
    np.testing.assert_array_equal(apply(made, (column,)).data, 8.0 * np.arange(7))
    assert seen == [(n, n) for n in rows]


@pytest.mark.parametrize(("name", "seen"), [("nuclear_norm", [1]), ("bures", [1, 4])])
def test_the_matrices_of_a_teacher_are_taken_apart_once(name, seen, monkeypatch):
    """They are the same beside each architecture; those of students are not."""
    layout = Layout.of_segments([[(3, 3)]] * 4, [[9.0]] * 4)
    students = sample(Kind.GRAM, 0, layout=layout)
    teacher = Column(students.type, np.tile(students.data[:9], 4), layout)
    taken = "cholesky" if name == "bures" else "eigvalsh"
    calls, original = [], getattr(np.linalg, taken)
    monkeypatch.setattr(np.linalg, taken, lambda g: calls.append(len(g)) or original(g))
    primitive = PRIMITIVES.get(name)
    apply(primitive, (teacher, students)[: primitive.arity])
    assert calls == seen


def test_what_sees_equal_matrices_once_is_documented_as_what_it_is():
    assert matrices.eigenvalues.__name__ == "eigenvalues"
    assert "largest first" in matrices.eigenvalues.__doc__


def test_the_root_of_a_matrix_is_the_same_to_the_last_bit_beside_any_other():
    """One that is not positive definite is taken apart in another way."""
    definite = np.array([[4.0, 1.0], [1.0, 3.0]])
    both = np.stack([definite, np.diag([1.0, -1.0])])
    for pair, place in ((both, 0), (both[::-1], 1)):
        np.testing.assert_array_equal(
            distances._root(pair)[place], distances._root(definite[None])[0]
        )


EMPTY_OR_NOT = {
    Kind.ELEMENTS: [(0,), (1,), (2,)],
    Kind.GRAM: [(0, 0), (1, 1), (2, 2)],
}


@pytest.mark.parametrize(
    ("primitive", "kind"),
    [
        pytest.param(primitive, kind, id=f"{primitive.name}-{kind}")
        for primitive in PRIMITIVES
        for kind in EMPTY_OR_NOT
        if kind in primitive.kinds
    ],
)
def test_segments_without_entries_have_no_number_and_disturb_no_other(primitive, kind):
    shapes = EMPTY_OR_NOT[kind]
    mixed, whole = (
        Layout.of_segments([mine], [[float(np.prod(shape)) for shape in mine]])
        for mine in (shapes, shapes[1:])
    )
    data = np.array([2.0, 3.0, 1.0, 1.0, 4.0], dtype=np.float32)[: whole.size]
    args, others = (
        (Column(TYPES[kind], data, layout), Column(TYPES[kind], data[::-1].copy(), layout))
        for layout in (mixed, whole)
    )
    found = apply(primitive, args[: primitive.arity])
    want = apply(primitive, others[: primitive.arity])
    if found.type.kind is Kind.VECTOR:
        assert np.isnan(found.data[0])
        np.testing.assert_allclose(found.data[1:], want.data)
    else:
        np.testing.assert_allclose(found.data, want.data)


def test_a_segment_of_one_entry_is_mapped_like_any_other():
    layout = Layout.of_segments([[(1,), (2,)]], [[1.0, 2.0]])
    column = Column(TYPES[Kind.ELEMENTS], np.array([7.0, 0.0, 0.0], np.float32), layout)
    np.testing.assert_allclose(apply(PRIMITIVES.get("softmax"), (column,)).data, [1.0, 0.5, 0.5])


def test_entries_of_two_precisions_become_those_of_the_finer_in_either_order():
    layout = Layout.of_segments([[(2,)]], [[2.0]])
    fine = Column(TYPES[Kind.ELEMENTS], np.array([1e-9, 0.1]), layout)
    coarse = Column(TYPES[Kind.ELEMENTS], np.array([1.0, 2.0], np.float32), layout)
    for args in ((fine, coarse), (coarse, fine)):
        found = apply(PRIMITIVES.get("add"), args).data
        np.testing.assert_array_equal(found, np.array([1 + 1e-9, 2.1]))


def test_entries_stay_in_their_precision_if_a_function_widens_them():
    layout = Layout.of_segments([[(2,)]], [[2.0]])
    column = Column(TYPES[Kind.ELEMENTS], np.array([1.0, 2.0], np.float32), layout)
    made = Primitive(
        "wide", Form.ELEMENTWISE, 1, lambda x: x.astype(np.float64) / 3, frozenset(Kind)
    )
    found = apply(made, (column,)).data
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, column.data / 3, rtol=1e-6)


@pytest.mark.parametrize("name", ["add", "cosine"])
def test_columns_of_many_architectures_correspond_if_they_are_as_many(name):
    kind = TYPES[Kind.VECTOR] if name == "cosine" else TYPES[Kind.SCALAR]
    args = []
    for _ in range(2):  # two layouts, as of two files
        layout = Layout.of_segments([[()]] * 1000, [[1.0]] * 1000)
        args.append(Column(kind, np.ones(1000), layout))
    assert apply(PRIMITIVES.get(name), tuple(args)).data.shape == (1000,)


def test_columns_of_different_numbers_of_architectures_do_not_correspond():
    """The last architecture may have no layer at all: owners alone do not tell."""
    one = Layout.of_segments([[(2,)]], [[2.0]])
    two = Layout.of_segments([[(2,)], []], [[2.0], []])
    kind = Type(Kind.VECTOR, "layer")
    first, second = (Column(kind, np.ones(1), layout) for layout in (one, two))
    for args in ((first, second), (second, first)):
        with pytest.raises(LayoutMismatch, match="do not correspond"):
            apply(PRIMITIVES.get("cosine"), args)
