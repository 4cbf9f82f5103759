"""Closed forms of shapes, worked out a second time with NumPy from the sizes of layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autodas.core.values import SCALAR, Column, Kind, Layout, Type
from autodas.scores import SCORES, Subjects
from autodas.scores.closed_forms import CLOSED_FORMS, LEAVES, closed_forms

NUMEL = ([108.0, 640.0], [54.0, 900.0, 77.0], [9.0, 1600.0, 300.0, 50.0])
CHANNELS = ([4.0, 10.0], [6.0, 18.0, 7.0], [3.0, 40.0, 12.0, 5.0])
PARAMS, MACS, DEPTH = (
    np.array(each) for each in ([800.0, 1100.0, 2000.0], [9e4, 7e4, 8e4], [2.0, 4.0, 3.0])
)


def subjects(numel=NUMEL, channels=CHANNELS, params=PARAMS, macs=MACS, depth=DEPTH) -> Subjects:
    layers = Layout.of_segments([[()] * len(e) for e in numel], [[1.0] * len(e) for e in numel])
    scalars = Layout.of_segments([[()]] * len(numel), [[1.0]] * len(numel))
    vector = Type(Kind.VECTOR, "layer")
    columns = {
        "numel": Column(vector, np.concatenate(numel), layers),
        "out_channels": Column(vector, np.concatenate(channels), layers),
        "params": Column(SCALAR, np.asarray(params), scalars),
        "macs": Column(SCALAR, np.asarray(macs), scalars),
    }
    return Subjects(tuple("abc"[: len(numel)]), depth, columns, {})


def by_layer(values, of=np.sum):
    return np.array([of(each) for each in values])


def logs(values):
    return [np.log(each) for each in values]


def by_hand() -> dict[str, np.ndarray]:
    roots = [np.sqrt(each) for each in NUMEL]
    return {
        "#params": PARAMS,
        "ln #params": np.log(PARAMS),
        "#MACs": MACS,
        "ln #MACs": np.log(MACS),
        "number of layers": np.array([2.0, 3.0, 4.0]),
        "Σ numel": by_layer(NUMEL),
        "Σ √numel": by_layer(roots),
        "Σ √numel·ln(channels)": np.array(
            [root @ log for root, log in zip(roots, logs(CHANNELS), strict=True)]
        ),
        "Σ ln(numel)": by_layer(logs(NUMEL)),
        "Σ channels": by_layer(CHANNELS),
        "Σ ln(channels)": by_layer(logs(CHANNELS)),
        "mean ln(numel)": by_layer(logs(NUMEL), np.mean),
        "mean channels": by_layer(CHANNELS, np.mean),
        "mean ln(channels)": by_layer(logs(CHANNELS), np.mean),
        "fewest channels": by_layer(CHANNELS, np.min),
        "most channels": by_layer(CHANNELS, np.max),
        "depth": DEPTH,
    }


def test_there_are_these_and_no_others_in_this_order():
    assert list(closed_forms(subjects())) == list(by_hand())


@pytest.mark.parametrize("name", by_hand())
def test_a_closed_form_is_what_its_name_says(name):
    np.testing.assert_allclose(closed_forms(subjects())[name], by_hand()[name], rtol=1e-6)


def test_what_does_not_differ_is_left_out():
    same = subjects(channels=[[8.0] * len(each) for each in NUMEL], macs=np.full(3, 5e4))
    gone = {"#MACs", "ln #MACs", "mean channels", "mean ln(channels)"}
    gone |= {"fewest channels", "most channels"}
    assert set(by_hand()) - set(closed_forms(same)) == gone


@pytest.mark.parametrize(
    ("depth", "kept"), [([3.0, 3.0, 3.0], False), ([3.0, 3.0, 4.0], True), ([0.0] * 3, False)]
)
def test_depth_counts_where_it_differs(depth, kept):
    found = closed_forms(subjects(depth=np.array(depth)))
    assert ("depth" in found) is kept
    assert len(found) == 16 + kept


@pytest.mark.parametrize(
    ("leaf", "needs"),
    [
        ("params", "params"),
        ("macs", "MACs"),
        ("numel", ("numel", "layers")),
        ("out_channels", "ch"),
    ],
)
def test_forms_of_a_missing_statistic_are_left_out(leaf, needs):
    seen = subjects()
    columns = {name: column for name, column in seen.columns.items() if name != leaf}
    words = (needs,) if isinstance(needs, str) else needs
    kept = [name for name in by_hand() if not any(word in name for word in words)]
    for missing in ({leaf: "not measured"}, {}):
        assert list(closed_forms(replace(seen, columns=columns, missing=missing))) == kept


def test_forms_of_a_statistic_that_is_not_finite_are_left_out():
    found = closed_forms(subjects(macs=np.array([1.0, np.nan, 3.0])))
    assert set(by_hand()) - set(found) == {"#MACs", "ln #MACs"}


def test_they_need_no_more_than_sizes_and_cannot_be_changed():
    assert sorted(LEAVES) == ["macs", "numel", "out_channels", "params"]
    with pytest.raises(TypeError):
        CLOSED_FORMS["mine"] = "params"  # type: ignore[index]


def test_of_sizes_they_are_the_scores_of_that_name():
    seen = subjects()
    for form, name in (("#params", "params"), ("#MACs", "macs"), ("depth", "depth")):
        values = SCORES.get(name).compute(seen).value
        np.testing.assert_array_equal(closed_forms(seen)[form], values)
