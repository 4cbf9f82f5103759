"""Standard streams that are closed before a command starts: it does its work all the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def autodas(arguments: str, redirections: str) -> subprocess.CompletedProcess[str]:
    line = f'"{sys.executable}" -m autodas {arguments} {redirections}'
    return subprocess.run(
        ["sh", "-c", line], text=True, check=False, timeout=120, capture_output=True
    )


@pytest.mark.parametrize(
    ("redirections", "seen"),
    [(">&-", False), ("2>&-", True), (">&- 2>&-", False), ("<&- >&- 2>&-", False), ("<&-", True)],
)
def test_a_list_that_nobody_can_read_is_no_defect(redirections: str, seen: bool) -> None:
    done = autodas("list recipes", redirections)
    assert done.returncode == 0
    assert done.stderr == ""
    assert ("digits-cnn-short" in done.stdout) == seen


@pytest.mark.parametrize(
    ("arguments", "status"),
    [("--help", 0), ("list spaces --json", 0), ("zzz", 2), ("zzz --json", 2), ("list zzz", 2)],
)
def test_the_status_is_that_of_the_command(arguments: str, status: int) -> None:
    for redirections in (">&-", "2>&-"):
        assert autodas(arguments, redirections).returncode == status


def test_a_run_with_workers_keeps_its_files_clean(tmp_path: Path) -> None:
    """None of them gets the number of a stream that workers write to."""
    small = "--limit 20 --population 4 --generations 2 --finalists 2 --jobs 2"
    words = f"discover --tables digits-cnn {small} --out {tmp_path}"
    done = autodas(words, "<&- >&- 2>&-")
    assert done.returncode == 0
    assert json.loads((tmp_path / "results.json").read_text())["command"] == "discover"
    lines = [line for line in (tmp_path / "journal.jsonl").read_text().splitlines() if line]
    assert len(lines) == 2
    assert all(json.loads(line.split(" ", 3)[3]) for line in lines)
