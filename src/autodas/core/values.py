"""Typed columns: one statistic for many architectures, laid out for whole-array arithmetic.

A statistic is *ragged*: an architecture has several layers or stages, and each contributes a
segment (a vector of entries, a matrix). A :class:`Column` keeps all segments of all
architectures in one flat buffer, sorted so that segments of equal shape are neighbours. An
elementwise operation is then one pass over the buffer, and a reduction is a handful of dense
reductions over views of it, with no masks and no copies.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from autodas.core.digest import digest_bytes
from autodas.core.errors import InvalidInput

__all__ = [
    "SCALAR",
    "BesideEach",
    "Column",
    "FloatArray",
    "Group",
    "IntArray",
    "Kind",
    "Layout",
    "Type",
    "reduced",
]

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]


class Kind(enum.StrEnum):
    """What sort of value an expression has."""

    ELEMENTS = "elements"  # the entries of one tensor per layer or stage, in no order
    SPECTRUM = "spectrum"  # singular values or eigenvalues, largest first
    GRAM = "gram"  # one symmetric n × n matrix per layer or stage
    LOGITS = "logits"  # one B × K matrix per network
    VECTOR = "vector"  # one number per layer or stage
    SCALAR = "scalar"  # one number per network


class Type(NamedTuple):
    """The type of a value in an expression.

    Two values can be combined entry by entry only if their types are equal.

    Attributes:
        kind: The sort of value.
        over: What its segments range over: ``"layer"``, ``"norm"``, ``"stage"``, ``"attention"``;
            empty where there is one per network.
        layout: Which entries correspond, e.g. ``"weight"`` for weights and their gradients,
            ``"sample"`` for B × B Gram matrices. Empty for vectors and scalars.
    """

    kind: Kind
    over: str = ""
    layout: str = ""

    def __str__(self) -> str:
        inside = "/".join(part for part in (self.over, self.layout) if part)
        return f"{self.kind}[{inside}]" if inside else str(self.kind)


SCALAR = Type(Kind.SCALAR)


def reduced(of: Type) -> Type:
    """The type left when every segment becomes one number: a vector, or a scalar."""
    return Type(Kind.VECTOR, of.over) if of.over else SCALAR


@dataclass(frozen=True)
class Group:
    """Segments of one shape, stored next to each other.

    Attributes:
        start, stop: Where their entries lie in the flat buffer.
        segments: ``(m,)`` numbers of the segments, in storage order.
        shape: Shape of one segment, ``(n,)`` or ``(rows, columns)``.
    """

    start: int
    stop: int
    segments: IntArray
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the segments of a column lie; shared by all columns of one type.

    Segments are numbered by (architecture, layer). Columns are compatible if their layouts
    have the same ``fingerprint``.

    Attributes:
        architectures: Number of architectures, A.
        owner: ``(S,)`` architecture of each segment, non-decreasing.
        shapes: Shape of each segment.
        counts: ``(S,)`` how many entries each segment stands for; more than it stores if the
            tensor was sketched.
    """

    architectures: int
    owner: IntArray
    shapes: tuple[tuple[int, ...], ...]
    counts: npt.NDArray[np.float64]
    groups: tuple[Group, ...] = field(init=False)

    def __post_init__(self) -> None:
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for segment, shape in enumerate(self.shapes):
            by_shape.setdefault(shape, []).append(segment)
        groups, start = [], 0
        for shape in sorted(by_shape):
            segments = np.asarray(by_shape[shape], dtype=np.int64)
            stop = start + len(segments) * int(np.prod(shape, dtype=np.int64))
            groups.append(Group(start, stop, segments, shape))
            start = stop
        object.__setattr__(self, "groups", tuple(groups))

    @property
    def segments(self) -> int:
        """Number of segments, S."""
        return len(self.shapes)

    @property
    def size(self) -> int:
        """Number of stored entries."""
        return self.groups[-1].stop if self.groups else 0

    @cached_property
    def offsets(self) -> IntArray:
        """``(A + 1,)``: segments of architecture a are ``offsets[a]:offsets[a + 1]``."""
        counts = np.bincount(self.owner, minlength=self.architectures)
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of everything that decides which entry lies where."""
        description = repr((self.architectures, self.shapes)).encode()
        return digest_bytes(description + self.owner.tobytes() + self.counts.tobytes())

    @classmethod
    def of_segments(
        cls, shapes: Sequence[Sequence[tuple[int, ...]]], counts: Sequence[Sequence[float]]
    ) -> Layout:
        """A layout from the segment shapes and true entry counts of each architecture."""
        owner = [a for a, mine in enumerate(shapes) for _ in mine]
        return cls(
            architectures=len(shapes),
            owner=np.asarray(owner, dtype=np.int64),
            shapes=tuple(tuple(map(int, shape)) for mine in shapes for shape in mine),
            counts=np.asarray([c for mine in counts for c in mine], dtype=np.float64),
        )


@dataclass(frozen=True, eq=False)
class Column:
    """Values of one type for A architectures.

    Attributes:
        type: Their type.
        data: ``(layout.size,)`` for elements, spectra, Grams and logits, float32, or float64 if
            they were measured in double precision; ``(S,)`` float64 for vectors, in segment order;
            ``(A,)`` float64 for scalars.
        layout: Where segments lie; of a scalar, only the number of architectures counts.
    """

    type: Type
    data: FloatArray
    layout: Layout

    def __post_init__(self) -> None:
        expected = {
            Kind.VECTOR: self.layout.segments,
            Kind.SCALAR: self.layout.architectures,
        }.get(self.type.kind, self.layout.size)
        if self.data.shape != (expected,):
            raise InvalidInput(
                f"a column of {self.type} needs data of shape ({expected},), got {self.data.shape}"
            )

    def blocks(self) -> Iterator[tuple[Group, FloatArray]]:
        """Views of shape ``(m, *shape)``, one per group of equally shaped segments."""
        for group in self.layout.groups:
            yield group, _block(self.data, group)

    @classmethod
    def of_arrays(cls, type_: Type, layout: Layout, segments: Sequence[FloatArray]) -> Column:
        """A column of entries from one array per segment, in segment order.

        Raises:
            InvalidInput: the arrays are not those the layout describes.
        """
        if (got := tuple(segment.shape for segment in segments)) != layout.shapes:
            raise InvalidInput(f"the layout has segments {layout.shapes}, got {got}")
        wide = any(segment.dtype == np.float64 for segment in segments)
        data: FloatArray = np.empty(layout.size, dtype=np.float64 if wide else np.float32)
        for group in layout.groups:
            view = _block(data, group)
            for row, segment in enumerate(group.segments):
                view[row] = segments[segment]
        return cls(type_, data, layout)

    @property
    def nbytes(self) -> int:
        """Bytes of the data."""
        return int(self.data.nbytes)


def _block(data: FloatArray, group: Group) -> FloatArray:
    # The number of segments is spelt out: -1 cannot be solved for when a shape holds a zero.
    return data[group.start : group.stop].reshape(len(group.segments), *group.shape)


@dataclass(frozen=True, eq=False)
class BesideEach:
    """What is known of A architectures beside every single teacher of a set, in R rows.

    Attributes:
        columns: Statistics of R rows: all teachers of the first architecture, then of the second.
        owner: ``(R,)`` architecture of each row, non-decreasing; each has at least one.
    """

    columns: Mapping[str, Column]
    owner: IntArray

    @cached_property
    def layout(self) -> Layout:
        """Of one number per row, as segments of the architectures."""
        rows = len(self.owner)
        architectures = int(self.owner[-1]) + 1 if rows else 0
        return Layout(architectures, self.owner, ((),) * rows, np.ones(rows))
