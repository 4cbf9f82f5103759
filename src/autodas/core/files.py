"""Files appear whole or not at all, and are read with limits.

What is read may be damaged or made to harm: sizes are looked at before anything is allocated,
and JSON is taken strictly, without the numbers and characters that other programs choke on.

Nothing is written through links in a run directory of somebody else. The directory itself may be a
link, which is the user's own choice. A file in it that is a link is replaced; a folder in it that
is a link is refused, because what is written below it would land wherever the link points.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import lock_descriptor

from autodas.core.errors import FileProblem
from autodas.core.text import quotes_in, text_of

__all__ = [
    "LARGEST_JSON",
    "json_text",
    "parse_json",
    "read_bytes",
    "read_json",
    "refuse_linked_folders",
    "write_bytes",
    "write_json",
    "write_pieces",
    "write_text",
]

LARGEST_JSON = 1 << 24
"""Bytes of the largest JSON file that is read; as objects it takes some thirty times as many."""

LARGEST_FILE = 1 << 31
DEEPEST = 100
UNFINISHED = ".tmp"
LONGEST_NUMBER = 300  # digits; the largest float has 309
_NUMBER = re.compile(rb"\d{%d}" % (LONGEST_NUMBER + 1))
_EXPONENT = re.compile(rb"\d[eE]\+?\d")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def write_bytes(path: Path, data: bytes, *, lasting: bool = True) -> None:
    """Write ``data`` to ``path`` atomically: a reader sees the old file or the new one.

    A process that is killed in the middle leaves an unfinished file of a name that nobody reads,
    ``.NAME.????????.tmp``; whoever writes the same file next removes it.

    Args:
        path: The file.
        data: Its content.
        lasting: Wait until the disk has it, so that it outlives a power cut. Where a damaged file
            counts as none, that is not worth the milliseconds.

    Raises:
        FileProblem: the folder cannot be written to, or the disk is full.
    """
    write_pieces(path, [data], lasting=lasting)


def write_pieces(path: Path, pieces: Iterable[bytes | memoryview], *, lasting: bool = True) -> None:
    """As :func:`write_bytes`, of what need not be in memory at once.

    Raises:
        FileProblem: the folder cannot be written to, or the disk is full.
        AutodasError: whatever is raised on the way to a piece; nothing is left then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        descriptor, name = _unfinished(path)
        try:
            with os.fdopen(descriptor, "wb") as handle:
                for piece in pieces:
                    handle.write(piece)
                handle.flush()
                if lasting:
                    os.fsync(handle.fileno())
                # mkstemp makes files only the owner can read; results are meant to be shared.
                Path(name).chmod(0o644)
                Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise FileProblem(path, f"cannot be written: {error.strerror or error}") from error


def _unfinished(path: Path) -> tuple[int, str]:
    """A new file beside ``path``, locked as long as it is open."""
    while True:
        descriptor, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED
        )
        lock_descriptor(descriptor)
        # Between the two lines somebody who writes the same file may have swept it away.
        if os.path.lexists(name):
            return descriptor, name
        os.close(descriptor)


def _sweep(path: Path) -> None:
    """Remove what killed writers of ``path`` have left; the lock of a living one holds."""
    prefix = f".{path.name}."
    with os.scandir(path.parent) as entries:
        names = [
            entry.path
            for entry in entries
            if entry.name.startswith(prefix) and entry.name.endswith(UNFINISHED)
        ]
    for name in names:
        with contextlib.suppress(OSError):
            descriptor = os.open(name, os.O_RDWR | os.O_NOFOLLOW)
            try:
                if lock_descriptor(descriptor, blocking=False):
                    Path(name).unlink()
            finally:
                os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically; see :func:`write_bytes`."""
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        bad = text[error.start : error.start + 1]
        raise FileProblem(path, f"cannot be written: {bad!r} is no character") from None
    write_bytes(path, data)


def json_text(value: Any) -> str:  # noqa: ANN401
    """Readable JSON, as :func:`write_json` writes it."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401
    """Write readable JSON atomically. NaN and infinity are refused: they are not JSON."""
    write_text(path, json_text(value))


