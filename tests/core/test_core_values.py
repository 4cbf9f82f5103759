"""Typed ragged columns: every entry lies where the layout says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput
from autodas.core.values import SCALAR, BesideEach, Column, Kind, Layout, Type, reduced

WEIGHT = Type(Kind.ELEMENTS, "layer", "weight")
SHAPES = st.lists(
    st.lists(
        st.tuples(st.integers(0, 4)) | st.tuples(st.integers(1, 3), st.integers(1, 3)), max_size=4
    ),
    max_size=5,
)


def layout_of(shapes: list[list[tuple[int, ...]]]) -> Layout:
    return Layout.of_segments(shapes, [[float(np.prod(s)) for s in mine] for mine in shapes])


def test_types_read_like_the_design() -> None:
    assert str(WEIGHT) == "elements[layer/weight]"
    assert str(Type(Kind.VECTOR, "stage")) == "vector[stage]"
    assert str(Type(Kind.LOGITS)) == "logits"
    assert str(SCALAR) == "scalar"


def test_reduction_leaves_one_number_per_segment() -> None:
    assert reduced(WEIGHT) == Type(Kind.VECTOR, "layer")
    assert reduced(Type(Kind.VECTOR, "layer")) == Type(Kind.VECTOR, "layer")
    assert reduced(Type(Kind.LOGITS)) == SCALAR


def test_types_are_sorted_and_hashable() -> None:
    types = [WEIGHT, SCALAR, Type(Kind.ELEMENTS, "layer", "feature")]
    assert sorted(types)[0].layout == "feature"
    assert len({*types, WEIGHT}) == 3


def test_a_layout_worked_by_hand() -> None:
    """Two architectures; segments of equal shape are neighbours in the buffer."""
    layout = layout_of([[(3,), (2,)], [(2,)]])
    assert layout.segments == 3
    assert layout.size == 7
    assert layout.owner.tolist() == [0, 0, 1]
    assert layout.offsets.tolist() == [0, 2, 3]
    assert [(g.start, g.stop, g.segments.tolist(), g.shape) for g in layout.groups] == [
        (0, 4, [1, 2], (2,)),
        (4, 7, [0], (3,)),
    ]
    segments = [np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0]), np.array([6.0, 7.0])]
    for kept, size in ((np.float32, 28), (np.float64, 56)):
        column = Column.of_arrays(WEIGHT, layout, [each.astype(kept) for each in segments])
        assert column.data.tolist() == [1, 2, 6, 7, 3, 4, 5]
        assert column.data.dtype == kept
        assert column.nbytes == size


@given(shapes=SHAPES)
def test_groups_tile_the_buffer(shapes: list[list[tuple[int, ...]]]) -> None:
    layout = layout_of(shapes)
    flat = [shape for mine in shapes for shape in mine]
    assert layout.segments == len(flat)
    assert layout.size == sum(int(np.prod(shape)) for shape in flat)
    position, seen = 0, []
    for group in layout.groups:
        assert group.start == position
        assert group.stop - group.start == len(group.segments) * int(np.prod(group.shape))
        assert all(flat[segment] == group.shape for segment in group.segments)
        position, seen = group.stop, [*seen, *group.segments.tolist()]
    assert position == layout.size
    assert sorted(seen) == list(range(len(flat)))
    assert len({group.shape for group in layout.groups}) == len(layout.groups)


@given(shapes=SHAPES)
def test_offsets_find_the_segments_of_an_architecture(
    shapes: list[list[tuple[int, ...]]],
) -> None:
    layout = layout_of(shapes)
    assert layout.offsets.shape == (len(shapes) + 1,)
    for architecture, mine in enumerate(shapes):
        first, last = layout.offsets[architecture : architecture + 2]
        assert layout.shapes[first:last] == tuple(mine)
        assert (layout.owner[first:last] == architecture).all()


@given(shapes=SHAPES, seed=st.integers(0, 99))
def test_blocks_give_every_segment_back(shapes: list[list[tuple[int, ...]]], seed: int) -> None:
    layout = layout_of(shapes)
    rng = np.random.default_rng(seed)
    arrays = [rng.random(shape, dtype=np.float32) for shape in layout.shapes]
    column = Column.of_arrays(WEIGHT, layout, arrays)
    found = {}
    for group, block in column.blocks():
        assert block.shape == (len(group.segments), *group.shape)
        assert block.size == 0 or np.shares_memory(block, column.data)
        found.update(zip(group.segments.tolist(), block, strict=True))
    assert all(np.array_equal(found[i], array) for i, array in enumerate(arrays))
    assert len(found) == len(arrays)


def test_fingerprints_tell_layouts_apart() -> None:
    base = layout_of([[(2,), (3,)], [(2,)]])
    same = layout_of([[(2,), (3,)], [(2,)]])
    others = [
        layout_of([[(2,)], [(3,), (2,)]]),
        layout_of([[(3,), (2,)], [(2,)]]),
        layout_of([[(2,), (3,)], [(2,)], []]),
        Layout.of_segments([[(2,), (3,)], [(2,)]], [[2, 30], [2]]),
    ]
    assert same.fingerprint == base.fingerprint
    assert len({layout.fingerprint for layout in (base, *others)}) == 5


def test_an_empty_layout() -> None:
    layout = layout_of([])
    assert (layout.size, layout.segments, layout.offsets.tolist()) == (0, 0, [0])
    assert list(Column(WEIGHT, np.empty(0, np.float32), layout).blocks()) == []


@pytest.mark.parametrize(
    ("type_", "size"), [(WEIGHT, 7), (Type(Kind.VECTOR, "layer"), 3), (SCALAR, 2)]
)
def test_data_has_the_size_its_type_needs(type_: Type, size: int) -> None:
    layout = layout_of([[(2,), (3,)], [(2,)]])
    Column(type_, np.zeros(size), layout)
    for wrong in (np.zeros(size + 1), np.zeros((size, 1)), np.zeros(())):
        with pytest.raises(InvalidInput, match=rf"needs data of shape \({size},\), got"):
            Column(type_, wrong, layout)


@pytest.mark.parametrize(
    "lengths",
    [(2,), (2, 2), (2, 3, 3), (3, 2), (2, 1)],  # NumPy would spread the last one over the segment
)
def test_segments_are_those_of_the_layout(lengths: tuple[int, ...]) -> None:
    layout = layout_of([[(2,), (3,)]])
    with pytest.raises(InvalidInput, match="the layout has segments"):
        Column.of_arrays(WEIGHT, layout, [np.zeros(length) for length in lengths])


def test_the_kind_of_integers_in_a_shape_does_not_matter() -> None:
    plain = layout_of([[(2,), (3,)]])
    assert layout_of([[(np.int64(2),), (np.int32(3),)]]).fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    ("owner", "architectures", "offsets"),
    [([], 0, [0]), ([0], 1, [0, 1]), ([0, 0, 1], 2, [0, 2, 3]), ([0, 1, 1, 2], 3, [0, 1, 3, 4])],
)
def test_rows_beside_every_teacher_are_segments_of_one_number(
    owner: list[int], architectures: int, offsets: list[int]
) -> None:
    layout = BesideEach({}, np.array(owner, dtype=np.int64)).layout
    assert layout.architectures == architectures
    assert layout.owner.tolist() == owner
    assert layout.offsets.tolist() == offsets
    assert layout.shapes == ((),) * len(owner)
    assert layout.counts.tolist() == [1.0] * len(owner)
    rows = np.arange(len(owner), dtype=np.float64)
    assert Column(Type(Kind.VECTOR, "layer"), rows, layout).data.size == len(owner)


def test_what_holds_arrays_is_equal_to_itself_alone() -> None:
    """Comparing arrays gives no single answer; contents are compared by fingerprint."""
    layouts = [layout_of([[(2,), (3,)]]) for _ in range(2)]
    columns = [Column(WEIGHT, np.zeros(5), layouts[0]) for _ in range(2)]
    beside = [BesideEach({}, np.array([0, 0])) for _ in range(2)]
    for one, other in (layouts, columns, beside):
        assert one == one  # noqa: PLR0124
        assert one != other
        assert len({one, other, one}) == 2
