"""A space of the user's own goes the whole way: search, training, export, labels."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "own-space.md"
SPACE = "my_space:SPACE"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the module of the tutorial."""
    folder = tmp_path_factory.mktemp("own")
    module = PAGE.read_text(encoding="utf-8").partition('title="my_space.py"\n')[2]
    (folder / "my_space.py").write_text(module.partition("```")[0], encoding="utf-8")
    return folder


def autodas(folder, *words):
    return subprocess.run(
        [sys.executable, "-m", "autodas", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def finished(folder):
    done = autodas(
        folder,
        *("run", "--space", SPACE, "--score", "params", "--max-params", "10000", "--epochs", "1"),
        *("--jobs", "1", "--out", "run", "--json"),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_is_trained_and_exported(folder, finished):
    assert finished["space"] == SPACE
    code = (
        "import my_space, autodas; net = autodas.load_student('run/distill'); "
        "print(sum(p.numel() for p in net.parameters()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == finished["student"]["params"]


def test_its_search_is_distilled_if_the_user_names_its_module(folder, finished):
    search = ("distill", "--search", "run/search", "--epochs", "1", "--jobs", "1")
    refused = autodas(folder, *search, "--out", "refused")
    assert refused.returncode == 2
    assert refused.stderr.strip().count("\n") == 0
    assert SPACE in refused.stderr
    assert "--plugin my_space" in refused.stderr
    assert not (folder / "refused").exists()
    done = autodas(folder, *search, "--plugin", "my_space", "--out", "distilled")
    assert done.returncode == 0, done.stderr


def test_its_labels_are_a_table_that_finds_the_space(folder):
    done = autodas(
        folder,
        *("label", "--space", SPACE, "--students", "12", "--seeds", "1", "--epochs", "1"),
        *("--data", "digits/50", "--no-vanilla", "--jobs", "2", "--out", "label"),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "label" / "table.json").read_text())["space"] == SPACE
    done = autodas(
        folder,
        "benchmark",
        "--scores",
        "params",
        "--table",
        "label/table.csv",
        "--jobs",
        "1",
        "--plugin",
        "my_space",
    )
    assert done.returncode == 0, done.stderr
