"""An append-only file of what was done so far, believed line by line.

A line is ``CHECKSUM OWNER NUMBER {…}``: the first 16 digits of the SHA-256 of the rest, which run
it belongs to, its number from 0, and the record. So a line that was torn by a crash, damaged on
disk, doubled or brought here from another run is left out, and its work is done again instead of
being believed.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autodas.core.digest import canonical_json, digest, digest_bytes
from autodas.core.errors import FileProblem
from autodas.core.files import read_bytes, write_bytes

__all__ = ["Journal"]

CHECKSUM_DIGITS = 16
OWNER_DIGITS = 8
NOBODY = "-" * OWNER_DIGITS
_HEAD = re.compile(rb"([0-9a-f-]{8}) (\d{1,18}) (?=\{)")


@dataclass(frozen=True)
class _Line:
    """An intact line."""

    text: bytes
    record: dict[str, Any]
    owner: str
    number: int


class Journal:
    """An append-only file of JSON records that survives kill -9.

    Args:
        path: The file; it need not exist.
        owner: Digest of what the records depend on; those of another are left out. Without one
            all intact records are read.
    """

    def __init__(self, path: Path, owner: str = "") -> None:
        self.path = path
        self.owner = owner[:OWNER_DIGITS]
        self._next: int | None = None

    def bound_to(self, *content: Any) -> Journal:  # noqa: ANN401 - whatever has a digest
        """The same file for records that depend on ``content`` as well."""
        return Journal(self.path, digest(self.owner, *content))

    def records(self) -> list[dict[str, Any]]:
        """All intact records in the order written; damaged lines are skipped.

        Raises:
            FileProblem: the file exists and cannot be read.
        """
        return [line.record for line in self._lines()]

    def unbroken(self) -> list[dict[str, Any]]:
        """The records up to the first that is missing; what comes after it is given up.

        For work in which every step builds on the ones before.

        Raises:
            FileProblem: the file exists and cannot be read, or not be shortened.
        """
        found: list[dict[str, Any]] = []
        for line in self._lines():
            if line.number != len(found):
                self._keep(len(found))
                break
            found.append(line.record)
        return found

    def _keep(self, count: int) -> None:
        """Leave the first ``count`` lines in the file."""
        self._next = None
        kept = (b"\n" + line.text + b"\n" for line in itertools.islice(self._lines(), count))
        write_bytes(self.path, b"".join(kept))

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one record; it is on disk when this returns.

        Raises:
            FileProblem: the disk is full or the file cannot be written.
        """
        body = canonical_json(dict(record)).encode()
        if self._next is None:
            self._next = max((line.number for line in self._lines()), default=-1) + 1
        text = f"{self.owner or NOBODY} {self._next} ".encode() + body
        # The leading newline closes a line that an earlier crash may have left torn.
        data = b"\n" + _checksum(text) + b" " + text + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "ab", opener=_not_through_links) as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
        except OSError as error:
            # How much of it is there is unknown.
            self._next = None
            raise FileProblem(self.path, f"cannot be written: {error.strerror or error}") from error
        self._next += 1

    def _lines(self) -> Iterator[_Line]:
        if not os.path.lexists(self.path):
            return
        seen: set[int] = set()
        for text in read_bytes(self.path).split(b"\n"):
            line = _parse(text)
            if line is None or (self.owner and line.owner != self.owner):
                continue
            if line.number not in seen:
                seen.add(line.number)
                yield line


def _checksum(body: bytes) -> bytes:
    return digest_bytes(body)[:CHECKSUM_DIGITS].encode()


def _parse(line: bytes) -> _Line | None:
    checksum, _, rest = line.partition(b" ")
    if not rest or checksum != _checksum(rest):
        return None
    head = _HEAD.match(rest)
    if head is None:
        return None
    try:
        record = json.loads(rest[head.end() :])
    except (ValueError, RecursionError):
        return None  # not a line of ours, whatever its checksum
    if not isinstance(record, dict):
        return None
    return _Line(line, record, head[1].decode(), int(head[2]))


def _not_through_links(path: str, flags: int) -> int:
    # A run directory of others may hold a link to a file of ours.
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)
