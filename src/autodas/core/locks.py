"""One process at a time: a lock that the system takes back when its holder dies, however it dies.

The lock is the system's, on a file that holds the process number of the holder. The number is for
people alone: whether the lock is taken is the system's word, so the file that a killed process
leaves behind, and a number that has meanwhile been given to another process, stop nobody.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import lock_descriptor

from autodas.core.errors import FileProblem, InvalidInput

__all__ = ["locked"]


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``, made if it is not there, until the end of the block.

    Raises:
        InvalidInput: another process holds it; the message gives its number.
        FileProblem: the file cannot be made, or the file system knows no locks.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise FileProblem(path, f"cannot be opened to lock it: {error.strerror}") from error
    try:
        _take(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> None:
    try:
        taken = lock_descriptor(descriptor, blocking=False)
    except OSError as error:
        raise FileProblem(path, f"cannot be locked: {error.strerror or error}") from error
    if not taken:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise InvalidInput(
            f"{path.parent} is in use by process {holder}; wait for it, or choose another --out"
        )
    # On a full disk the number is missing and the lock holds all the same.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
