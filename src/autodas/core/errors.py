"""Errors a user can cause. ``str(error)`` is one line that names the offending value.

The command line prints that line and exits with status 2; a traceback means a defect of ours.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from autodas.core.printable import printable

__all__ = ["AutodasError", "FileProblem", "InvalidInput", "MissingData", "UnknownName"]


LONGEST = 2_000


class AutodasError(Exception):
    """Root of all errors that are explained to the user in one line.

    Whatever the message quotes, it is one line of at most ``LONGEST`` characters and holds nothing
    that a terminal would obey.
    """

    def __init__(self, message: str = "") -> None:
        line = printable(" ".join(message[: 2 * LONGEST].splitlines()))
        super().__init__(line if len(line) <= LONGEST else line[: LONGEST - 1] + "…")


class InvalidInput(AutodasError):
    """A value given by the user is not acceptable."""


class UnknownName(InvalidInput):
    """A name is not in a catalogue; the message suggests the nearest one.

    Args:
        kind: What the name should denote, e.g. ``"statistic"``.
        name: The name that was given.
        known: The names that would be accepted.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(sorted(known))
        super().__init__(f"unknown {kind} {name!r}; {self._advice()}")

    def _advice(self) -> str:
        close = difflib.get_close_matches(self.name, self.known, n=1, cutoff=0.5)
        if close:
            return f"did you mean {close[0]!r}?"
        if not self.known:
            return "none is defined"
        shown = ", ".join(self.known[:12])
        return f"choose from {shown}" + (", …" if len(self.known) > 12 else "")


class FileProblem(AutodasError):
    """A file cannot be used: unreadable, damaged or not of the expected format."""

    def __init__(self, path: Path | str, why: str) -> None:
        self.path = Path(path)
        self.why = why
        super().__init__(f"{printable(str(path))}: {why}")


class MissingData(AutodasError):
    """Data or an optional package is absent; the message says how to get it."""
