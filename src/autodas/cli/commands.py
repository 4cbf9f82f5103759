"""The table of commands. It is literal, so that ``autodas --help`` loads none of them."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autodas.core.errors import UnknownName
from autodas.core.progress import Progress
from autodas.steps import MODULES

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
        reported: Whether what it leaves in its run directory makes a report.
    """

    name: str
    module: str
    help: str
    positional: tuple[str, ...] = ()
    reported: bool = False

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


def _step(
    name: str, help_: str, positional: tuple[str, ...] = (), *, reported: bool = False
) -> Command:
    return Command(name, MODULES[name], help_, positional, reported)


COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        _step("run", "from teacher, data and budgets to a trained student", reported=True),
        Command(
            "list",
            "autodas.cli.listing",
            "what can be named: spaces, teachers, scores, …",
            positional=("what",),
        ),
        _step("label", "distil sampled students to make a table"),
        _step("measure", "fill the cache of statistics"),
        _step("discover", "evolve a proxy on spaces with tables", reported=True),
        _step("benchmark", "rank scores on tables, honestly", reported=True),
        _step("search", "find the best students within budgets", reported=True),
        _step("distill", "train a student with its teacher", reported=True),
        _step("explain", "what a score says, and what carries it", ("proxy",), reported=True),
        Command(
            "report",
            "autodas.cli.report",
            "one HTML file from a run, or from several",
            positional=("run",),
        ),
        _step("demo", "all of the above on embedded images, in minutes", reported=True),
        _step("train-teacher", "train and save a teacher"),
        _step("teachers", "choose among several teachers, or none", reported=True),
        _step("check", "everything odd about a folder of images, at once", ("data",)),
        _step("export", "programs of a trained student, each measured, and a card", ("run",)),
        _step("convert", "weights of torch.save to safetensors", ("file", "out")),
        Command("fetch", "autodas.cli.fetch", "download a published table", positional=("table",)),
        Command("cache", "autodas.cli.cache", "what the cache holds, and how to be rid of it"),
        Command("doctor", "autodas.cli.doctor", "what is installed, found and missing"),
        Command(
            "completion",
            "autodas.cli.completion",
            "what makes a shell complete commands and options",
            positional=("shell",),
        ),
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
