"""Files out of a folder or a compressed archive, read into memory and nowhere else.

An archive can name files outside the folder it is unpacked into, or hold links to such. Nothing
is unpacked here, and an archive that tries is refused as a whole.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from autodas.core.errors import FileProblem

__all__ = ["read_bundle"]

LARGEST = 2**28  # bytes in one file; the largest of the official ones has 155 MB


def read_bundle(place: Path, folder: str, names: Sequence[str]) -> dict[str, bytes]:
    """The content of ``names``.

    Args:
        place: The folder that holds them, or a ``.tar.gz`` archive of that folder.
        folder: Name of the folder inside the archive.
        names: Wanted files.

    Raises:
        FileProblem: a file is missing, too large or damaged, or the archive holds links or names
            that point outside.
    """
    if place.is_dir():
        return {name: _read(place / name) for name in names}
    wanted = {f"{folder}/{name}": name for name in names}
    try:
        with tarfile.open(place, "r:gz") as archive:
            found = _extract(archive, place, wanted)
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        why = " ".join(str(error).split())
        raise FileProblem(place, f"is cut off or no .tar.gz archive ({why})") from None
    except OSError as error:
        raise FileProblem(place, f"cannot be read: {error.strerror or error}") from error
    if absent := sorted(set(names) - found.keys()):
        raise FileProblem(place, f"holds no {folder}/{absent[0]}")
    return found


def _read(file: Path) -> bytes:
    try:
        size = file.stat().st_size
        if size > LARGEST:
            raise FileProblem(file, f"has {size} bytes, at most {LARGEST} are expected")
        return file.read_bytes()
    except OSError as error:
        raise FileProblem(file, f"cannot be read: {error.strerror or error}") from error


def _extract(archive: tarfile.TarFile, place: Path, wanted: dict[str, str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for member in archive:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts:
            raise FileProblem(place, f"holds {member.name!r}, which lies outside; it is refused")
        if not (member.isfile() or member.isdir()):
            raise FileProblem(place, f"holds {member.name!r}, a link or device; it is refused")
        if member.size > LARGEST:
            raise FileProblem(
                place,
                f"holds {member.name!r} of {member.size} bytes, at most {LARGEST} are expected",
            )
        name = wanted.get(str(path))
        if name is None or not member.isfile():
            continue
        if name in found:
            raise FileProblem(place, f"holds {member.name!r} twice")
        handle = archive.extractfile(member)
        found[name] = b"" if handle is None else handle.read()
    return found
