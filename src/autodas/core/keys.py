"""Keys of caches: everything that decides a value, so that a key means one value for ever."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from autodas.core.digest import digest, digest_file

__all__ = ["key_of", "source_of"]

PACKAGE = Path(__file__).parent.parent


def key_of(*content: Any, code: Iterable[str] = (), packages: Iterable[str] = ()) -> str:  # noqa: ANN401
    """The key of what is computed from ``content``.

    Args:
        content: What JSON can say, such as digests of what is read.
        code: Parts of this package that compute it, as :func:`source_of` has them: other source
            text, other key.
        packages: Packages of others whose numbers may change with their version.
    """
    versions = {name: _version(name) for name in packages}
    return digest(source_of(*code), versions, *content)


def source_of(*parts: str, package: Path = PACKAGE) -> str:
    """Digest of the source text of folders and files, named relative to ``package``, this one.

    Raises:
        FileNotFoundError: there is no such part.
    """
    found: dict[str, str] = {}
    for part in parts:
        place = package / part
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        found |= {str(file.relative_to(package)): digest_file(file) for file in files}
    return digest(found)


@lru_cache(maxsize=64)
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
