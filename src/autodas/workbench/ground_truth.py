"""Tables opened with the space they are of, so that no architecture is there in two spellings."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from autodas import tables
from autodas.core.errors import InvalidInput
from autodas.core.plugins import is_trusted
from autodas.spaces import TIMM, Space, get_space
from autodas.tables import OtherSpace, Table

__all__ = ["load_table", "refuse_unused", "space_of", "table_among"]


def load_table(name: str | Path, space: str | None = None) -> Table:
    """A table by name or by path; every architecture is written as its space writes it.

    Args:
        name: A name of :data:`autodas.tables.TABLES`, or a file.
        space: Of the architectures, if the file does not say.

    Raises:
        UnknownName: neither a table of that name nor such a file exists, or there is no such space.
        OtherSpace: the table says that it is of another space.
        InvalidInput: the space is not to be known, or is code that nobody asked for.
        MissingData: the table is known and its file is not here; the message says how to get it.
        FileProblem: the file cannot be used; so also if an architecture is not of the space, or is
            there twice, however it is spelt.
    """
    spaces: dict[str, Space] = {}

    def spelling(of: str, text: str) -> str:
        if of not in spaces:
            spaces[of] = _known(str(name), of, space)
        return spaces[of].canonical(text)

    return tables.load_table(name, space, spelling)


def table_among(name: str, space: str | None) -> Table:
    """The same where ``space`` is asked for several tables: of those that do not say theirs.

    Raises:
        AutodasError: as of :func:`load_table`.
    """
    try:
        return load_table(name, space)
    except OtherSpace:
        return load_table(name)


def refuse_unused(space: str | None, some: Iterable[Table]) -> None:
    """Refuse a space that none of the tables is of.

    Raises:
        OtherSpace: the message says of which space the first is.
    """
    found = list(some)
    if found and space not in (None, *(table.space for table in found)):
        raise OtherSpace(found[0].name, found[0].space, space)


def space_of(table: Table, asked: str | None = None) -> Space:
    """The space of a table's architectures.

    A table is data, and may come from anywhere: a space ``package.module:object`` that it names is
    code, which is imported only if somebody else asked for it as well.

    Args:
        table: Says its space.
        asked: The space that the caller named, if any.

    Raises:
        UnknownName: there is no such space.
        InvalidInput: it is code that nobody asked for, or not a space.
    """
    return _known(table.name, table.space, asked)


def _known(table: str, space: str, asked: str | None) -> Space:
    if space.startswith(TIMM):
        return get_space(space)  # names, not code
    module, colon, name = space.partition(":")
    known = isinstance(getattr(sys.modules.get(module), name, None), Space)
    if colon and space != asked and not known and not is_trusted(module):
        raise InvalidInput(
            f"table {table!r} says that its space is {space!r}, which is code; if you "
            f"trust it, add --plugin {module}"
        )
    return get_space(space)
