"""Amounts of memory as people write them."""

from __future__ import annotations

import re

from autodas.core.errors import InvalidInput

__all__ = ["parse_bytes"]

_UNITS = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "ki": 1 << 10,
    "mi": 1 << 20,
    "gi": 1 << 30,
}


def parse_bytes(text: str) -> int:
    """The number of bytes of ``512MB``, ``1.5 GiB``, ``0`` or the like; case does not matter.

    Raises:
        InvalidInput: the text is no amount of memory.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]i?)?b?\s*", text.lower(), flags=re.ASCII)
    # More digits than these are no memory, and no float either.
    if found is None or len(found[1]) > 30:
        raise InvalidInput(f"an amount of memory is written like 512MB or 2GiB, got {text!r}")
    return int(float(found[1]) * _UNITS[found[2] or ""])
