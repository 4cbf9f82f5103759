"""Digests of source text: what other code has computed is not believed."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path

from autodas.core.digest import digest, digest_file
from autodas.spaces import Space

__all__ = ["MEASURING", "SIZES", "source_digest"]

PACKAGE = Path(__file__).parent.parent
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
    "data/images.py",
    "teachers/teacher.py",
    "workbench/protocol.py",
)
"""What decides the statistics of a network; data and teachers have digests of their own."""


@lru_cache(maxsize=64)
def source_digest(space: Space, parts: tuple[str, ...], package: Path = PACKAGE) -> str:
    """Digest of the source text of parts of this package, and of the module of a user's space.

    A changed build function is as good as another architecture.

    Args:
        space: The space whose networks are meant.
        parts: Folders and files, relative to the package.
        package: Folder of the package.
    """
    files = {
        str(path.relative_to(package)): path
        for part in parts
        for path in (package / part, *(package / part).rglob("*.py"))
        if path.is_file()
    }
    found = [(name, digest_file(files[name])) for name in sorted(files)]
    # A user's space may be an object of a class of this package, made in a module of theirs.
    for name in (type(space).__module__, space.reference.partition(":")[0]):
        module = sys.modules.get(name)
        if module is not None and module.__file__ and not name.startswith("autodas."):
            found.append((name, digest_file(Path(module.__file__))))
    return digest(found)