def read_bytes(path: Path, most: int = LARGEST_FILE) -> bytes:
    """The content of a file.

    Args:
        path: A regular file, or a link to one: reading a device or a pipe may never end.
        most: Bytes; a larger file is refused before it is read.

    Raises:
        FileProblem: it is missing, unreadable, too large or no file.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as handle:
            state = os.fstat(handle.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise FileProblem(path, "is not a regular file")
            # Not up to ``most``: that many bytes would be allocated before the first is read.
            data = handle.read(state.st_size) if state.st_size <= most else b""
    except FileNotFoundError:
        raise FileProblem(path, "no such file") from None
    except (OSError, ValueError) as error:
        # ValueError: a name with a NUL.
        why = getattr(error, "strerror", None) or error
        raise FileProblem(path, f"cannot be read: {why}") from None
    if state.st_size > most:
        raise FileProblem(path, f"has {state.st_size} bytes; at most {most} are read")
    return data


def _without_waiting(path: str, flags: int) -> int:
    # Opening a pipe that nobody writes to would wait for ever.
    return os.open(path, flags | os.O_NONBLOCK)


def read_json(path: Path, most: int = LARGEST_JSON) -> Any:  # noqa: ANN401
    """Read a JSON file; see :func:`parse_json`.

    Raises:
        FileProblem: it is missing, unreadable, larger than ``most`` bytes or not JSON.
    """
    return parse_json(read_bytes(path, most), path)


def parse_json(data: bytes, path: Path | str) -> Any:  # noqa: ANN401
    """JSON as RFC 8259 has it: UTF-8, no NaN or infinity, every number within a float's range.

    An object that says a key twice is refused: one of its values would count, and nobody knows
    which was meant.

    Args:
        data: The text.
        path: Named in messages.

    Raises:
        FileProblem: it is not that, nested deeper than ``DEEPEST``, or has a number of more than
            ``LONGEST_NUMBER`` digits.
    """
    text = text_of(data, path)
    try:
        if _NUMBER.search(data):
            raise ValueError(f"a number of more than {LONGEST_NUMBER} digits")
        # Without an exponent, a number of so few digits is finite; asking for each takes time.
        parse_float = _finite if _EXPONENT.search(data) else None
        value = json.loads(
            text, parse_constant=_finite, parse_float=parse_float, object_pairs_hook=_once
        )
        _check_depth(value)
        if _SURROGATE.search(data):
            json.dumps(value, ensure_ascii=False).encode()  # half a character is no text
    except (ValueError, RecursionError) as error:
        why = " ".join(str(error).split())[:200]
        raise FileProblem(path, f"is not valid JSON ({why}){quotes_in(text)}") from None
    return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise ValueError(f"an object has the key {twice[:30]!r} twice")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:30]} is no number that can be computed with")
    return value


def _check_depth(value: object) -> None:
    # What Python itself does with deep nesting depends on how deep its own stack is.
    level, depth = [value], 0
    while level := [
        inner for each in level for inner in _inside(each) if isinstance(inner, dict | list)
    ]:
        depth += 1
        if depth >= DEEPEST:
            raise ValueError(f"nested deeper than {DEEPEST}")


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def refuse_linked_folders(path: Path, names: Iterable[str]) -> None:
    """Look before anything is written below ``path``.

    Args:
        path: A run directory; it need not exist.
        names: Folders that the run makes in it. Others are the user's own, and may be links.

    Raises:
        FileProblem: one of them, or a folder below it, is a link; the message names it.
    """
    for name in names:
        _refuse(path / name)
        for parent, folders, files in os.walk(path / name):
            for each in (*folders, *files):
                _refuse(Path(parent, each))


def _refuse(path: Path) -> None:
    # A link to a file is replaced; one that leads nowhere might become a folder.
    if path.is_symlink() and not path.is_file():
        raise FileProblem(path, "is a link; nothing is written through links")
