"""Text out of a file, with a plain word for what editors of other systems leave in it."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from autodas.core.errors import FileProblem

__all__ = ["brief", "csv_rows", "csv_text", "quotes_in", "text_of"]

WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")  # of UTF-16 and UTF-32
LONGEST = 48  # characters of a name that a sentence bears
_TYPOGRAPHIC = re.compile("[\u2018-\u201f\u00ab\u00bb\u2032\u2033]")


def text_of(data: bytes, path: Path | str) -> str:
    """UTF-8 text, without the byte order mark that some editors write before it.

    Args:
        data: The bytes of the file.
        path: Named in messages.

    Raises:
        FileProblem: it is text of another encoding, or holds a NUL.
    """
    if data.startswith(WIDE_MARKS):
        raise FileProblem(path, "is not UTF-8 text but UTF-16 or UTF-32; save it as UTF-8")
    if nuls := data.count(0):
        why = "; if it is UTF-16, save it as UTF-8" if nuls > 1 else ""
        raise FileProblem(path, f"holds a NUL (byte {data.index(0)}){why}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileProblem(path, f"is not UTF-8 text (byte {error.start})") from None


def csv_text(data: bytes, path: Path | str) -> str:
    """The same of a file of columns, which must be separated by commas.

    Args:
        data: The bytes of the file.
        path: Named in messages.

    Raises:
        FileProblem: as of :func:`text_of`; or semicolons or tabs are in their place.
    """
    text = text_of(data, path)
    first = text.lstrip().partition("\n")[0]
    for mark, called in ((";", "semicolons"), ("\t", "tabs")):
        if mark in first and "," not in first:
            raise FileProblem(path, f"has {called} between its columns; save it with commas")
    return text


def csv_rows(data: bytes, path: Path | str) -> tuple[tuple[str, ...], list[tuple[int, list[str]]]]:
    """The names of the columns, and the rows with the lines at which they end, from 1.

    There is one cell for each column, without what is blank around it; rows of nothing are left
    out, also above the names.

    Args:
        data: The bytes of the file.
        path: Named in messages.

    Raises:
        FileProblem: as of :func:`csv_text`; or it is no CSV, a column is there twice, or a row has
            another number of cells.
    """
    text = csv_text(data, path)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        stripped = ((reader.line_num, [cell.strip() for cell in cells]) for cells in reader)
        rows = [(line, cells) for line, cells in stripped if any(cells)]
    except csv.Error as error:
        why = f"line {reader.line_num}: is not CSV ({error}){quotes_in(text)}"
        raise FileProblem(path, why) from None
    columns = tuple(rows[0][1]) if rows else ()
    if len(set(columns)) != len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise FileProblem(path, f"column {twice!r} appears twice")
    for line, cells in rows[1:]:
        if len(cells) != len(columns):
            why = f"line {line}: {len(cells)} cells, the header has {len(columns)} columns"
            raise FileProblem(path, why + quotes_in(text))
    return columns, rows[1:]


def brief(name: str) -> str:
    """The name of a space in a sentence: of a long list of models the first, and how many more."""
    first, *others = name.split(",")
    return name if len(name) <= LONGEST or not others else f"{first} and {len(others)} others"


def quotes_in(text: str) -> str:
    """What to add to a complaint about text that has typographic quotes; else nothing.

    A word processor puts them in place of the plain ones, and they look much alike.
    """
    found = _TYPOGRAPHIC.search(text)
    if found is None:
        return ""
    line = text.count("\n", 0, found.start()) + 1
    return f"; line {line} has the typographic quote {found[0]}, where plain \" or ' is meant"
