"""Run directories: what was asked, what was done so far, and how to go on after a kill.

A run directory belongs to one configuration: to the options that decide what is found
(:func:`deciding`), the plug-ins that were asked for, and what names among the options stood for.
What its journal says and what ``digests.json`` knows is checked when it is read; see
:mod:`autodas.core.journal` and :mod:`autodas.core.seals`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import platform
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import tomli_w

from autodas.core.digest import canonical_json, digest
from autodas.core.errors import AutodasError, FileProblem, InvalidInput
from autodas.core.files import json_text, refuse_linked_folders
from autodas.core.journal import OWNER_DIGITS, Journal
from autodas.core.locks import locked
from autodas.core.plugins import asked_for
from autodas.core.seals import DIGESTS, read_checked, write_checked
from autodas.core.toml import leaves, parse_toml

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "RESOLVED",
    "Journal",
    "RunDirectory",
    "command_line",
    "deciding",
    "environment",
    "to_toml",
]

RESOLVED = "resolved"
"""Table of ``config.toml`` with what is not an option and decides all the same."""


def deciding(config: DataclassInstance) -> dict[str, Any]:
    """The options that decide what a run finds, by name, as values that JSON can hold.

    Every option decides, unless its field says ``metadata={"decides": False}``, because it is about
    where, how fast or how long something is done. Runs of equal deciding options are the same run.

    Args:
        config: A dataclass; nested ones are looked into.
    """
    return {
        field.name: _plain(getattr(config, field.name))
        for field in dataclasses.fields(config)
        if field.metadata.get("decides", True)
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 - an option
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return deciding(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def command_line(step: str, config: DataclassInstance, also: Sequence[str] = ()) -> str:
    """The command that finds the same, without places of this machine.

    Args:
        step: Name of the command.
        config: Its configuration, whose class has a default for every option.
        also: Options to tell although they do not decide.
    """
    usual = type(config)()
    told, default = deciding(config), deciding(usual)
    told |= {name: getattr(config, name) for name in also}
    default |= {name: getattr(usual, name) for name in also}
    return shlex.join(["autodas", step, *_differing(told, default)])


def _differing(told: Mapping[str, Any], default: Mapping[str, Any]) -> Iterator[str]:
    """The words of the options that are not at their defaults."""
    for name, value in told.items():
        option = name.replace("_", "-")
        if value == default[name]:
            continue
        if isinstance(value, Mapping):
            yield from _differing(value, default[name])
        elif isinstance(value, bool):
            yield f"--{option}" if value else f"--no-{option}"
        else:
            yield f"--{option}"
            yield from map(str, value if isinstance(value, list) else [value])


class RunDirectory:
    """A folder that holds one run, locked while this object is open.

    Use as a context manager. Opening a folder that already holds a run with the same
    configuration resumes it; a different configuration is refused. A run that ends in an error of
    its input before it has found anything does not keep the folder from the next.

    Args:
        path: The folder.
        command: The step that runs, e.g. ``"discover"``.
        config: The options that decide the result, as plain JSON values; see :func:`deciding`.
        resolved: What they stand for where a name may come to stand for something else: formulas,
            recipes, digests of tables. It decides as well, and is no option.
        folders: Names of the folders that the run makes in it, besides that of figures.
    """

    def __init__(
        self,
        path: Path,
        command: str,
        config: Mapping[str, Any],
        *,
        resolved: Mapping[str, Any] = MappingProxyType({}),
        folders: Sequence[str] = (),
    ) -> None:
        self.path = path
        self.folders = ("figures", *folders)
        self.command = command
        content = {
            "command": command,
            **config,
            "plugin": sorted(asked_for()) or None,
            RESOLVED: dict(resolved) or None,
        }
        # Plain values, whatever kinds of mapping and number they came in.
        self.config = json.loads(canonical_json(content))
        self.journal = Journal(path / "journal.jsonl")

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

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._fresh and kind is not None and issubclass(kind, AutodasError):
            self._leave()
        self._lock.close()

    def _leave(self) -> None:
        """Make the folder anybody's again, if nothing is in it but whose it is."""
        mine = ("config.toml", "environment.json", DIGESTS)
        if all(each.name in (*mine, "lock") for each in self.path.iterdir()):
            for name in mine:  # the first one decides whose it is
                (self.path / name).unlink(missing_ok=True)

    def _adopt(self) -> None:
        config_file = self.path / "config.toml"
        self._fresh = not config_file.exists()
        if self._fresh:
            _write(self.path / "environment.json", json_text(environment()))
            _write(config_file, to_toml(self.config))
        found = parse_toml(read_checked(config_file), config_file)
        self._compare(found)
        # What another configuration has found is not believed, should its journal come here.
        self.journal.owner = digest(canonical_json(found))[:OWNER_DIGITS]

    def _compare(self, earlier: dict[str, Any]) -> None:
        before, now = dict(leaves(earlier)), dict(leaves(self.config))
        for name in sorted(before.keys() | now.keys()):
            if before.get(name) != now.get(name):
                raise InvalidInput(
                    f"{self.path} holds a run with {name}={before.get(name)!r}, now "
                    f"{now.get(name)!r}; choose another --out or remove the folder"
                )

    def write_results(self, results: Mapping[str, Any]) -> None:
        """Write ``results.json`` atomically."""
        _write(self.path / "results.json", json_text({"command": self.command, **results}))


def _write(path: Path, text: str) -> None:
    write_checked(path, text.encode("utf-8", "backslashreplace"))


def to_toml(content: Mapping[str, Any]) -> str:
    """TOML text of plain values; ``None`` is left out at every level, as TOML has no word for it.

    Raises:
        TypeError: a value is of a type that TOML does not know.
    """
    return tomli_w.dumps(_without_none(content))


def _without_none(content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in content.items()
        if value is not None
    }


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
