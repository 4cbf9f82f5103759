"""Statistics of many architectures as columns, ready for the proxy language.

Columns that do not fit into memory lie on disk and are read when they are looked at.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.core.values import Column, FloatArray, Kind, Layout, Type
from autodas.statistics.catalog import STATISTICS, Statistic
from autodas.statistics.measurement import Measured

__all__ = ["Store", "columns", "spilled"]


@dataclass(frozen=True)
class Store:
    """Columns over one list of architectures.

    Attributes:
        architectures: Their strings, in order.
        columns: What could be measured on all of them.
        missing: Statistic -> why it is not among the columns.
    """

    architectures: tuple[str, ...]
    columns: Mapping[str, Column]
    missing: Mapping[str, str]

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return sum(column.nbytes for column in self.columns.values())


def columns(
    architectures: Sequence[str],
    measured: Sequence[Mapping[str, Result[Measured]]],
    names: Sequence[str],
) -> Store:
    """Lay the statistics ``names`` of all architectures out as columns.

    A statistic that failed for some architecture is left out, with the reason: a proxy must
    mean the same for every architecture it ranks.

    Raises:
        InvalidInput: the two sequences differ in length.
    """
    if len(architectures) != len(measured):
        raise InvalidInput(
            f"as many measurements as architectures are needed, but got {len(measured)} "
            f"and {len(architectures)}"
        )
    found: dict[str, Column] = {}
    missing: dict[str, str] = {}
    layouts: dict[object, Layout] = {}
    for name in names:
        values = _collect(name, architectures, measured)
        if isinstance(values, Failed):
            missing[name] = values.reason
        else:
            found[name] = _column(STATISTICS.get(name), values.value, layouts)
    return Store(tuple(architectures), found, missing)


def _collect(
    name: str,
    architectures: Sequence[str],
    measured: Sequence[Mapping[str, Result[Measured]]],
) -> Result[list[Measured]]:
    values = []
    for architecture, mine in zip(architectures, measured, strict=True):
        value = mine.get(name, Failed("not measured"))
        if isinstance(value, Failed):
            return Failed(f"{value.reason} (first in {architecture})")
        values.append(value.value)
    return Ok(values)


def _column(
    statistic: Statistic, values: Sequence[Measured], layouts: dict[object, Layout]
) -> Column:
    # Equal layouts are shared: that saves building them again, and compatibility is then a
    # comparison of identities.
    shapes = tuple(tuple(segment.shape for segment in value.segments) for value in values)
    counts = tuple(value.counts for value in values)
    layout = layouts.get((shapes, counts))
    if layout is None:
        layout = layouts[shapes, counts] = Layout.of_segments(shapes, counts)
    type_: Type = statistic.type
    segments = [segment for value in values for segment in value.segments]
    if type_.kind in (Kind.VECTOR, Kind.SCALAR):
        data = np.asarray(segments, dtype=np.float64).reshape(-1)
        return Column(type_, data, layout)
    return Column.of_arrays(type_, layout, segments)


def spilled(columns: Mapping[str, Column], most: int) -> dict[str, Column]:
    """The same columns, keeping at most ``most`` bytes of them in memory.

    The largest columns are moved to temporary files and mapped: the operating system reads what is
    used and forgets it when memory is short. Values are the same to the last bit. The files
    have no name any more when this returns, so they vanish with the process.

    Args:
        columns: In memory.
        most: Bytes; 0 moves every column that has entries.

    Raises:
        FileProblem: the folder of temporary files is full or cannot be written to.
    """
    kept = sum(column.nbytes for column in columns.values())
    found = dict(columns)
    for name in sorted(found, key=lambda name: -found[name].nbytes):
        if kept <= most or found[name].nbytes == 0:
            break
        kept -= found[name].nbytes
        found[name] = _on_disk(found[name])
    return found


def _on_disk(column: Column) -> Column:
    try:
        with tempfile.NamedTemporaryFile(prefix="autodas-") as handle:
            column.data.tofile(handle)
            handle.flush()
            mapped: FloatArray = np.asarray(
                np.memmap(handle.name, dtype=column.data.dtype, mode="r")
            )
    except OSError as error:
        where = tempfile.gettempdir()
        raise FileProblem(where, f"cannot hold statistics: {error.strerror or error}") from error
    return Column(column.type, mapped, column.layout)
