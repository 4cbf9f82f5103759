"""Columns that do not fit into memory lie on disk and are read when they are looked at."""

from __future__ import annotations

import dataclasses
import tempfile

import numpy as np

from autodas.core.errors import FileProblem
from autodas.core.values import Column, FloatArray
from autodas.statistics.store.columns import Store

__all__ = ["spilled"]


def spilled(store: Store, most: int) -> Store:
    """The same store, keeping at most ``most`` bytes of columns in memory.

    The largest columns are moved to temporary files and mapped: the operating system reads what is
    used and forgets it when memory is short. Values are the same to the last bit. The files
    have no name any more when this returns, so they vanish with the process.

    Args:
        store: Columns in memory.
        most: Bytes; 0 moves every column that has entries.

    Raises:
        FileProblem: the folder of temporary files is full or cannot be written to.
    """
    kept = store.nbytes
    columns = dict(store.columns)
    for name in sorted(columns, key=lambda name: -columns[name].nbytes):
        if kept <= most or columns[name].nbytes == 0:
            break
        kept -= columns[name].nbytes
        columns[name] = _on_disk(columns[name])
    return dataclasses.replace(store, columns=columns)


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
