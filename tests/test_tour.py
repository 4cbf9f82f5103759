"""The tour leads to what exists: every file, and every name in the file it is said to be in."""

from __future__ import annotations

import ast
import re

import pytest

from source_tree import ROOT

PAGE = ROOT / "docs" / "tour.md"
FILE = re.compile(r"`((?:src|tests)/[\w/.]+\.py)`")
FOLDER = re.compile(r"`((?:src|tests)/[\w/]+)`")
NAME = re.compile(r"`([A-Za-z_]\w+)`")
STOPS = 8


def stops():
    """The headings of the page with their text."""
    parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [part.partition("\n")[::2] for part in parts]


def defined(files):
    """What a module defines at its top, and the words that come with the language or the tool."""
    found = set()
    for file in files:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        found |= {
            node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)
        }
        found |= {
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        found |= {
            alias.asname or alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
    return found


def test_there_are_eight_stops_each_with_its_file():
    numbered = [heading for heading, _ in stops() if heading[0].isdigit()]
    assert len(numbered) == STOPS
    assert all(FILE.search(heading) for heading in numbered)


@pytest.mark.parametrize(("heading", "text"), stops(), ids=lambda value: value.split(":")[0][:20])
def test_what_a_stop_names_exists(heading, text):
    files = FILE.findall(heading + text)
    assert files
    for path in [*files, *FOLDER.findall(heading + text)]:
        assert (ROOT / path).exists(), path
    missing = set(NAME.findall(text)) - defined(files)
    assert missing == set()


@pytest.mark.parametrize(("heading", "text"), stops()[:STOPS], ids=lambda value: value[:2])
def test_a_stop_says_what_comes_in_goes_out_and_must_hold(heading, text):
    assert "**In**" in text
    assert "**Out**" in text
    assert "**Must stay true**" in text
