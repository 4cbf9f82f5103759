"""Run directories as they lie on disk."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autodas.core.errors import FileProblem
from autodas.core.files import parse_json
from autodas.core.seals import read_checked, read_checked_json
from autodas.core.text import brief, text_of

__all__ = ["Run", "read_run"]

COMMANDS = ("discover", "ablate", "benchmark", "explain", "search", "distill")
ALONE = ("teachers",)  # never a part of another
LARGEST_PICTURE = 1 << 20
COMPOSED = ("demo", "run")  # of the others, which lie inside


@dataclass(frozen=True)
class Run:
    """One run directory, with those inside it if it is made of several.

    Attributes:
        path: The folder.
        command: The step that wrote it.
        results: Content of ``results.json``.
        config: Text of ``config.toml``; empty if there is none.
        environment: Content of ``environment.json``; empty if there is none.
        parts: The runs it consists of.
    """

    path: Path
    command: str
    results: dict[str, Any]
    config: str
    environment: dict[str, Any]
    parts: tuple[Run, ...] = ()

    @property
    def steps(self) -> tuple[Run, ...]:
        """The run itself, or its parts in the order they were done."""
        return self.parts or (self,)

    def of(self, *commands: str) -> tuple[Run, ...]:
        """The steps that are of one of ``commands``."""
        return tuple(step for step in self.steps if step.command in commands)

    @property
    def graph(self) -> str:
        """Text of ``graph.svg``; empty if there is none, or if it is too large for a page."""
        path = self.path / "graph.svg"
        if not path.is_file() or path.stat().st_size > LARGEST_PICTURE:
            return ""
        return _optional_text(path)

    @property
    def command_line(self) -> str:
        """How it was started, as far as ``environment.json`` knows."""
        words = self.environment.get("command_line", [])
        return shlex.join(str(word) for word in words)


def read_run(path: Path) -> Run:
    """Read a run directory.

    Raises:
        FileProblem: it holds no results, or a file in it is damaged.
    """
    if not path.is_dir():
        raise FileProblem(path, "is not a run directory")
    if not (path / "results.json").is_file():
        raise FileProblem(path, "holds no results.json: the run is not finished or not one of ours")
    results = _briefly(read_checked_json(path / "results.json"))
    command = results.get("command") if isinstance(results, dict) else None
    if command not in (*COMMANDS, *ALONE, *COMPOSED):
        raise FileProblem(path / "results.json", f"is of no step a report knows ({command!r})")
    parts = tuple(read_run(_inside(path, name)) for name in _part_names(results))
    environment = _optional_json(path / "environment.json")
    if parts and not environment:
        environment = parts[0].environment
    return Run(path, command, results, _optional_text(path / "config.toml"), environment, parts)


def _briefly(content: Any) -> Any:  # noqa: ANN401 - JSON
    """The same, with spaces called as a page has room for: a list of models may be long."""
    if isinstance(content, list):
        return [_briefly(each) for each in content]
    if not isinstance(content, dict):
        return content
    found = {key: _briefly(value) for key, value in content.items()}
    return found | ({"space": brief(found["space"])} if isinstance(found.get("space"), str) else {})


def _part_names(results: dict[str, Any]) -> list[str]:
    if results["command"] not in COMPOSED:
        return []
    named: list[str] = []
    for command in COMMANDS:
        value = results.get(command, [])
        named += [value] if isinstance(value, str) else [str(name) for name in value]
    return named


def _inside(path: Path, name: str) -> Path:
    """A part named by a file must lie inside the run that the file describes."""
    part = (path / name).resolve()
    if not part.is_relative_to(path.resolve()):
        raise FileProblem(path / "results.json", f"names a part outside the run ({name!r})")
    return path / name


def _optional_text(path: Path) -> str:
    if not path.exists():
        return ""
    return text_of(read_checked(path), path)


def _optional_json(path: Path) -> dict[str, Any]:
    text = _optional_text(path)
    content = parse_json(text.encode(), path) if text else {}
    return content if isinstance(content, dict) else {}
