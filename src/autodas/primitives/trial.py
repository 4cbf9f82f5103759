"""Trying a primitive on awkward values when it is declared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np

from autodas.core.errors import InvalidInput
from autodas.core.values import FloatArray, Kind
from autodas.primitives.primitive import ENTRIES, Form, Primitive
from autodas.primitives.protect import LIMIT

__all__ = ["probe", "probe_blocks"]

_MATRIX = frozenset({Form.MATRIX_MAP, Form.MATRIX_REDUCTION, Form.MATRIX_DISTANCE, Form.SPECTRUM})
_KEEPS_SHAPE = frozenset({Form.ELEMENTWISE, Form.SEGMENTWISE, Form.MATRIX_MAP})


def probe_blocks(form: Form) -> Iterator[tuple[str, FloatArray]]:
    """Named blocks of awkward values, ``(m, n)`` or ``(m, n, n)``, float64."""
    rng = np.random.default_rng(0)
    for rows, size in ((3, 5), (1, 1), (2, 1)):
        shape = (rows, size, size) if form in _MATRIX else (rows, size)
        noise = rng.standard_normal(shape)
        yield "ordinary values", noise
        yield "zeros", np.zeros(shape)
        yield "negative values", -np.abs(noise) - 0.1
        yield "huge values", np.full(shape, LIMIT)
        yield "huge values of both signs", np.sign(noise) * LIMIT
        yield "tiny values", noise * 1e-30
        yield "denormal values", noise * 1e-42
        yield "equal values", np.full(shape, 3.7)
        yield "values of many sizes", np.sign(noise) * 10.0 ** rng.uniform(-29, 29, shape)


def probe(primitive: Primitive) -> None:
    """Check that ``primitive`` keeps what :class:`Primitive` promises.

    Blocks of one shape are tried together, as segments of one call.

    Raises:
        InvalidInput: it does not; the message says on what values.
    """
    precisions: list[type[np.floating]] = []
    if primitive.kinds & ENTRIES:
        precisions.append(np.float32)
    if primitive.kinds & {Kind.VECTOR, Kind.SCALAR}:
        precisions.append(np.float64)
    for precision in precisions:
        by_shape: dict[tuple[int, ...], list[_Block]] = {}
        for what, block in probe_blocks(primitive.form):
            by_shape.setdefault(block.shape, []).append((what, block.astype(precision)))
        for blocks in by_shape.values():
            # With a few others of the same shape: zero meets huge, tiny meets negative.
            for step in (0, 1, 2, 4) if primitive.arity == 2 else (0,):
                others = blocks[step:] + blocks[:step]
                _probe_together(primitive, [blocks, others][: primitive.arity])


_Block: TypeAlias = tuple[str, FloatArray]


def _call(primitive: Primitive, args: Sequence[FloatArray]) -> FloatArray:
    options = {}
    if primitive.weighted:
        rows = len(args[0])
        shape = (rows, 1) if primitive.form is Form.SEGMENTWISE else (rows,)
        options["weight"] = np.full(shape, 2.5)
    with np.errstate(all="ignore"):
        return primitive.function(*args, **options)


def _expected_shape(form: Form, shape: tuple[int, ...]) -> tuple[int, ...]:
    if form in _KEEPS_SHAPE:
        return shape
    return shape[:2] if form is Form.SPECTRUM else shape[:1]


def _probe_together(primitive: Primitive, columns: list[list[_Block]]) -> None:
    """One call on all blocks of a shape, and one on the first alone."""
    name = primitive.name
    whats = [" and ".join(what for what, _ in blocks) for blocks in zip(*columns, strict=True)]
    args = [np.concatenate([block for _, block in blocks]) for blocks in columns]
    before = [arg.copy() for arg in args]
    try:
        alone = _call(primitive, [blocks[0][1] for blocks in columns])
        result = _call(primitive, args)
    except Exception as error:
        raise InvalidInput(
            f"primitive {name!r} fails on {whats[0]}: {type(error).__name__}: {error}"
        ) from error
    for given, got in ((columns[0][0][1], alone), (args[0], result)):
        _check_shape(primitive, given, got)
    _check_range(name, result, whats)
    if any(not np.array_equal(arg, old) for arg, old in zip(args, before, strict=True)):
        raise InvalidInput(f"primitive {name!r} writes to its argument")
    kept = result.copy()
    if not np.array_equal(_call(primitive, args), kept):
        raise InvalidInput(f"primitive {name!r} is not deterministic: two calls differ")
    if not np.allclose(alone, kept[: len(alone)], rtol=1e-3, atol=1e-6):
        raise InvalidInput(f"primitive {name!r} must treat segments (rows) independently")
    if primitive.commutative and not np.array_equal(_call(primitive, args[::-1]), kept):
        raise InvalidInput(f"primitive {name!r} is declared commutative, but is not")


def _check_shape(primitive: Primitive, given: FloatArray, got: object) -> None:
    expected = _expected_shape(primitive.form, given.shape)
    shape = got.shape if isinstance(got, np.ndarray) else type(got).__name__
    if shape != expected:
        raise InvalidInput(
            f"primitive {primitive.name!r} must turn {given.shape} into an array of shape "
            f"{expected}, gave {shape}"
        )


def _check_range(name: str, result: FloatArray, whats: list[str]) -> None:
    sound = np.abs(result) <= LIMIT * 1.001  # false for NaN
    for what, part in zip(whats, np.split(sound, len(whats)), strict=True):
        if not part.all():
            raise InvalidInput(
                f"primitive {name!r} gives values beyond ±{LIMIT:g} or no numbers on {what}; "
                "protect it (see autodas.primitives.bounded)"
            )
