"""Where files lie that belong to the machine rather than to a run."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import stat
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from autodas.core.errors import FileProblem, InvalidInput, MissingData

__all__ = [
    "CACHE_VARIABLE",
    "DATA_VARIABLE",
    "cache_folder",
    "can_be_written",
    "data_file",
    "data_folder",
    "expanded",
    "scratch_folder",
    "stand_in",
]

CACHE_VARIABLE = "AUTODAS_CACHE"
DATA_VARIABLE = "AUTODAS_DATA"


def cache_folder(chosen: Path | None = None) -> Path:
    """The folder for what can be computed again; it need not exist.

    Args:
        chosen: What the user asked for; else ``AUTODAS_CACHE``; else the system's usual place;
            without a home folder, one among the temporary files.

    Raises:
        InvalidInput: it begins with ``~``, and there is no home folder.
    """
    if chosen is not None:
        return expanded(chosen)
    if named := os.environ.get(CACHE_VARIABLE):
        return expanded(Path(named))
    if sys.platform != "darwin" and (base := os.environ.get("XDG_CACHE_HOME")):
        return Path(base) / "autodas"
    if (without := stand_in()) is not None:
        return without
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "autodas"


def stand_in() -> Path | None:
    """Where the cache is for want of a home folder; None if there is one or another is named."""
    naming = (CACHE_VARIABLE, *(["XDG_CACHE_HOME"] if sys.platform != "darwin" else ()))
    if any(os.environ.get(name) for name in naming):
        return None
    try:
        Path.home()
    except RuntimeError:
        return _temporary()
    return None


def _of_user() -> Path:
    return Path(tempfile.gettempdir()) / f"autodas-{os.getuid()}"


def _temporary() -> Path:
    """A folder of this user among the temporary files.

    Whoever else could write into it could have files read that are not ours, so then it is one
    of this process alone.
    """
    folder = _of_user()
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
        mine = stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid()
        if mine and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return folder
    return scratch_folder()


def expanded(path: Path) -> Path:
    """The path with the home folder in place of ``~``.

    Raises:
        InvalidInput: there is no home folder, or no such user.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        raise InvalidInput(
            f"{path}: there is no home folder to put in place of ~; set HOME, or give a path "
            "without it"
        ) from None


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
    folder = expanded(Path(named))
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
