"""Names out of files reach terminals as text, whatever they hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.errors import FileProblem, InvalidInput, UnknownName
from autodas.core.printable import printable, printable_json, printable_lines

HOSTILE = (
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "a\nb",
    "a\r\x1b[2Kb",
    "nul\0",
    "\x9b31m",
    "\u202egnp.exe",
    "\udcff",
    "\u2028",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_terminal_obeys_becomes_an_escape(text: str) -> None:
    assert printable(text).isprintable()
    printable(text).encode()
    shown = printable_json(json.dumps(text, ensure_ascii=False))
    assert shown.isprintable()
    assert json.loads(shown) == text


@given(text=st.text())
def test_visible_text_stays_and_the_rest_is_told_apart(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert (shown == text) == text.isprintable()
    assert printable_lines(text).split("\n") == [
        "\t".join(map(printable, line.split("\t"))) for line in text.split("\n")
    ]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "error",
    [
        lambda text: FileProblem(Path(text), f"why {text}"),
        lambda text: InvalidInput(f"value {text}"),
        lambda text: UnknownName("thing", text, ["a", text]),
    ],
)
def test_every_message_is_one_harmless_line(text: str, error) -> None:
    assert str(error(text)).isprintable()


def test_a_message_that_quotes_very_much_is_cut() -> None:
    assert len(str(InvalidInput("got " + "9" * 10**7))) == 2_000
    assert len(str(UnknownName("option", "x" * 10**5, ["a"]))) == 2_000
    assert str(InvalidInput("a" * 2_000)) == "a" * 2_000


def test_a_new_line_in_a_path_is_shown() -> None:
    assert str(FileProblem("a\nb", "is\ndamaged")) == "a\\nb: is damaged"
