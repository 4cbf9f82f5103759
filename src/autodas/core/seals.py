"""Digests by which a file is known to hold what was written into it.

A JSON document that travels alone (a proxy, the description of weights, the header of a table)
carries its digest in itself, as ``"seal": "sha256:…"``. The files of a run directory have theirs
in ``digests.json`` beside them. A document without a seal, such as one written by hand, is read as
it is; one whose seal is wrong was damaged or changed, and is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from autodas.core.digest import digest, digest_bytes
from autodas.core.errors import FileProblem
from autodas.core.files import parse_json, read_bytes, read_json, write_bytes, write_json

__all__ = [
    "DIGESTS",
    "note_digests",
    "read_checked",
    "read_checked_json",
    "read_sealed",
    "sealed",
    "unsealed",
    "write_checked",
]

KEY = "seal"
MARK = "sha256:"
DIGESTS = "digests.json"
FORMAT = "autodas-digests"


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """``content`` with its seal, which replaces an old one; keys and values are JSON's."""
    plain = json.loads(json.dumps({key: value for key, value in content.items() if key != KEY}))
    return {**plain, KEY: MARK + digest(plain)}


def read_sealed(path: Path) -> Any:  # noqa: ANN401 - JSON is dynamically typed
    """A JSON file without its seal, which is checked if there is one.

    Raises:
        FileProblem: the file cannot be read, or its seal is not that of its content.
    """
    return unsealed(read_json(path), path)


def unsealed(content: Any, path: Path | str) -> Any:  # noqa: ANN401 - JSON is dynamically typed
    """``content`` without its seal, which is checked if there is one.

    Raises:
        FileProblem: the seal is not that of the content; the message names ``path``.
    """
    if not isinstance(content, dict):
        return content
    content = dict(content)
    # By its value as well: a damaged key must not make the document one without a seal.
    if KEY in content or any(_is_mark(value) for value in content.values()):
        seal = content.pop(KEY, None)
        if seal != MARK + digest(content):
            raise FileProblem(path, "was changed or damaged: its seal does not fit its content")
    return content


def _is_mark(value: object) -> bool:
    return isinstance(value, str) and value.startswith(MARK)


def write_checked(path: Path, data: bytes) -> None:
    """Write a file of a run directory, its digest first.

    Until the file itself is written the digest of the old content stays valid as well, so a kill
    between the two leaves a folder that is right.

    Raises:
        FileProblem: the folder cannot be written to.
    """
    note_digests(path.parent, {path.name: data})
    write_bytes(path, data)


def note_digests(folder: Path, files: Mapping[str, bytes]) -> None:
    """Say in ``digests.json`` what is about to be written; what the folder holds stays valid."""
    known = _digests(folder)
    for name, data in files.items():
        now = digest_bytes(read_bytes(folder / name)) if (folder / name).is_file() else ""
        still = [now] if now in known.get(name, []) else []
        known[name] = list(dict.fromkeys([digest_bytes(data), *still]))
    write_json(folder / DIGESTS, sealed({"format": FORMAT, "files": known}))


def read_checked(path: Path) -> bytes:
    """A file of a run directory, which is as it was written.

    Raises:
        FileProblem: it cannot be read, or is not what ``digests.json`` beside it says.
    """
    data = read_bytes(path)
    accepted = _digests(path.parent).get(path.name)
    if accepted is not None and digest_bytes(data) not in accepted:
        raise FileProblem(path, f"was changed or damaged since it was written ({DIGESTS})")
    return data


def read_checked_json(path: Path) -> Any:  # noqa: ANN401 - JSON is dynamically typed
    """The same of a JSON file."""
    return parse_json(read_checked(path), path)


def _digests(folder: Path) -> dict[str, list[str]]:
    path = folder / DIGESTS
    if not path.is_file():
        return {}
    content = read_sealed(path)
    files = content.get("files") if isinstance(content, dict) else None
    if not isinstance(files, dict) or content.get("format") != FORMAT:
        raise FileProblem(path, f"is not a file of digests; its 'format' must be {FORMAT!r}")
    return {str(name): _texts(path, each) for name, each in files.items()}


def _texts(path: Path, value: object) -> list[str]:
    if not isinstance(value, Iterable) or isinstance(value, str):
        raise FileProblem(path, "must hold a list of digests for every file")
    return [str(each) for each in value]
