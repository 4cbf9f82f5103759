"""Text of unknown origin, made fit for a terminal.

Names come out of files. An escape sequence in one could move the cursor, hide what is written or
answer in the user's place; a mark for right-to-left writing could show a path as another one.
"""

from __future__ import annotations

import json

__all__ = ["printable", "printable_json", "printable_lines"]


def printable(text: str) -> str:
    r"""``text`` on one line; what cannot be seen is written as an escape such as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def printable_lines(text: str) -> str:
    """The same for text whose line feeds and tabs are meant."""
    return "".join(c if c.isprintable() or c in "\n\t" else _escaped(c) for c in text)


def printable_json(text: str) -> str:
    r"""The same for compact JSON, which stays JSON of the same content: ``\u001b``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
