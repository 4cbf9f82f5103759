"""A folder of the driver, which workers on other machines may or may not see.

Workers leave large results in files. Where driver and worker share the folder, that is all; where
they do not, a worker writes into a folder of its own and sends the files back with its result.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from autodas.backends import Backend, Ray
from autodas.core.errors import FileProblem
from autodas.core.files import write_bytes

__all__ = ["Home", "home", "unpack"]

MARK, MARK_BYTES = ".driver-", 8
OF_MARKS = re.compile(rf"{re.escape(MARK)}[0-9a-f]{{{2 * MARK_BYTES}}}")


@dataclass(frozen=True)
class Home:
    """Where results belong.

    Attributes:
        folder: The folder, absolute.
        mark: A file in it that is there for this run alone, by which a worker knows that it sees
            the folder of the driver and not one of the same name; empty if all workers see it.
    """

    folder: Path
    mark: str = ""

    @property
    def seen(self) -> bool:
        """Whether it is here."""
        return not self.mark or (self.folder / self.mark).exists()

    def require(self, what: str) -> None:
        """Refuse to go on where it cannot be seen.

        Raises:
            FileProblem: it cannot; the message says ``what`` needs it.
        """
        if not self.seen:
            raise FileProblem(
                self.folder, f"cannot be seen from {platform.node()}; {what} need a shared folder"
            )

    @contextlib.contextmanager
    def visited(self) -> Iterator[Path]:
        """The folder if it is here, else another one for the time being."""
        if self.seen:
            yield self.folder
        else:
            with TemporaryDirectory(prefix="autodas-") as elsewhere:
                yield Path(elsewhere)

    def parcel(self, folder: Path) -> dict[str, bytes]:
        """What has to be sent home of a visited folder; nothing if it is home."""
        if folder == self.folder:
            return {}
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def unpack(parcel: Mapping[str, bytes], folder: Path) -> None:
    """Write the files of a parcel into a folder."""
    for name, content in parcel.items():
        write_bytes(folder / name, content)


@contextlib.contextmanager
def home(folder: Path, runner: Backend) -> Iterator[Home]:
    """The folder as a home for the units of a runner, while they run.

    Raises:
        FileProblem: the folder cannot be written to.
    """
    folder = folder.absolute()
    if not isinstance(runner, Ray):
        yield Home(folder)
        return
    with _marked(folder) as mark:
        yield Home(folder, mark)


@contextlib.contextmanager
def _marked(folder: Path) -> Iterator[str]:
    """The name of a new file in the folder, locked as long as its driver lives.

    It goes with the block; what a killed driver has left goes with the next one's.
    """
    path, descriptor = _new_mark(folder)
    try:
        _sweep(folder)
        yield path.name
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _new_mark(folder: Path) -> tuple[Path, int]:
    while True:
        path = folder / f"{MARK}{secrets.token_hex(MARK_BYTES)}"
        write_bytes(path, b"")
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
            # Where the file system knows no locks the next driver may take the mark away. Then
            # results are sent home that could have been written: as right, and slower.
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Before it was locked somebody may have swept it away.
            if path.exists():
                return path, descriptor
            os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove the marks of killed drivers."""
    for path in folder.glob(f"{MARK}*"):
        with contextlib.suppress(OSError):
            state = path.lstat()
            if not _ours(path.name, state):
                continue
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)


def _ours(name: str, state: os.stat_result) -> bool:
    return bool(OF_MARKS.fullmatch(name)) and stat.S_ISREG(state.st_mode) and not state.st_size
