"""Benchmarks in the files of their authors' programs: read once, kept as CSV in the cache.

Reading the originals takes minutes, reading the CSV takes seconds. The CSV belongs to exactly the
files it was made from: their place, sizes and times are part of its name.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from autodas.core.digest import digest, digest_bytes, digest_file
from autodas.core.errors import FileProblem
from autodas.core.files import write_text
from autodas.core.keys import key_of
from autodas.core.places import cache_folder
from autodas.tables.nasbench101_official import COLUMNS, nasbench101_rows
from autodas.tables.nasbench201_official import (
    is_nats_folder,
    nasbench201_columns,
    nasbench201_rows,
)
from autodas.tables.tfrecord import is_tfrecord

__all__ = ["is_official", "official_csv", "official_text", "refuse_pickles"]

PICKLES = {
    b"BZh": "is packed by bzip2: of NATS-Bench the folder NATS-tss-…-simple is read, not the one "
    "large file",
    b"PK\x03\x04": "is an archive, perhaps of PyTorch, that is not read for safety; of "
    "NAS-Bench-201 the folder NATS-tss-…-simple of NATS-Bench is read",
    b"\x80": "is a pickle, which is a program and is not run; of NAS-Bench-201 the folder "
    "NATS-tss-…-simple of NATS-Bench is read",
}


def is_official(path: Path) -> bool:
    """Whether this is NAS-Bench-101's record file or NAS-Bench-201's folder."""
    return is_nats_folder(path) if path.is_dir() else is_tfrecord(path)


def official_csv(path: Path) -> Path:
    """The CSV made from an original, which is made now if it is not in the cache.

    Raises:
        FileProblem: the original is damaged, or the cache cannot be written.
    """
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    stats = [(each.name, each.stat()) for each in files]
    state = [(name, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for name, s in stats]
    key = key_of(str(path.resolve()), state, code=("tables", "core/opcodes.py"))[:16]
    found = cache_folder() / "tables" / f"{path.stem}-{key}.csv"
    checksum = found.with_suffix(".sha256")
    if not _is_whole(found, checksum):
        text = official_text(path)
        write_text(checksum, digest(found.name, digest_bytes(text.encode())) + "\n")
        write_text(found, text)
    return found


def _is_whole(file: Path, checksum: Path) -> bool:
    try:
        stated = checksum.read_text(encoding="ascii").strip()
        # With the name, so that another table is not believed in this one's place.
        return stated == digest(file.name, digest_file(file))
    except (OSError, ValueError):
        return False  # absent or damaged: either way it is to be made


def official_text(path: Path) -> str:
    """The content of the CSV of an original.

    Raises:
        FileProblem: the original is neither of the two, or is damaged.
    """
    columns: Sequence[str]
    if is_nats_folder(path):
        columns, rows = nasbench201_columns(), nasbench201_rows(path)
    elif is_tfrecord(path):
        columns, rows = COLUMNS, nasbench101_rows(path)
    else:
        refuse_pickles(path, path.read_bytes()[:4] if path.is_file() else b"")
        raise FileProblem(path, "is neither records of NAS-Bench-101 nor a folder of NATS-Bench")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def refuse_pickles(path: Path, head: bytes) -> None:
    """Say what to use instead of a file that only running it would open.

    Raises:
        FileProblem: ``head``, the first bytes, are those of such a file.
    """
    for start, why in PICKLES.items():
        if head.startswith(start):
            raise FileProblem(path, why)
