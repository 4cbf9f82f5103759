"""Content addresses: the same content has the same digest on every machine."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import stat
from pathlib import Path
from typing import Any

__all__ = ["canonical_json", "digest", "digest_bytes", "digest_file"]


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON is dynamically typed
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"not representable as JSON: {type(value).__name__}")


def canonical_json(value: Any) -> str:  # noqa: ANN401
    """Compact JSON with sorted keys; dataclasses, paths and sets are allowed.

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot say.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)


def digest_bytes(data: bytes | memoryview) -> str:
    """SHA-256 of ``data`` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest(*parts: Any) -> str:  # noqa: ANN401
    """SHA-256 of the canonical JSON of ``parts``."""
    return digest_bytes(canonical_json(list(parts)).encode())


def digest_file(path: Path) -> str:
    """SHA-256 of a file's content.

    Raises:
        OSError: it cannot be read, or is a pipe or a device, of which there may be no end.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
