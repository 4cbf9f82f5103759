"""Digests of source text: what other code has computed is not believed."""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from autodas.core.digest import digest, digest_file
from autodas.core.keys import source_of
from autodas.spaces import Space

__all__ = ["MEASURING", "SIZES", "own_files", "source_digest"]

PACKAGE = Path(__file__).parent.parent
# Libraries do not decide what a network of theirs is, and there are too many files of them.
INSTALLED = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib"))
SIZES = ("networks", "spaces", "workbench/memory.py")
"""What decides the size of a network."""
MEASURING = (
    "networks",
    "spaces",
    "statistics",
    # Streams of random numbers, the form of values, and the images that student and teacher see.
    "core/digest.py",
    "core/rng.py",
    "core/values.py",
    "core/tasks.py",
    "data/images.py",
    "workbench/task_labels.py",
    "teachers/teacher.py",
    "workbench/protocol.py",
)
"""What decides the statistics of a network; data and teachers have digests of their own."""


@lru_cache(maxsize=64)
def source_digest(space: Space, parts: tuple[str, ...], package: Path = PACKAGE) -> str:
    """Digest of the source text of parts of this package, and of the modules of a user's space.

    A changed build function is as good as another architecture.

    Args:
        space: The space whose networks are meant.
        parts: Folders and files, relative to the package.
        package: Folder of the package.
    """
    own = {name: digest_file(file) for name, file in own_files(space).items()}
    return digest(source_of(*parts, package=package), own, space.content)


def own_files(space: Space) -> dict[str, Path]:
    """Source files that decide what the networks of a space are, beside those of this package.

    Returns:
        By name, the module of a user's space and all that it imports, directly or not, but for
        what is installed. A user's space may be an object of a class of this package, made in a
        module of theirs.
    """
    named = (type(space).__module__, *space.modules)
    waiting, found = list(named), dict[str, Path]()
    while waiting:
        name = waiting.pop()
        module = sys.modules.get(name)
        file = Path(getattr(module, "__file__", None) or "")
        if module is None or name in found or name.partition(".")[0] == "autodas":
            continue
        if file.suffix == ".py" and (name in named or not str(file).startswith(INSTALLED)):
            found[name] = file
            waiting += _imported(module, file)
    return found


def _imported(module: ModuleType, file: Path) -> Iterator[str]:
    """Names of all modules that a source file may import, wherever in it."""
    package = (module.__package__ or "").split(".")
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{each.name}" for each in node.names)
