"""Shortcuts of lifting change nothing: small parts, shared eigenvalues, repeated matrices."""

from __future__ import annotations

import numpy as np
import pytest
from primitive_samples import sample

from autodas.core.values import Column, Kind, Layout, Type
from autodas.primitives import PRIMITIVES, Form, apply, lift, matrices
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


def test_a_segment_without_entries_has_no_number():
    layout = Layout.of_segments([[(0,), (2,)]], [[0.0, 2.0]])
    column = Column(Type(Kind.ELEMENTS, "layer", "weight"), np.ones(2, np.float32), layout)
    assert np.isnan(apply(PRIMITIVES.get("max"), (column,)).data[0])
    assert apply(PRIMITIVES.get("standardise"), (column,)).data.shape == (2,)


def test_columns_of_different_numbers_of_architectures_do_not_correspond():
    """The last architecture may have no layer at all: owners alone do not tell."""
    one = Layout.of_segments([[(2,)]], [[2.0]])
    two = Layout.of_segments([[(2,)], []], [[2.0], []])
    kind = Type(Kind.VECTOR, "layer")
    first, second = (Column(kind, np.ones(1), layout) for layout in (one, two))
    for args in ((first, second), (second, first)):
        with pytest.raises(LayoutMismatch, match="do not correspond"):
            apply(PRIMITIVES.get("cosine"), args)
