"""Where files lie that belong to the machine rather than to a run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from autodas.core.errors import FileProblem, MissingData

__all__ = ["CACHE_VARIABLE", "DATA_VARIABLE", "cache_folder", "data_file", "data_folder"]

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
