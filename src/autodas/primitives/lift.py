"""Lifting: applying a primitive to ragged columns of many architectures at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias
from weakref import WeakKeyDictionary

import numpy as np

from autodas.core.errors import InvalidInput
from autodas.core.values import Column, FloatArray, Group, IntArray, Kind, Layout, Type
from autodas.primitives.primitive import Form, Primitive

__all__ = ["LayoutMismatch", "apply", "apply_to_rows"]

_Options: TypeAlias = dict[str, FloatArray]


class LayoutMismatch(InvalidInput):
    """Two columns of one type whose segments do not correspond."""


def apply(primitive: Primitive, args: tuple[Column, ...]) -> Column:
    """The value of ``primitive`` for columns ``args``.

    Entries are computed and kept in their precision, vectors and scalars in float64. Scalars of
    architectures without any segment are NaN.

    Raises:
        InvalidInput: the types do not fit.
        LayoutMismatch: the segments of two arguments do not correspond.
    """
    result = primitive.result_type(tuple(arg.type for arg in args))
    if len(args) == 2:
        _check_layouts(primitive, args[0], args[1])
    match primitive.form:
        case Form.ELEMENTWISE:
            return _elementwise(primitive, args, result)
        case Form.SEGMENTWISE | Form.MATRIX_MAP:
            return _mapped(primitive, args[0], result)
        case Form.SPECTRUM:
            return _spectrum(primitive, args[0], result)
        case Form.OVER_TEACHERS:  # of one teacher
            one = primitive.function(*(arg.data[:, None] for arg in args))
            return Column(result, one, args[0].layout)
        case _ if args[0].type.kind is Kind.VECTOR:
            return _over_layers(primitive, args, result)
        case _:
            return _reduced(primitive, args, result)


def apply_to_rows(primitive: Primitive, args: tuple[Column, ...], rows: Layout) -> Column:
    """The value of a primitive of form ``over_teachers``, ``(A,)``, for a set of teachers.

    Args:
        primitive: The primitive.
        args: Scalars of R rows, one for each teacher of each architecture.
        rows: Which rows are of which of the A architectures, as segments.
    """
    result = primitive.result_type(tuple(arg.type for arg in args))
    vector = Type(Kind.VECTOR, "teacher")
    return _over_layers(primitive, tuple(Column(vector, a.data, rows) for a in args), result)


def _check_layouts(primitive: Primitive, first: Column, second: Column) -> None:
    a, b = first.layout, second.layout
    if a is b:
        return
    match first.type.kind:
        case Kind.SCALAR:
            same = a.architectures == b.architectures
        case Kind.VECTOR:
            same = a.architectures == b.architectures and np.array_equal(a.owner, b.owner)
        case _:
            same = a.fingerprint == b.fingerprint
    if not same:
        raise LayoutMismatch(
            f"{primitive.name}: the segments of two {first.type} columns do not correspond"
        )


def _elementwise(primitive: Primitive, args: tuple[Column, ...], result: Type) -> Column:
    data = primitive.function(*(arg.data for arg in args))
    # The function may widen: by a constant of double precision, say.
    precision = np.result_type(*(arg.data for arg in args))
    return Column(result, data.astype(precision, copy=False), args[0].layout)


_AFTER: WeakKeyDictionary[Column, dict[object, list[FloatArray]]] = WeakKeyDictionary()


def _prepared(primitive: Primitive, column: Column) -> list[FloatArray]:
    """What ``primitive.after`` makes of each block, remembered as long as the column lives.

    Eigenvalues take next to no memory beside their matrices, and nearly all the time.
    """
    after = primitive.after
    if after is None:
        return [block for _, block in column.blocks()]
    known = _AFTER.setdefault(column, {})
    if after not in known:
        known[after] = [after(b) if b.size else b.reshape(b.shape[:2]) for _, b in column.blocks()]
    return known[after]


# Temporaries of this many entries stay in the processor's cache.
_PART = 1 << 17


def _in_parts(
    function: Callable[..., FloatArray], blocks: Sequence[FloatArray], options: _Options
) -> FloatArray:
    """``function`` of a few segments at a time, none empty; segments do not see each other."""
    rows = len(blocks[0])
    step = max(1, _PART * rows // blocks[0].size)
    if rows <= step:
        return function(*blocks, **options)
    return np.concatenate(
        [
            function(
                *(block[start : start + step] for block in blocks),
                **{name: value[start : start + step] for name, value in options.items()},
            )
            for start in range(0, rows, step)
        ]
    )


def _weight(primitive: Primitive, column: Column, group: Group) -> _Options:
    """Entries of the whole tensor per stored entry, ``(m,)``, if the function wants it."""
    if not primitive.weighted:
        return {}
    stored = float(np.prod(group.shape))
    return {"weight": column.layout.counts[group.segments] / stored}


def _mapped(primitive: Primitive, column: Column, result: Type) -> Column:
    data = np.empty_like(column.data)
    for group, block in column.blocks():
        if block.size == 0:
            continue
        shaped, options = block, _weight(primitive, column, group)
        if primitive.form is Form.SEGMENTWISE:
            if column.type.kind is Kind.LOGITS:  # a sketch never cuts rows: classes are few
                shaped, options = block.reshape(-1, block.shape[-1]), {}
                if primitive.weighted:
                    options["weight"] = np.ones((len(shaped), 1))
            else:
                shaped = block.reshape(len(block), -1)
                options = {name: value[:, None] for name, value in options.items()}
        data[group.start : group.stop] = _in_parts(primitive.function, [shaped], options).reshape(
            -1
        )
    return Column(result, data, column.layout)


def _reduced(primitive: Primitive, args: tuple[Column, ...], result: Type) -> Column:
    layout, entries = args[0].layout, args[0].type.kind
    numbers = np.full(layout.segments, np.nan)
    function = primitive.rest or primitive.function
    prepared = zip(*(_prepared(primitive, arg) for arg in args), strict=True)
    for group, blocks in zip(layout.groups, prepared, strict=True):
        if blocks[0].size == 0:
            continue
        m, options = len(group.segments), _weight(primitive, args[0], group)
        if primitive.form in (Form.MATRIX_REDUCTION, Form.MATRIX_DISTANCE):
            shaped = list(blocks)
        elif primitive.rowwise and entries is Kind.LOGITS:
            shaped = [block.reshape(-1, block.shape[-1]) for block in blocks]
            if primitive.weighted:
                options["weight"] = np.ones(len(shaped[0]))
        else:
            shaped = [block.reshape(m, -1) for block in blocks]
        values = _in_parts(function, shaped, options)
        numbers[group.segments] = values.reshape(m, -1).mean(axis=1)
    if result.kind is Kind.SCALAR:
        # One segment per network at most: architectures without one stay NaN.
        scalars = np.full(layout.architectures, np.nan)
        scalars[layout.owner] = numbers
        numbers = scalars
    return Column(result, numbers, layout)


_SPECTRUM_LAYOUTS: WeakKeyDictionary[Layout, Layout] = WeakKeyDictionary()


def _spectrum(primitive: Primitive, column: Column, result: Type) -> Column:
    layout = _SPECTRUM_LAYOUTS.get(column.layout)
    if layout is None:
        shapes = tuple(shape[:1] for shape in column.layout.shapes)
        sizes = np.asarray([shape[0] for shape in shapes], dtype=np.float64)
        layout = Layout(column.layout.architectures, column.layout.owner, shapes, sizes)
        _SPECTRUM_LAYOUTS[column.layout] = layout
    data = np.empty(layout.size, dtype=column.data.dtype)
    function = primitive.rest or primitive.function
    # Sorting squares and their sides gives the same order, so the groups correspond.
    for group, block in zip(layout.groups, _prepared(primitive, column), strict=True):
        if block.size:
            data[group.start : group.stop] = function(block).reshape(-1)
    return Column(result, data, layout)


_BY_LENGTH: WeakKeyDictionary[Layout, list[tuple[IntArray, IntArray]]] = WeakKeyDictionary()


def _by_length(layout: Layout) -> list[tuple[IntArray, IntArray]]:
    """Architectures with equally many segments: ``(m,)`` numbers, ``(m, L)`` segments."""
    known = _BY_LENGTH.get(layout)
    if known is None:
        lengths, known = np.diff(layout.offsets), []
        for length in np.unique(lengths[lengths > 0]):
            architectures = np.flatnonzero(lengths == length)
            segments = layout.offsets[architectures][:, None] + np.arange(length)
            known.append((architectures.astype(np.int64), segments))
        _BY_LENGTH[layout] = known
    return known


def _over_layers(primitive: Primitive, args: tuple[Column, ...], result: Type) -> Column:
    layout = args[0].layout
    scalars = np.full(layout.architectures, np.nan)
    for architectures, segments in _by_length(layout):
        options = {"weight": np.ones(len(segments))} if primitive.weighted else {}
        scalars[architectures] = primitive.function(*(a.data[segments] for a in args), **options)
    return Column(result, scalars, layout)
