"""Trying a primitive on awkward values when it is declared."""

from __future__ import annotations

from collections.abc import Iterator

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

    Raises:
        InvalidInput: it does not; the message says on what values.
    """
    precisions: list[type[np.floating]] = []
    if primitive.kinds & ENTRIES:
        precisions.append(np.float32)
    if primitive.kinds & {Kind.VECTOR, Kind.SCALAR}:
        precisions.append(np.float64)
    for precision in precisions:
        blocks = [(what, b.astype(precision)) for what, b in probe_blocks(primitive.form)]
        for number, (what, block) in enumerate(blocks):
            if primitive.arity == 1:
                _probe_once(primitive, (block,), what)
            else:
                _probe_pairs(primitive, blocks, number)


def _probe_pairs(primitive: Primitive, blocks: list[tuple[str, FloatArray]], number: int) -> None:
    """With a few others of the same shape, so that zero meets huge and tiny meets negative."""
    what, first = blocks[number]
    fitting = [(other, block) for other, block in blocks if block.shape == first.shape]
    for step in (0, 1, 2, 4):
        other, second = fitting[(number + step) % len(fitting)]
        _probe_once(primitive, (first, second), f"{what} and {other}")


def _call(primitive: Primitive, args: tuple[FloatArray, ...], what: str) -> FloatArray:
    options = {}
    if primitive.weighted:
        rows = len(args[0])
        shape = (rows, 1) if primitive.form is Form.SEGMENTWISE else (rows,)
        options["weight"] = np.full(shape, 2.5)
    try:
        with np.errstate(all="ignore"):
            return primitive.function(*args, **options)
    except Exception as error:
        raise InvalidInput(
            f"primitive {primitive.name!r} fails on {what}: {type(error).__name__}: {error}"
        ) from error


def _expected_shape(form: Form, shape: tuple[int, ...]) -> tuple[int, ...]:
    if form in _KEEPS_SHAPE:
        return shape
    return shape[:2] if form is Form.SPECTRUM else shape[:1]


def _probe_once(primitive: Primitive, args: tuple[FloatArray, ...], what: str) -> None:
    name, before = primitive.name, [arg.copy() for arg in args]
    first = _call(primitive, args, what)
    expected = _expected_shape(primitive.form, args[0].shape)
    if not isinstance(first, np.ndarray) or first.shape != expected:
        got = getattr(first, "shape", type(first).__name__)
        raise InvalidInput(
            f"primitive {name!r} must turn {args[0].shape} into an array of shape {expected}, "
            f"gave {got}"
        )
    if not np.all(np.isfinite(first)) or np.max(np.abs(first), initial=0.0) > LIMIT * 1.001:
        raise InvalidInput(
            f"primitive {name!r} gives values beyond ±{LIMIT:g} or no numbers on {what}; "
            "protect it (see autodas.primitives.bounded)"
        )
    if any(not np.array_equal(arg, old) for arg, old in zip(args, before, strict=True)):
        raise InvalidInput(f"primitive {name!r} writes to its argument")
    kept = first.copy()
    if not np.array_equal(_call(primitive, args, what), kept):
        raise InvalidInput(f"primitive {name!r} is not deterministic: two calls differ on {what}")
    if primitive.commutative and not np.array_equal(_call(primitive, args[::-1], what), kept):
        raise InvalidInput(f"primitive {name!r} is declared commutative, but is not on {what}")
