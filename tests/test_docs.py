"""Every Python and console block of the README and the docs runs, page by page.

The steps of a page are done in order in an empty folder of its own: Python blocks share their
names, lines after ``$`` in console blocks are commands, and a block with a ``title`` is a file.
A block below ``<!-- not run: REASON -->`` is left out, and one below
``<!-- needs: MODULE … -->`` where a module of an extra is missing.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import autodas
from autodas.cli.commands import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
STEP = re.compile(
    r"(?P<left_out><!-- not run: [^\n]+ -->\n+)?(?:<!-- needs: (?P<needs>[\w ]+) -->\n+)?"
    r'^```(?P<kind>\w+)(?: title="(?P<file>[^"]+)")?\n'
    r"(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
RUNNER = ROOT / "tests" / "docs_runner.py"


def is_there(module):
    return importlib.util.find_spec(module) is not None


def needed(page):
    """Modules of extras that steps of a page need."""
    found = STEP.finditer(page.read_text(encoding="utf-8"))
    return {module for step in found for module in (step["needs"] or "").split()}


def steps_of(page):
    """What a reader of the page would do: kind, name and text of every step."""
    steps = []
    for found in STEP.finditer(page.read_text(encoding="utf-8")):
        if found["left_out"] or not all(map(is_there, (found["needs"] or "").split())):
            continue
        if found["file"]:
            steps.append(("file", found["file"], found["text"]))
        elif found["kind"] in {"python", "console"}:
            steps.append((found["kind"], page.name, found["text"]))
    return steps


STEPS = {page: steps_of(page) for page in PAGES}
SLOW = {"tutorials/new-space.md"}  # trains, measures and evolves


def name_of(page):
    return str(page.relative_to(ROOT)).removeprefix("docs/")


def run_pages(pages, folder):
    """Do what pages show. In one process, because loading PyTorch takes longer than most."""
    steps = [step for page in pages for step in (("page", name_of(page), ""), *STEPS[page])]
    return subprocess.run(
        [sys.executable, str(RUNNER)],
        input=json.dumps(steps),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_pages_show_works(tmp_path):
    pages = [page for page in PAGES if STEPS[page] and name_of(page) not in SLOW]
    assert len(pages) > 10
    done = run_pages(pages, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("==== ") == len(pages)


def test_what_steps_need_is_installed_with_an_extra():
    needs = sorted(set().union(*map(needed, PAGES)))
    pinned = re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert set(needs) <= set(pinned)
    if missing := [module for module in needs if not is_there(module)]:
        pytest.skip(f"steps of pages that need {', '.join(missing)} were left out")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SLOW))
def test_what_long_pages_show_works(name, tmp_path):
    done = run_pages([ROOT / "docs" / name], tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_steps_of_a_page_are_seen(tmp_path):
    page = tmp_path / "page.md"
    fence = "`" * 3
    blocks = ["python\nx = 1", 'python title="mine.py"\ny = 2', "console\n$ autodas --version"]
    blocks += ["sh\nrm -rf /", "\njust text", "python\nraise"]
    text = "\n\n".join(f"{fence}{block}\n{fence}" for block in blocks[:-1])
    left_out = f"<!-- not run: takes hours -->\n\n{fence}{blocks[-1]}\n{fence}\n"
    missing = f"<!-- needs: json no_such_module -->\n\n{fence}python\nraise\n{fence}\n"
    there = f"<!-- needs: json re -->\n\n{fence}python\nz = 3\n{fence}\n"
    page.write_text(f"{text}\n\n{left_out}\n\n{missing}\n\n{there}")
    assert needed(page) == {"json", "re", "no_such_module"}
    assert steps_of(page) == [
        ("python", "page.md", "x = 1\n"),
        ("file", "mine.py", "y = 2\n"),
        ("console", "page.md", "$ autodas --version\n"),
        ("python", "page.md", "z = 3\n"),
    ]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (("python", "page.md", "1 / 0"), "ZeroDivisionError"),
        (("console", "page.md", "$ autodas list space"), "ended with 2"),
        (("console", "page.md", "$ rm x"), "only autodas commands are run"),
    ],
)
def test_a_step_that_fails_is_seen(step, message, tmp_path):
    done = subprocess.run(
        [sys.executable, str(RUNNER)],
        input=json.dumps([step]),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert message in done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_local_links_lead_somewhere(page):
    targets = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in targets if not (page.parent / link).exists()] == []


def test_the_navigation_leads_to_pages():
    listed = set(re.findall(r"^ +- (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert listed - pages == {"index.md", "changelog.md", "contributing.md"}
    # Pages beside these may be found by links alone.
    assert {page for page in pages if "/" in page} <= listed


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


def test_every_command_is_explained():
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"`{name}`" not in text] == []


def test_every_public_name_is_explained():
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    names = [re.compile(rf"`{name}[`(]") for name in autodas.__all__ if name != "__version__"]
    assert [name.pattern for name in names if not name.search(text)] == []
