"""Modules of the user's own are imported by name, and their mistakes told in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autodas.core.errors import InvalidInput
from autodas.core.plugins import is_reference, load_plugins, named_object


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


@pytest.mark.parametrize("text", ["1 / 0\n", "def f(:\n", "import nothing_of_that_name\n"])
def test_an_object_of_a_module_that_raises_is_told_in_one_line(here: Path, text: str) -> None:
    (here / "broken_space.py").write_text(text)
    with pytest.raises(InvalidInput, match="space 'broken_space:SPACE': cannot import") as caught:
        named_object("broken_space:SPACE", "space")
    assert "\n" not in str(caught.value)


def test_an_error_of_ours_keeps_its_own_words(here: Path) -> None:
    (here / "wrong_plugin.py").write_text(
        "from autodas.core.errors import InvalidInput\nraise InvalidInput('arity must be 1')\n"
    )
    with pytest.raises(InvalidInput, match=r"^arity must be 1$"):
        load_plugins(["wrong_plugin"])


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("module:object", True),
        ("package.module:object", True),
        ("module:object.part", True),
        ("module", False),
        ("package.module", False),
        ("module:", False),
        (":object", False),
        ("module:two words", False),
        ("some-module:object", False),
        ("a/b.py:object", False),
    ],
)
def test_a_reference_is_a_module_and_an_object(name: str, *, is_one: bool) -> None:
    assert is_reference(name) == is_one
    if not is_one:
        with pytest.raises(InvalidInput, match=r"a space is written package\.module:object"):
            named_object(name, "space")


def test_an_object_is_found_by_name_in_the_current_folder(here: Path) -> None:
    (here / "my_space.py").write_text("class Holder:\n    SPACE = [1]\nSPACE = [2]\n")
    for _ in range(2):
        assert named_object("my_space:SPACE", "space") == [2]
        assert named_object("my_space:Holder.SPACE", "space") == [1]
        assert sys.path.count(str(here)) == 1
    assert sys.path[-1] == str(here), "no file there takes the place of an installed module"


@pytest.mark.parametrize("path", ["ABSENT", "Holder.ABSENT", "SPACE.SPACE"])
def test_an_object_that_is_not_there_is_named(here: Path, path: str) -> None:
    (here / "my_space.py").write_text("class Holder:\n    SPACE = [1]\nSPACE = [2]\n")
    said = f"^space 'my_space:{path}': my_space has no '{path}'$"
    with pytest.raises(InvalidInput, match=said):
        named_object(f"my_space:{path}", "space")


def _installed(site: Path, package: str, module: str, text: str) -> None:
    """What pip leaves of a package with an entry point."""
    (site / f"{module}.py").write_text(text)
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[autodas.plugins]\nmine = {module}\n")


def test_plugins_of_installed_packages_are_loaded_and_asked_for(tmp_path: Path) -> None:
    """Those of a package that is broken are named, and stop nobody."""
    _installed(tmp_path, "good-package", "good_of_package", "VALUE = 1\n")
    _installed(tmp_path, "bad-package", "bad_of_package", "import nothing_like_this\n")
    script = (
        "import sys\nfrom autodas.core.plugins import asked_for, load_installed\n"
        "load_installed()\nload_installed()\n"
        "print(sorted(asked_for()), sys.modules['good_of_package'].VALUE)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(tmp_path)])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "['good_of_package'] 1\n"
    (told,) = [line for line in done.stderr.splitlines() if "Warning" in line]
    assert "bad-package, entry point mine: plug-in 'bad_of_package' cannot be imported" in told
