"""TOML out of a file: with limits, and one line for whatever is wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from autodas.core.errors import FileProblem
from autodas.core.files import read_bytes
from autodas.core.text import quotes_in, text_of

__all__ = ["LARGEST_TOML", "leaves", "parse_toml", "read_toml"]

LARGEST_TOML = 1 << 17
"""Bytes of the largest TOML file that is read."""

DEEPEST = 20
MOST_DOTS = 500  # in a line; what tomllib takes for a dotted key grows with their square


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        FileProblem: it cannot be read, is too large or not TOML.
    """
    return parse_toml(read_bytes(path, LARGEST_TOML), path)


def parse_toml(data: bytes, path: Path | str) -> dict[str, Any]:
    """TOML as text says it.

    Args:
        data: The text.
        path: Named in messages.

    Raises:
        FileProblem: it is no TOML, nested deeper than ``DEEPEST``, or has more than ``MOST_DOTS``
            dots in a line.
    """
    text = ""
    try:
        if len(data) > LARGEST_TOML:
            raise ValueError(f"{len(data)} bytes; at most {LARGEST_TOML} are read")
        if max(line.count(b".") for line in data.split(b"\n")) > MOST_DOTS:
            raise ValueError(f"more than {MOST_DOTS} dots in a line")
        text = text_of(data, path)
        content = tomllib.loads(text)
        if _depth(content) > DEEPEST:
            raise ValueError(f"nested deeper than {DEEPEST}")
    # tomllib lets ValueError and RecursionError of long numbers and deep nesting through.
    except (ValueError, RecursionError) as error:
        why = " ".join(str(error).split())[:200]
        raise FileProblem(path, f"is not valid TOML ({why}){quotes_in(text)}") from None
    return content


def leaves(content: Mapping[str, Any], table: str = "") -> Iterator[tuple[str, Any]]:
    """Values by name, those of a table as ``table.name``."""
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{table}{name}.")
        else:
            yield table + name, value


def _depth(value: object) -> int:
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        depth += 1
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)  # type: ignore[attr-defined]
            if isinstance(inner, dict | list)
        ]
    return depth
