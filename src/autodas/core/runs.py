"""Run directories: what was asked, what was done so far, and how to go on after a kill.

A run directory belongs to one resolved configuration. What its journal says and what
``digests.json`` knows is checked when it is read; see :mod:`autodas.core.journal` and
:mod:`autodas.core.seals`.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from autodas.core.digest import canonical_json, digest
from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.files import json_text
from autodas.core.journal import OWNER_DIGITS, Journal
from autodas.core.links import refuse_linked_folders
from autodas.core.locks import locked
from autodas.core.seals import read_checked, write_checked
from autodas.core.toml import parse_toml

__all__ = ["Journal", "RunDirectory", "environment", "to_toml"]

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class RunDirectory:
    """A folder that holds one run, locked while this object is open.

    Use as a context manager. Opening a folder that already holds a run with the same
    configuration resumes it; a different configuration is refused.

    Args:
        path: The folder.
        command: The step that runs, e.g. ``"discover"``.
        config: What determines the result, as plain JSON values.
        folders: Names of the folders that the run makes in it, besides that of figures.
    """

    def __init__(
        self, path: Path, command: str, config: Mapping[str, Any], folders: Sequence[str] = ()
    ) -> None:
        self.path = path
        self.folders = ("figures", *folders)
        self.command = command
        self.config = json.loads(canonical_json(dict(config)))
        self.journal = Journal(path / "journal.jsonl")
        self.resumed = False

    def __enter__(self) -> RunDirectory:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileProblem(self.path, f"cannot be made: {error.strerror or error}") from error
        refuse_linked_folders(self.path, self.folders)
        self._lock = contextlib.ExitStack()
        self._lock.enter_context(locked(self.path / "lock"))
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
            self.resumed = True
        else:
            _write(self.path / "environment.json", json_text(environment()))
            _write(config_file, to_toml({"command": self.command, **self.config}))
        found = parse_toml(read_checked(config_file), config_file)
        self._compare(found)
        # What another configuration has found is not believed, should its journal come here.
        self.journal.owner = digest(canonical_json(found))[:OWNER_DIGITS]

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
        _write(self.path / "results.json", json_text({"command": self.command, **results}))


def _write(path: Path, text: str) -> None:
    write_checked(path, text.encode("utf-8", "backslashreplace"))


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
