"""A configuration from command-line arguments and a TOML file.

tyro turns strings into typed values and writes the help. What is wrong with the *names* and the
*number* of arguments is found here beforehand, and what tyro finds wrong with a value is said
again in one line, because tyro answers with a box of ten.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from autodas.cli.commands import Command
from autodas.core.errors import FileProblem, InvalidInput, UnknownName
from autodas.core.places import expanded
from autodas.core.runs import RESOLVED
from autodas.core.toml import leaves, read_toml

__all__ = ["Common", "Option", "check_text", "given_by", "made", "options_of", "parse"]

Given = dict[str, list[str]]
OF_IMAGES = ("--val-split", "--skip-broken", "--no-skip-broken")
NUMBER = re.compile(r"-?(\d+(?:\.\d*)?|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Common:
    """Options that every command takes."""

    config: Path | None = None
    """Take options from this TOML file. What is given on the command line wins."""
    json: bool = False
    """Print one JSON object on standard output and nothing else there."""
    plugin: tuple[str, ...] = ()
    """Python modules to import first: they declare statistics, primitives or scores of your own."""
    tensorboard: Path | None = None
    """Folder to write the numbers of a search to, for TensorBoard (extra "tracking")."""
    val_split: float | None = None
    """With --data folder:… that has no part to test on: the share to hold out, such as 0.1."""
    skip_broken: bool = False
    """With --data folder:…: leave out images that cannot be decoded."""


@dataclass(frozen=True)
class Option:
    """One option of a command.

    Attributes:
        name: As typed, e.g. ``--max-params``.
        key: As written in TOML, e.g. ``max_params``, or ``protocol.teacher`` in a nested table.
        type: Its annotation, without ``Annotated`` and ``None``.
        optional: None is an accepted value.
        required: It has no default.
    """

    name: str
    key: str
    type: Any
    optional: bool
    required: bool

    @property
    def is_flag(self) -> bool:
        return self.type is bool

    @property
    def is_list(self) -> bool:
        """It takes any number of values."""
        return typing.get_origin(self.type) in {tuple, list, set, frozenset, dict}

    @property
    def choices(self) -> tuple[str, ...]:
        """The values accepted, if they are few and known."""
        members = typing.get_args(self.type)
        one = members[0] if self.is_list and members else self.type
        return _words(one)

    @property
    def expected(self) -> str:
        """In words, what a value looks like."""
        words = {int: "a whole number", float: "a number", Path: "a path", str: "text"}
        if self.choices:
            text = "one of " + ", ".join(self.choices)
        else:
            text = words.get(self.type, str(getattr(self.type, "__name__", self.type)))
        return text + (" or None" if self.optional else "")


def _words(annotation: Any) -> tuple[str, ...]:  # noqa: ANN401
    """The values of a literal type, or of several; none of any other."""
    if typing.get_origin(annotation) is Literal:
        return tuple(map(str, typing.get_args(annotation)))
    if typing.get_origin(annotation) not in {typing.Union, types.UnionType}:
        return ()
    each = [_words(member) for member in typing.get_args(annotation)]
    return tuple(word for words in each for word in words) if all(each) else ()


def options_of(config: type[Any], table: str = "") -> dict[str, Option]:
    """All options of a dataclass by name; those of a nested dataclass stand beside the others.

    Raises:
        TypeError: two options have one name.
    """
    found: dict[str, Option] = {}
    hints = typing.get_type_hints(config)
    for field in (field for field in dataclasses.fields(config) if field.init):
        kind, optional = _without_none(hints[field.name])
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            more = options_of(kind, f"{table}{field.name}.")
        else:
            name = "--" + field.name.replace("_", "-")
            missing = dataclasses.MISSING
            required = field.default is missing and field.default_factory is missing
            more = {name: Option(name, table + field.name, kind, optional, required)}
        if twice := found.keys() & more.keys():
            raise TypeError(f"{config.__name__} has {min(twice)} twice")
        found |= more
    return found


def _without_none(annotation: Any) -> tuple[Any, bool]:  # noqa: ANN401
    if typing.get_origin(annotation) not in {typing.Union, types.UnionType}:
        return annotation, False
    members = [m for m in typing.get_args(annotation) if m is not types.NoneType]
    optional = len(members) < len(typing.get_args(annotation))
    return (members[0] if len(members) == 1 else annotation), optional


def parse(command: Command, config: type[Any], arguments: Sequence[str]) -> tuple[Any, Common]:
    """The configuration of a command, and the options all commands share.

    Raises:
        InvalidInput: an option, a value or the number of values is wrong; one line names it.
        FileProblem: the TOML file cannot be read.
        SystemExit: help was asked for and has been printed.
    """
    own = options_of(config)
    known = {**own, **options_of(Common)}
    if {"-h", "--help"} & set(arguments):
        _tyro(command, config, ["--help"])
    given = _split(command, known, arguments)
    _check_numbers(known, given)
    if file := given.get("--config"):
        path = expanded(Path(file[0]))
        in_files = {**own, "--plugin": known["--plugin"]}
        given = {**given_by(command, in_files, read_toml(path), path), **given}
    check_text(given)
    given = _told_of_images(given)
    given = {name: _at_home(known[_positive(known, name)], given[name]) for name in given}
    missing = [o for o in own.values() if o.required and o.name not in given]
    if missing:
        wanted = " and ".join(f"{option.name} ({option.expected})" for option in missing)
        raise InvalidInput(f"{command.name} needs {wanted}")
    return made(command, config, known, given)


def _told_of_images(given: Given) -> Given:
    """What is said of images beside their name as part of it, as files and workers know it.

    Raises:
        InvalidInput: no folder or list of images is named.
    """
    rest = {name: values for name, values in given.items() if name not in OF_IMAGES}
    told = [f",val-split={value}" for value in given.get("--val-split", ())]
    told += [",skip-broken"] if "--skip-broken" in given else []
    if not told:
        return rest
    names = given.get("--data", [""])
    if not all(name.startswith(("folder:", "csv:", "hf:")) for name in names):
        option = "--val-split" if "--val-split" in given else "--skip-broken"
        raise InvalidInput(
            f"{option} is about --data folder:…, csv:… or hf:…, got {names[0] or 'none'}"
        )
    return rest | {"--data": [name + "".join(told) for name in names]}


def made(
    command: Command, config: type[Any], known: Mapping[str, Option], given: Given
) -> tuple[Any, Common]:
    """The configuration of a command, and the options all commands share, from their words.

    Raises:
        InvalidInput: a word is no value of its option; one line names both.
    """
    tokens = [token for name, values in given.items() for token in _tokens(known, name, values)]
    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured):
            parsed = _tyro(command, config, tokens)
    except SystemExit:
        raise InvalidInput(_explain(known, given, captured.getvalue())) from None
    return parsed.settings, parsed.common


def _tyro(command: Command, config: type[Any], tokens: list[str]) -> Any:  # noqa: ANN401
    import tyro

    both = dataclasses.make_dataclass("Arguments", [("settings", config), ("common", Common)])
    return tyro.cli(
        both,
        prog=f"autodas {command.name}",
        description=_description(command),
        args=tokens,
        config=(tyro.conf.OmitArgPrefixes,),
    )


def _description(command: Command) -> str:
    text = command.help[:1].upper() + command.help[1:] + "."
    if command.positional:
        names = " ".join(name.upper() for name in command.positional)
        text += f"\n\nThe option's name may be left out: autodas {command.name} {names}."
    return text


def _split(command: Command, known: Mapping[str, Option], arguments: Sequence[str]) -> Given:
    """The values given for each option; of repeated ones, lists are joined and the last wins."""
    given: Given = {}
    positional = iter(command.positional)
    name = ""
    for token in arguments:
        if _is_option(token):
            typed, equals, value = token.partition("=")
            name = _known_name(known, typed)
            repeated = given.pop(name, []) if known[_positive(known, name)].is_list else []
            given[name] = [*repeated, value] if equals else repeated
        elif name and _takes_more(known, name, given[name]):
            given[name].append(token)
        elif (place := next(positional, None)) is not None:
            given[f"--{place}"] = [token]
            if known[f"--{place}"].is_list:
                name = f"--{place}"
        else:
            raise InvalidInput(
                f"unexpected argument {token!r}" + (f" after {name}" if name else "")
            )
    return {_plural(known, name, values): values for name, values in given.items()}


def _plural(known: Mapping[str, Option], name: str, values: Sequence[str] = ()) -> str:
    """The option for several of what this one takes one of: --teacher A B means --teachers A B."""
    several = f"{name}s"
    return several if len(values) > 1 and several in known and name in known else name


def _is_option(token: str) -> bool:
    return len(token) > 1 and token[0] == "-" and not NUMBER.fullmatch(token)


def _takes_more(known: Mapping[str, Option], name: str, values: list[str]) -> bool:
    option = known[_positive(known, name)]
    has_plural = _plural(known, name, ["one", "two"]) != name
    return option.is_list or has_plural or (not option.is_flag and not values)


def _known_name(known: Mapping[str, Option], typed: str) -> str:
    name = typed.replace("_", "-")
    if _positive(known, name) not in known:
        raise UnknownName("option", typed, known)
    return name


def _positive(known: Mapping[str, Option], name: str) -> str:
    """``--flag`` for ``--no-flag``."""
    positive = "--" + name.removeprefix("--no-")
    is_negated = name not in known and positive in known and known[positive].is_flag
    return positive if is_negated else name


def check_text(given: Given) -> None:
    """Refuse what no file can be called and no file can hold."""
    for name, values in given.items():
        for value in values:
            if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
                raise InvalidInput(f"{name}: {value[:80]!r} holds a NUL or is not UTF-8")


def _check_numbers(known: Mapping[str, Option], given: Given) -> None:
    for name, values in given.items():
        option = known[_positive(known, name)]
        if option.is_flag and values:
            raise InvalidInput(f"{name} takes no value, got {values[0]!r}")
        if not option.is_flag and not option.is_list and len(values) != 1:
            raise InvalidInput(f"{name} needs a value: {option.expected}")


def _at_home(option: Option, values: list[str]) -> list[str]:
    """Paths with the home folder in place of ``~``: no shell has done it in ``--out=~/run``.

    Raises:
        InvalidInput: a value is empty, as where a variable of the shell is not set; for a name, the
            default would be taken in its place.
    """
    is_path = option.type is Path or Path in typing.get_args(option.type)
    if "" in values:
        wanted = "a path" if is_path else option.expected
        here = " (the folder one is in is .)" if is_path else ""
        raise InvalidInput(f"{option.name} takes {wanted}, got ''{here}")
    if not is_path:
        return values
    return [str(expanded(Path(value))) if value.startswith("~") else value for value in values]


def _tokens(known: Mapping[str, Option], name: str, values: list[str]) -> Iterator[str]:
    if len(values) == 1 and not known[_positive(known, name)].is_list:
        yield f"{name}={values[0]}"
    else:
        yield from (name, *values)


def given_by(
    command: Command, known: Mapping[str, Option], content: dict[str, Any], path: Path
) -> Given:
    """The options that the content of a TOML file gives, as if they had been typed.

    Raises:
        FileProblem: a key is not known, or its value is of another type; the message names both.
    """
    content = dict(content)
    # The configuration that a run leaves in its folder says which command it was for, and what it
    # found under the names of its options.
    content.pop(RESOLVED, None)
    if (written_for := content.pop("command", command.name)) != command.name:
        raise FileProblem(path, f"is the configuration of {written_for!r}, not of {command.name!r}")
    by_key = {option.key: option for option in known.values()}
    # A key of a nested table may also stand at the top, where the command line has it.
    by_key |= {key.rpartition(".")[2]: option for key, option in by_key.items()}
    given: Given = {}
    for key, value in leaves(content):
        if key not in by_key:
            raise FileProblem(path, str(UnknownName("key", key, by_key)))
        given |= _spelt(by_key[key], value, path)
    return given


def _spelt(option: Option, value: Any, path: Path) -> Given:  # noqa: ANN401
    """A TOML value as it would have been typed."""
    if option.is_flag != isinstance(value, bool) or option.is_list != isinstance(value, list):
        wanted = {option.is_flag: "true or false", option.is_list: "a list"}.get(
            True, option.expected
        )
        raise FileProblem(path, f"{option.key} must be {wanted}, got {value!r}")
    if option.is_flag:
        return {option.name if value else "--no-" + option.name.removeprefix("--"): []}
    return {option.name: [str(item) for item in value] if option.is_list else [str(value)]}


def _explain(known: Mapping[str, Option], given: Given, said: str) -> str:
    """One line for tyro's box: the option it names, what was given and what is accepted."""
    for name in re.findall(r"--[a-z0-9][a-z0-9.-]*", said):
        if name in known and given.get(name):
            option, values = known[name], given[name]
            wrong = [value for value in values if value not in option.choices]
            if option.choices and wrong:
                return f"{name}: {UnknownName('value', wrong[0], option.choices)}"
            return f"{name} takes {option.expected}, got {' '.join(values)!r}"
    words = " ".join(re.sub(r"[╭╮╰╯│─]+", " ", said).split())
    return words or "the options cannot be understood"
