"""Every command of the table loads, explains its options, and shares one spelling of them."""

from __future__ import annotations

import re

import pytest

from autodas.cli.commands import COMMANDS
from autodas.cli.main import main
from autodas.cli.options import Common, options_of, parse
from autodas.core.errors import InvalidInput

# What several commands take means the same in all of them.
SHARED = {
    "--out": "a path",
    "--jobs": "a whole number",
    "--seed": "a whole number",
    "--cache": "a path",
    "--space": "text",
    "--teacher": "text",
    "--data": "text",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_explains_every_option(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    options = options_of(COMMANDS[name].load().config)
    assert main([name, "--help"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    lines = re.sub(r"[│╭╮╰╯─]", " ", out)
    for option in (*options, *options_of(Common)):
        # The option, its values and at least two words on it, before the default.
        entry = re.search(rf"\s{option}[ ,\n](.*?)\((?:default|required)", lines, flags=re.DOTALL)
        assert entry, option
        words = re.findall(r"\b[a-zA-Z]{2,}\b", re.sub(r"\[.*?\]\]|\{.*?\}|--\S+", "", entry[1]))
        assert len(words) >= 2, f"{name} {option} is not explained"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_first_arguments_are_options(name: str) -> None:
    command = COMMANDS[name]
    assert {f"--{option}" for option in command.positional} <= options_of(
        command.load().config
    ).keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_shared_options_mean_the_same(name: str) -> None:
    for option, spelt in options_of(COMMANDS[name].load().config).items():
        if option in SHARED:
            assert SHARED[option] in spelt.expected, option


@pytest.mark.parametrize("name", [name for name, each in COMMANDS.items() if each.reported])
def test_what_is_reported_has_a_run_directory(name: str) -> None:
    assert "--out" in options_of(COMMANDS[name].load().config)


def test_several_values_of_an_option_with_a_plural_are_its_plural() -> None:
    command = COMMANDS["search"]
    config = command.load().config
    several, _ = parse(command, config, ["--teacher", "a", "b", "none", "--seed", "3"])
    assert (several.teachers, several.protocol.teacher) == (("a", "b", "none"), None)
    assert several.seed == 3
    one, _ = parse(command, config, ["--teacher", "a"])
    assert (one.teachers, one.protocol.teacher) == ((), "a")
    with pytest.raises(InvalidInput, match="unexpected argument 'b' after --score"):
        parse(command, config, ["--score", "a", "b"])
