"""A table may name the code of a space; it is run only if somebody else asked for it as well."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from autodas.core import plugins
from autodas.core.errors import InvalidInput
from autodas.spaces import get_space
from autodas.tables import load_table
from autodas.workbench.ground_truth import space_of

CODE = "from autodas.spaces import get_space\nSPACE = get_space('digits-cnn')\nran = True\n"


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module that the working folder offers, and a name that no other test uses."""
    name = "space_of_a_table"
    (tmp_path / f"{name}.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    yield name
    sys.modules.pop(name, None)
    plugins._asked.discard(name)


def table_of(space):
    return replace(load_table("digits-cnn"), space=space)


@pytest.mark.parametrize("space", ["space_of_a_table:SPACE", "os:abort", "builtins:breakpoint"])
def test_code_that_a_file_names_is_not_run(module, space):
    with pytest.raises(InvalidInput, match=rf"'{space}'.*--plugin {space.partition(':')[0]}"):
        space_of(table_of(space))
    assert module not in sys.modules


def test_what_somebody_asked_for_is(module):
    name = f"{module}:SPACE"
    assert space_of(table_of(name), asked=name).name == "digits-cnn"


def test_a_plugin_is_asked_for(module):
    plugins.load_plugins([module])
    assert space_of(table_of(f"{module}:SPACE")) is get_space("digits-cnn")
    with pytest.raises(InvalidInput, match="is a bool"):
        space_of(table_of(f"{module}:ran"))


def test_spaces_by_name_need_nobody():
    assert space_of(load_table("digits-cnn")).name == "digits-cnn"


def test_a_space_of_ours_under_another_name_stays_what_it_is(module):
    found = get_space(f"{module}:SPACE")
    assert found is get_space("digits-cnn")
    assert found.known_as == "digits-cnn"
