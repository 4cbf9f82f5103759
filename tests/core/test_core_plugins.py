"""Modules of the user's own are imported by name, and their mistakes told in one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autodas.core.errors import InvalidInput
from autodas.core.plugins import load_plugins


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_module_of_the_current_folder_is_imported(here: Path) -> None:
    (here / "my_plugin.py").write_text("VALUE = 1\n")
    load_plugins(["my_plugin"])
    assert sys.modules["my_plugin"].VALUE == 1
    assert sys.path.count(str(here)) == 1
    load_plugins(["my_plugin"])
    assert sys.path.count(str(here)) == 1


def test_nothing_is_imported_and_no_path_changed_without_plugins(here: Path) -> None:
    load_plugins([])
    assert str(here) not in sys.path


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "ModuleNotFoundError"),
        ("def f(:\n", "SyntaxError"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("raise ValueError('a\\nb')\n", "ValueError: a"),
    ],
)
def test_a_module_that_cannot_be_imported_is_told_in_one_line(
    here: Path, text: str | None, why: str
) -> None:
    if text is not None:
        (here / "broken_plugin.py").write_text(text)
    with pytest.raises(InvalidInput, match="plug-in 'broken_plugin' cannot be imported") as caught:
        load_plugins(["broken_plugin"])
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_of_ours_keeps_its_own_words(here: Path) -> None:
    (here / "wrong_plugin.py").write_text(
        "from autodas.core.errors import InvalidInput\nraise InvalidInput('arity must be 1')\n"
    )
    with pytest.raises(InvalidInput, match=r"^arity must be 1$"):
        load_plugins(["wrong_plugin"])
