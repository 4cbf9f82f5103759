"""Every Python block of the README and the docs runs, page by page, in a fresh process."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


CODE = {page: "\n".join(BLOCK.findall(page.read_text(encoding="utf-8"))) for page in PAGES}


@pytest.mark.parametrize("page", [page for page in PAGES if CODE[page]], ids=lambda page: page.name)
def test_python_blocks_run(page, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CODE[page]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_local_links_lead_somewhere(page):
    targets = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in targets if not (page.parent / link).exists()] == []


def test_the_example_plugin_is_known_to_commands(tmp_path):
    (code,) = BLOCK.findall((ROOT / "docs" / "extending.md").read_text(encoding="utf-8"))
    (tmp_path / "mine.py").write_text(code)
    for what, name in (
        ("statistics", "stage_energy"),
        ("primitives", "log1p"),
        ("scores", "energy"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "autodas", "list", what, "--plugin", "mine"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert name in done.stdout


def test_a_plugin_that_cannot_be_imported_is_named_in_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "autodas", "list", "scores", "--plugin", "nowhere"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert done.stderr.count("\n") == 1
