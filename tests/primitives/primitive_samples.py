"""Small ragged columns of every kind for the tests of primitives."""

from __future__ import annotations

import itertools

import numpy as np

from autodas.core.values import SCALAR, Column, Kind, Layout, Type

TYPES = {
    Kind.ELEMENTS: Type(Kind.ELEMENTS, "layer", "weight"),
    Kind.SPECTRUM: Type(Kind.SPECTRUM, "layer", "weight"),
    Kind.GRAM: Type(Kind.GRAM, "stage", "sample"),
    Kind.LOGITS: Type(Kind.LOGITS),
    Kind.VECTOR: Type(Kind.VECTOR, "stage"),
    Kind.SCALAR: SCALAR,
}
# Three architectures with 2, 1 and 3 layers; shapes recur across architectures, out of order.
SHAPES = {
    Kind.ELEMENTS: [[(6,), (4,)], [(6,)], [(4,), (9,), (6,)]],
    Kind.SPECTRUM: [[(6,), (4,)], [(6,)], [(4,), (9,), (6,)]],
    Kind.GRAM: [[(3, 3), (5, 5)], [(5, 5)], [(5, 5), (3, 3), (3, 3)]],
    Kind.LOGITS: [[(4, 3)], [(4, 3)], [(4, 3)]],
}
LAYERS = [2, 1, 3]


def layout_of(kind: Kind, *, stretch: float = 1.0) -> Layout:
    """The layout of samples; each stored entry stands for ``stretch`` (elements: also more)."""
    if kind in (Kind.VECTOR, Kind.SCALAR):
        return Layout.of_segments([[()] * n for n in LAYERS], [[1.0] * n for n in LAYERS])
    shapes = SHAPES[kind]
    counts = [[float(np.prod(shape)) * stretch for shape in mine] for mine in shapes]
    return Layout.of_segments(shapes, counts)


def sample(kind: Kind, seed: int, *, stretch: float = 1.0, layout: Layout | None = None) -> Column:
    """Ordinary values of both signs; Gram matrices are symmetric and positive."""
    rng = np.random.default_rng(seed)
    layout = layout or layout_of(kind, stretch=stretch)
    if kind is Kind.SCALAR:
        return Column(TYPES[kind], rng.standard_normal(3) * 2, layout)
    if kind is Kind.VECTOR:
        return Column(TYPES[kind], rng.standard_normal(layout.segments) * 2, layout)
    segments = []
    for shape in layout.shapes:
        if kind is Kind.GRAM:
            factor = rng.standard_normal((shape[0], shape[0] + 2))
            segments.append(factor @ factor.T)
        else:
            segments.append(rng.standard_normal(shape) * 2 + 0.3)
    return Column.of_arrays(TYPES[kind], layout, segments)


def segments_of(column: Column) -> list[np.ndarray]:
    """Its segments in float64, in order; a vector's are the numbers of one architecture."""
    if column.type.kind is Kind.SCALAR:
        return [np.asarray(value, dtype=np.float64) for value in column.data]
    if column.type.kind is Kind.VECTOR:
        offsets = column.layout.offsets
        return [column.data[a:b] for a, b in itertools.pairwise(offsets)]
    found: list[np.ndarray] = [np.empty(0)] * column.layout.segments
    for group, block in column.blocks():
        for segment, values in zip(group.segments, block, strict=True):
            found[segment] = values.astype(np.float64)
    return found
