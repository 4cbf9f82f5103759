"""What a worker of Ray does with one unit, on whichever node it runs."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from autodas.backends.serial import attempt
from autodas.backends.worker import ONE_THREAD
from autodas.core.errors import InvalidInput
from autodas.core.places import CACHE_VARIABLE, DATA_VARIABLE
from autodas.core.results import Result

__all__ = ["Setting", "environment", "execute"]

TOLD = (CACHE_VARIABLE, DATA_VARIABLE)
# Another version of these may give numbers that differ in the last digit.
DECISIVE = ("autodas", "torch", "numpy", "scipy")


@dataclass(frozen=True)
class Setting:
    """What all units of a run share. It lies in the object store, once for each node.

    Attributes:
        fn: What is applied to every item.
        folder: Where the driver works; relative paths mean the same on nodes that have it, too.
        versions: What the driver computes with.
    """

    fn: Callable[[Any], Any]
    folder: str
    versions: tuple[tuple[str, str], ...]

    @staticmethod
    def here(fn: Callable[[Any], Any]) -> Setting:
        """The setting of this process, which is the driver."""
        return Setting(fn, str(Path.cwd()), versions())


def execute(setting: Setting, item: Any) -> Result[Any]:  # noqa: ANN401 - whatever the unit is
    """Apply the function to one item.

    Raises:
        InvalidInput: this node computes with other versions than the driver.
    """
    _settle(setting.folder, setting.versions)
    return attempt(setting.fn, item)


@lru_cache(maxsize=8)  # once in the life of a worker, which does many units
def _settle(folder: str, expected: tuple[tuple[str, str], ...]) -> None:
    differences = [
        f"{name} {mine} (the driver has {theirs})"
        for (name, mine), (_, theirs) in zip(versions(), expected, strict=True)
        if mine != theirs
    ]
    if differences:
        raise InvalidInput(
            f"the node {platform.node()} has {', '.join(differences)}; "
            "install the same versions on every node"
        )
    if Path(folder).is_dir():
        os.chdir(folder)


def environment() -> dict[str, str]:
    """Variables for workers, which know those of their node but not the driver's.

    Among them is where the driver imports from, for modules of the user's own.
    """
    told = {name: os.environ[name] for name in TOLD if name in os.environ}
    of_python = {Path(each).resolve() for each in (sys.prefix, sys.base_prefix)}
    places = [Path(each).resolve() for each in sys.path]
    own = [str(each) for each in places if of_python.isdisjoint((each, *each.parents))]
    return {**ONE_THREAD, **told, "PYTHONPATH": os.pathsep.join(own)}


def versions() -> tuple[tuple[str, str], ...]:
    """Versions of what decides numbers."""
    found = [("Python", ".".join(platform.python_version_tuple()[:2]))]
    for name in DECISIVE:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            found.append((name, "unknown"))
    return tuple(found)
