"""Statistics of many architectures as columns, ready for the proxy language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.core.values import Column, Kind, Layout, Type
from autodas.statistics.catalog import STATISTICS, Statistic
from autodas.statistics.measurement import Measured

__all__ = ["Store", "columns"]


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
