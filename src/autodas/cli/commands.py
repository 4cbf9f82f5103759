"""The table of commands. It is literal, so that ``autodas --help`` loads none of them."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autodas.core.errors import UnknownName
from autodas.core.progress import Progress

__all__ = ["COMMANDS", "Command", "Step", "find"]


@dataclass(frozen=True)
class Command:
    """A command before its module is loaded.

    Attributes:
        name: What the user types.
        module: The module that exports ``Config`` and ``run``.
        help: One line.
        positional: Options whose name may be left out, in order: ``autodas report runs/a`` is
            ``autodas report --run runs/a``.
    """

    name: str
    module: str
    help: str
    positional: tuple[str, ...] = ()

    def load(self) -> Step:
        """Import the module of the command."""
        module = importlib.import_module(self.module)
        return Step(module.Config, module.run)


@dataclass(frozen=True)
class Step:
    """What a command does: a frozen dataclass of options, and a function of it.

    Attributes:
        config: The dataclass.
        run: Does the work; returns results that JSON can hold. A list of lines under
            ``"summary"`` is what people are shown instead of the JSON.
    """

    config: type[Any]
    run: Callable[[Any, Progress], dict[str, Any]]

    def __post_init__(self) -> None:
        if not dataclasses.is_dataclass(self.config):
            raise TypeError(f"{self.config!r} must be a dataclass")


COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        Command(
            "list",
            "autodas.cli.listing",
            "what can be named: spaces, teachers, scores, …",
            ("what",),
        ),
        Command("label", "autodas.pipeline.label", "distil sampled students to make a table"),
        Command("measure", "autodas.pipeline.measure", "fill the cache of statistics"),
        Command("discover", "autodas.pipeline.discover", "evolve a proxy on spaces with tables"),
        Command("benchmark", "autodas.pipeline.benchmark", "rank scores on tables, honestly"),
        Command("search", "autodas.pipeline.search", "find the best students within budgets"),
        Command("distill", "autodas.pipeline.distill", "train a student with its teacher"),
        Command("report", "autodas.pipeline.report", "one HTML file from a run", ("run",)),
        Command("demo", "autodas.pipeline.demo", "all of the above on embedded images, in minutes"),
        Command("train-teacher", "autodas.pipeline.train_teacher", "train and save a teacher"),
        Command("doctor", "autodas.cli.doctor", "what is installed, found and missing"),
    )
}


def find(name: str) -> Command:
    """The command called ``name``.

    Raises:
        UnknownName: there is none.
    """
    if name not in COMMANDS:
        raise UnknownName("command", name, COMMANDS)
    return COMMANDS[name]
