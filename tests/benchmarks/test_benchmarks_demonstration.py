"""The README shows what the demonstration finds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from benchmarks.demonstration import BEGIN, END, block, main, placed

from autodas.core.errors import InvalidInput

README = Path(__file__).parents[2] / "README.md"
STUDENTS = "| distilled accuracy"


def shown() -> str:
    return README.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()


def table(text: str) -> dict[str, list[str]]:
    """Rows of the table of students by their first cell."""
    lines = text[text.index(STUDENTS) :].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    cells = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines]
    return {first: others for first, *others in cells}


def reach(accuracies: list[float]) -> float:
    """Half of the 95 % interval of the difference of two means of so many trainings."""
    n = len(accuracies)
    return scipy.stats.t.ppf(0.975, n - 1) * np.std(accuracies, ddof=1) * (2 / n) ** 0.5


def results_of(run: Path) -> list[dict]:
    demo = json.loads((run / "results.json").read_text())
    return [json.loads((run / each / "results.json").read_text()) for each in demo["distill"]]


def assert_same(page: str, run: Path) -> None:
    """All that a discovery finds, to the letter; accuracies within what seeds differ by.

    Trainings are not the same on every machine.
    """
    fresh = block(run)
    assert page[: page.index(STUDENTS)] == fresh[: fresh.index(STUDENTS)]
    here, there = table(page), table(fresh)
    assert here.keys() == there.keys()
    for number, results in enumerate(results_of(run)):
        by_role = {each["role"]: each["accuracies"] for each in results["students"]}
        trained = {
            "chosen student": by_role["chosen"],
            "largest that fits": by_role["largest"],
            "random students, mean": np.mean(
                [each for role, each in by_role.items() if role.startswith("random")], axis=0
            ).tolist(),
        }
        for row, accuracies in trained.items():
            mine, theirs = here[row][number], there[row][number]
            if row != "chosen student":  # which short trainings, in single precision, decide
                assert re.findall(r"\(.*\)", mine) == re.findall(r"\(.*\)", theirs)
            gap = abs(float(mine.split()[0]) - float(theirs.split()[0]))
            assert gap <= reach(accuracies) + 0.01, row
        assert here["teacher"] == there["teacher"]


@pytest.mark.slow
def test_the_readme_shows_what_the_demonstration_finds(tmp_path):
    command = [
        sys.executable,
        "-m",
        "autodas",
        "demo",
        "--jobs",
        "2",
        "--out",
        str(tmp_path / "run"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_same(shown(), tmp_path / "run")


@pytest.fixture
def run(tmp_path) -> Path:
    """A run directory with two tables, two scores and five students each."""
    for folder in ("discover", "search-a", "search-b", "distill-a", "distill-b"):
        (tmp_path / folder).mkdir()

    def put(folder: str, content: dict) -> None:
        (tmp_path / folder / "results.json").write_text(json.dumps(content))

    put(
        "",
        {
            "discover": "discover",
            "search": ["search-a", "search-b"],
            "distill": ["distill-a", "distill-b"],
        },
    )
    row = {"tau_low": -0.25, "tau_high": 0.75}
    taus = {"a": {"proxy": 0.5, "params": 0.25}, "b": {"proxy": -0.125, "params": 0.1}}
    put(
        "discover",
        {
            "pairs": [{"table": name, "n_report": n} for name, n in (("a", 36), ("b", 39))],
            "rows": [
                {"table": name, "score": score, "tau": tau, **row}
                for name, mine in taus.items()
                for score, tau in mine.items()
            ]
            + [{"table": name, "score": "depth", "failed": "constant score"} for name in "ab"],
            "proxy": {"text": "layers_mean(cka)"},
            "verdict": ["On a it wins.", "On b it does not."],
        },
    )
    for name, most in (("a", 10_000.0), ("b", 1234.0)):
        put(f"search-{name}", {"budgets": {"max_params": most}})
        roles = ("chosen", "largest", "random 1", "random 2", "random 3")
        students = [
            {
                "role": role,
                "params": 1000 + i,
                "accuracy": 80.0 + i,
                "accuracies": [79 + i, 80 + i, 81 + i],
            }
            for i, role in enumerate(roles)
        ]
        put(
            f"distill-{name}",
            {
                "space": name,
                "students": students,
                "seeds": 3,
                "teacher_accuracy": 96.5,
                "verdict": [name],
            },
        )
    return tmp_path


def test_the_block_is_made_of_the_run_directory(run):
    assert block(run).splitlines() == [
        "| Kendall τ with distilled accuracy [95 %] | a, 36 unseen | b, 39 unseen |",
        "|---|---|---|",
        "| discovered proxy | **0.50** [−0.25, 0.75] | −0.12 [−0.25, 0.75] |",
        "| #params | 0.25 [−0.25, 0.75] | **0.10** [−0.25, 0.75] |",
        "| depth | – | – |",
        "",
        "* On a it wins.",
        "* On b it does not.",
        "",
        "```",
        "layers_mean(cka)",
        "```",
        "",
        "Then it chooses a student within a budget, by short trainings of some that the proxy",
        "or their size puts first, and trains it beside the largest that fits and three",
        "random ones, each with 3 seeds:",
        "",
        "| distilled accuracy, % (parameters) | a, at most 10,000 | b, at most 1,234 |",
        "|---|---|---|",
        "| chosen student | 80.00 (1,000) | 80.00 (1,000) |",
        "| largest that fits | 81.00 (1,001) | 81.00 (1,001) |",
        "| random students, mean | 83.00 | 83.00 |",
        "| teacher | 96.50 | 96.50 |",
        "",
        "* a",
        "* b",
    ]


def test_a_page_that_says_something_else_is_noticed(run):
    page = block(run)
    assert_same(page, run)
    assert_same(page.replace("80.00 (", "83.00 ("), run)  # within what seeds differ by
    changes = [
        ("**0.50**", "**0.51**"),
        ("layers_mean", "layers_sum"),
        ("80.00 (1,000)", "99.00 (1,000)"),
        ("(1,001)", "(1,002)"),
        ("96.50", "96.60"),
        ("83.00 |", "93.00 |"),
    ]
    for before, after in changes:
        with pytest.raises(AssertionError):
            assert_same(page.replace(before, after), run)


def test_what_is_written_stands_between_the_marks(run, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    for _ in range(2):
        assert main([str(run), str(page)]) == 0
        assert page.read_text() == f"before\n{BEGIN}\n{block(run)}\n{END}\nafter\n"
    assert main([str(run)]) == 2
    assert main([str(run), str(tmp_path / "none.md")]) == 2
    assert "none.md" in capsys.readouterr().err


@pytest.mark.parametrize("page", ["", END + BEGIN, BEGIN, BEGIN + END + BEGIN, BEGIN + END + END])
def test_a_page_without_a_place_for_it_is_refused(page):
    with pytest.raises(InvalidInput, match="demonstration: begin"):
        placed(page, "text")


def test_the_readme_has_the_place_and_the_figures_in_it():
    text = shown()
    order = ["| discovered proxy |", "```", STUDENTS, "| teacher |"]
    assert all(text.index(a) < text.index(b) for a, b in pairwise(order))
    assert placed(README.read_text(encoding="utf-8"), text) == README.read_text(encoding="utf-8")
