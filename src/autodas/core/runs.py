"""Run directories: what was asked, what was done so far, and how to go on after a kill.

A run directory belongs to one resolved configuration. ``journal.jsonl`` is append-only; each
line carries a checksum, so a line torn by a crash or damaged on disk is left out and its work
is done again instead of being believed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from autodas.core.digest import canonical_json, digest_bytes
from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.files import write_json, write_text

__all__ = ["Journal", "RunDirectory", "environment", "to_toml"]

CHECKSUM_DIGITS = 16
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Journal:
    """An append-only file of JSON records that survives kill -9.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def records(self) -> list[dict[str, Any]]:
        """All intact records in the order written; damaged lines are skipped.

        Raises:
            FileProblem: the file exists and cannot be read.
        """
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FileProblem(self.path, f"cannot be read: {error.strerror or error}") from error
        return [record for line in lines if (record := _parse_line(line)) is not None]

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one record; it is on disk when this returns.

        Raises:
            FileProblem: the disk is full or the file cannot be written.
        """
        body = canonical_json(dict(record)).encode()
        # The leading newline closes a line that an earlier crash may have left torn.
        data = b"\n" + _checksum(body) + b" " + body + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
        except OSError as error:
            raise FileProblem(self.path, f"cannot be written: {error.strerror or error}") from error


def _checksum(body: bytes) -> bytes:
    return digest_bytes(body)[:CHECKSUM_DIGITS].encode()


def _parse_line(line: bytes) -> dict[str, Any] | None:
    checksum, _, body = line.partition(b" ")
    if not body or checksum != _checksum(body):
        return None
    record = json.loads(body)
    return record if isinstance(record, dict) else None


class RunDirectory:
    """A folder that holds one run, locked while this object is open.

    Use as a context manager. Opening a folder that already holds a run with the same
    configuration resumes it; a different configuration is refused.

    Args:
        path: The folder.
        command: The step that runs, e.g. ``"discover"``.
        config: What determines the result, as plain JSON values.
    """

    def __init__(self, path: Path, command: str, config: Mapping[str, Any]) -> None:
        self.path = path
        self.command = command
        self.config = json.loads(canonical_json(dict(config)))
        self.journal = Journal(path / "journal.jsonl")
        self.resumed = False

    def __enter__(self) -> RunDirectory:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileProblem(self.path, f"cannot be made: {error.strerror or error}") from error
        self._lock = contextlib.ExitStack()
        self._lock.enter_context(_locked(self.path / "lock"))
        try:
            self._adopt()
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def _adopt(self) -> None:
        config_file = self.path / "config.toml"
        if config_file.exists():
            self._compare(_read_toml(config_file))
            self.resumed = True
        else:
            write_text(config_file, to_toml({"command": self.command, **self.config}))
            write_json(self.path / "environment.json", environment())

    def _compare(self, earlier: dict[str, Any]) -> None:
        now = tomllib.loads(to_toml({"command": self.command, **self.config}))
        for key in sorted(now.keys() | earlier.keys()):
            if now.get(key) != earlier.get(key):
                raise InvalidInput(
                    f"{self.path} holds a run with {key}={earlier.get(key)!r}, now "
                    f"{now.get(key)!r}; choose another --out or remove the folder"
                )

    def write_results(self, results: Mapping[str, Any]) -> None:
        """Write ``results.json`` atomically."""
        write_json(self.path / "results.json", {"command": self.command, **results})


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.seek(0)
            holder = handle.read().strip() or "unknown"
            raise InvalidInput(f"{path.parent} is in use by process {holder}") from None
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileProblem(path, f"cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileProblem(path, f"is not valid TOML ({error})") from None


def to_toml(config: Mapping[str, Any]) -> str:
    """TOML text of plain values; ``None`` is left out, nested mappings become tables."""
    plain = [(k, v) for k, v in config.items() if v is not None and not isinstance(v, Mapping)]
    tables = [(k, v) for k, v in config.items() if isinstance(v, Mapping)]
    lines = [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in plain]
    for key, table in tables:
        lines += ["", f"[{_toml_key(key)}]"]
        lines += [f"{_toml_key(k)} = {_toml_value(v)}" for k, v in table.items() if v is not None]
    return "\n".join(lines) + "\n"


def _toml_key(key: str) -> str:
    return key if BARE_KEY.fullmatch(key) else _toml_value(key)


def _toml_value(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, Mapping):
        pairs = ((_toml_key(k), v) for k, v in value.items() if v is not None)
        inner = ", ".join(f"{k} = {_toml_value(v)}" for k, v in pairs)
        return "{" + inner + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    if isinstance(value, bool | int | float | str):
        # JSON's spelling of these is also TOML's; U+007F alone differs.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    raise TypeError(f"not representable as TOML: {type(value).__name__}")


def environment() -> dict[str, Any]:
    """What a reader needs to know of the machine to judge and repeat a run."""
    packages = ("autodas", "torch", "numpy", "scipy", "scikit-learn", "safetensors")
    versions = {}
    for name in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "packages": versions,
        "command_line": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }
