"""Statistics of many architectures as columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statistics_toys import ToyCNN, ToyViT, images, labels, signals

from autodas.core.errors import FileProblem, InvalidInput, UnknownName
from autodas.core.results import Failed, Ok
from autodas.core.values import SCALAR, Column, Kind, Layout, Type
from autodas.statistics import STATISTICS, Store, columns, measure, spilled
from autodas.statistics.measurement import Measured

NAMES = STATISTICS.names()
ARCHITECTURES = ("third", "first", "second")


@pytest.fixture(scope="module")
def measured():
    """Three networks of two families against one teacher."""
    teacher = signals(ToyViT())
    return [
        measure(network(), images(), labels(), NAMES, teacher=teacher, entries=40)
        for network in (ToyCNN, ToyViT, ToyCNN)
    ]


def segments_of(store, name):
    """Segments of each architecture, read back from a column."""
    column = store.columns[name]
    if column.type.kind in (Kind.VECTOR, Kind.SCALAR):
        flat = list(column.data)
    else:
        flat = [None] * column.layout.segments
        for group, block in column.blocks():
            for row, segment in enumerate(group.segments):
                flat[segment] = block[row]
    edges = column.layout.offsets
    return [flat[edges[a] : edges[a + 1]] for a in range(column.layout.architectures)]


def test_every_value_lies_where_it_belongs(measured):
    store = columns(ARCHITECTURES, measured, NAMES)
    assert store.architectures == ARCHITECTURES
    assert set(store.columns) | set(store.missing) == set(NAMES)
    for name, column in store.columns.items():
        assert column.type == STATISTICS.get(name).type
        for mine, found in zip(measured, segments_of(store, name), strict=True):
            expected = mine[name].value.segments
            assert len(found) == len(expected)
            for a, b in zip(found, expected, strict=True):
                assert np.array_equal(a, b), name
        counts = [c for mine in measured for c in mine[name].value.counts]
        assert column.layout.counts.tolist() == counts
    assert store.nbytes == sum(column.data.nbytes for column in store.columns.values()) > 0


def test_what_belongs_together_shares_a_layout(measured):
    found = columns(ARCHITECTURES, measured, NAMES).columns
    for together in (
        ("weight", "weight_grad", "virtual_grad"),
        ("feature", "feature_grad"),
        ("sample_gram", "grad_gram", "teacher_sample_gram"),
        ("projected_gram", "teacher_projected_gram"),
        ("spatial_attention", "teacher_attention"),
        ("norm_mean", "norm_var"),
        ("logits", "logit_grad", "teacher_logits"),
        ("activation_kernel", "jacobian_gram"),
        ("cka", "gram_distance", "stage_channels"),
        ("loss", "logit_kl", "virtual_output"),
    ):
        assert len({found[name].type.kind for name in together}) == 1
        assert len({id(found[name].layout) for name in together}) == 1, together
    assert found["weight"].layout is not found["feature"].layout


def test_all_statistics_of_one_type_share_a_layout(measured):
    """Otherwise an expression could combine what does not correspond."""
    layouts = {}
    for column in columns(ARCHITECTURES, measured, NAMES).columns.values():
        assert layouts.setdefault(column.type, column.layout) is column.layout


def test_what_fails_anywhere_is_left_out_with_the_first_reason(measured):
    store = columns(ARCHITECTURES, measured, NAMES)
    reason = "the network has no attention layers (first in third)"
    missing = ("attention_entropy", "attention_rank", "diversity_saliency")
    cells = {name: why for name, why in store.missing.items() if name.startswith("graph_")}
    assert set(cells.values()) == {"the network is no repeated cell (first in third)"}
    assert store.missing == dict.fromkeys(missing, reason) | cells
    later = [dict(mine) for mine in measured]
    later[1]["loss"] = Failed("loss is not finite")
    later[2]["loss"] = Failed("something else")
    del later[2]["cka"]
    missing = columns(ARCHITECTURES, later, ["loss", "cka", "logits"]).missing
    assert missing == {
        "loss": "loss is not finite (first in first)",
        "cka": "not measured (first in second)",
    }


def test_only_what_is_asked_for_is_laid_out(measured):
    store = columns(ARCHITECTURES, measured, ["cka", "weight"])
    assert list(store.columns) == ["cka", "weight"]
    assert store.missing == {}


def test_as_many_measurements_as_architectures(measured):
    with pytest.raises(InvalidInput, match="got 3 and 2"):
        columns(ARCHITECTURES[:2], measured, NAMES)


def test_unknown_names_are_refused(measured):
    known = [{**mine, "wieght": mine["weight"]} for mine in measured]
    with pytest.raises(UnknownName, match="weight"):
        columns(ARCHITECTURES, known, ["wieght"])


def test_no_architectures_give_empty_columns():
    store = columns([], [], ["weight", "cka", "loss"])
    assert [column.data.size for column in store.columns.values()] == [0, 0, 0]


@given(
    st.lists(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 9)), max_size=4), max_size=5),
    st.sampled_from(["weight", "cka"]),
)
def test_any_ragged_shapes_come_back(shapes, name):
    """Each entry is a number of its own, so that a value in the wrong place is noticed."""
    start, measured = 0, []
    for mine in shapes:
        segments = []
        for length, _ in mine:
            size = length if name == "weight" else 1
            values = np.arange(start, start + size, dtype=np.float32)
            segments.append(values if name == "weight" else values[0])
            start += size
        counts = tuple(length * factor for length, factor in mine)
        measured.append({name: Ok(Measured(tuple(map(np.asarray, segments)), counts))})
    store = columns([str(i) for i in range(len(shapes))], measured, [name])
    for mine, found in zip(measured, segments_of(store, name), strict=True):
        for a, b in zip(found, mine[name].value.segments, strict=True):
            assert np.array_equal(a, b)
    counts = [length * factor for mine in shapes for length, factor in mine]
    assert store.columns[name].layout.counts.tolist() == counts


def test_columns_beyond_the_bound_lie_on_disk_with_the_same_values():
    type_, vector = Type(Kind.ELEMENTS, "layer", "weight"), Type(Kind.VECTOR, "layer")
    layout = Layout.of_segments([[(300,), (40,)], [(300,)]], [[300, 40], [300]])
    rng = np.random.default_rng(0)
    found = {
        "large": Column(type_, rng.normal(size=640).astype(np.float32), layout),
        "small": Column(vector, rng.normal(size=3), layout),
    }
    whole = Store(("a", "b"), found, {}).nbytes
    for most, moved in ((whole, set()), (100, {"large"}), (0, {"large", "small"})):
        bounded = spilled(found, most)
        for name, column in found.items():
            after = bounded[name]
            assert after.layout is column.layout
            assert after.data.dtype == column.data.dtype
            np.testing.assert_array_equal(after.data, column.data)
            assert (after.data is column.data) == (name not in moved)
            assert type(after.data) is np.ndarray
        with pytest.raises(ValueError, match="read-only"):
            spilled(found, 0)["large"].data[0] = 1


def test_a_full_temporary_folder_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    column = Column(SCALAR, np.ones(2), Layout.of_segments([[()], [()]], [[1], [1]]))
    with pytest.raises(FileProblem, match="nowhere"):
        spilled({"x": column}, 0)
