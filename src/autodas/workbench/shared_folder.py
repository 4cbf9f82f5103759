"""A folder of the driver, which workers on other machines may or may not see.

Workers leave large results in files. Where driver and worker share the folder, that is all; where
they do not, a worker writes into a folder of its own and sends the files back with its result.
"""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import lock_descriptor

from autodas.backends import Backend, Ray
from autodas.core.errors import FileProblem
from autodas.core.files import refuse_linked_folders, write_bytes

__all__ = ["Home", "forget_the_dead", "home", "unpack"]

MARKS = ".drivers"
"""Folder of the marks, so that none is looked for among a million files."""


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
    forget_the_dead(folder)
    if not isinstance(runner, Ray):
        yield Home(folder)
        return
    path, descriptor = _new_mark(folder)
    try:
        yield Home(folder, str(path.relative_to(folder)))
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)
        _remove_if_empty(path.parent)


def _new_mark(folder: Path) -> tuple[Path, int]:
    """A new file in the folder, locked as long as its driver lives."""
    refuse_linked_folders(folder, [MARKS])
    while True:
        path = folder / MARKS / secrets.token_hex(8)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        except FileNotFoundError:
            continue  # somebody has just removed the empty folder
        except OSError as error:
            raise FileProblem(path, f"cannot be written: {error.strerror or error}") from error
        # Where the file system knows no locks the next driver may take the mark away. Then
        # results are sent home that could have been written: as right, and slower.
        with contextlib.suppress(OSError):
            lock_descriptor(descriptor)
        # Before it was locked somebody may have swept it away.
        if path.exists():
            return path, descriptor
        os.close(descriptor)


def forget_the_dead(folder: Path) -> None:
    """Remove what killed drivers have left in a folder; nothing happens if that is impossible."""
    marks = folder / MARKS
    if marks.is_symlink() or not marks.is_dir():
        return
    for path in marks.iterdir():
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                dead = lock_descriptor(descriptor, blocking=False)
                if dead and not os.fstat(descriptor).st_size:
                    path.unlink()
            finally:
                os.close(descriptor)
    _remove_if_empty(marks)


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
