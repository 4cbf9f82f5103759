"""Where files lie that belong to the machine rather than to a run."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from autodas.core.errors import FileProblem, MissingData

__all__ = [
    "CACHE_VARIABLE",
    "DATA_VARIABLE",
    "cache_folder",
    "can_be_written",
    "data_file",
    "data_folder",
    "scratch_folder",
]

CACHE_VARIABLE = "AUTODAS_CACHE"
DATA_VARIABLE = "AUTODAS_DATA"


def cache_folder(chosen: Path | None = None) -> Path:
    """The folder for what can be computed again; it need not exist.

    Args:
        chosen: What the user asked for; else ``AUTODAS_CACHE``; else the system's usual place.
    """
    if chosen is not None:
        return chosen.expanduser()
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "autodas"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "autodas"


def can_be_written(folder: Path) -> bool:
    """Whether files can be made in ``folder``, which is made if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@lru_cache(maxsize=1)
def scratch_folder() -> Path:
    """A folder in place of a cache that cannot be written; it goes with this process.

    Raises:
        FileProblem: there is no room for it either.
    """
    try:
        folder = tempfile.mkdtemp(prefix="autodas-")
    except OSError as error:
        raise FileProblem(
            tempfile.gettempdir(), f"cannot stand in for the cache: {error.strerror or error}"
        ) from error
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def data_folder() -> Path | None:
    """The folder of optional data named by ``AUTODAS_DATA``; None if the variable is not set.

    Raises:
        FileProblem: the variable names something that is not a folder.
    """
    named = os.environ.get(DATA_VARIABLE)
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise FileProblem(folder, f"{DATA_VARIABLE} names it, and it is not a folder")
    return folder


def data_file(name: str) -> Path:
    """A file of the optional data.

    Raises:
        MissingData: there is no such file; the message says how to provide it.
        FileProblem: ``AUTODAS_DATA`` names something that is not a folder.
    """
    folder = data_folder()
    if folder is None:
        raise MissingData(f"{name} is needed: set {DATA_VARIABLE} to the folder that holds it")
    if not (folder / name).is_file():
        raise MissingData(f"{name} is needed, and {DATA_VARIABLE}={folder} does not hold it")
    return folder / name
