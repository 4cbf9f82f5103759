"""A folder of the driver, which workers on other machines may or may not see.

Workers leave large results in files. Where driver and worker share the folder, that is all; where
they do not, a worker writes into a folder of its own and sends the files back with its result.
"""

from __future__ import annotations

import contextlib
import platform
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from autodas.backends import Backend, Ray
from autodas.core.errors import FileProblem
from autodas.core.files import write_bytes

__all__ = ["Home", "home", "unpack"]


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
    mark = f".driver-{secrets.token_hex(8)}"
    write_bytes(folder / mark, b"")
    try:
        yield Home(folder, mark)
    finally:
        (folder / mark).unlink(missing_ok=True)
