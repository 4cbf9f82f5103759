"""The demonstration, small, from the command line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_demonstration_ends_with_a_table_and_a_report(tmp_path):
    command = [sys.executable, "-m", "autodas", "demo", "--generations", "3", "--out", "run"]
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    lines = first.stdout.splitlines()
    assert any(line.startswith("chosen") for line in lines)
    assert any(line.startswith("teacher") for line in lines)
    assert "against" in first.stdout
    assert lines[-1] == "report: run/report.html"
    assert (tmp_path / "run" / "report.html").stat().st_size > 50_000
    student = tmp_path / "run" / "distill-digits-cnn" / "student.safetensors"
    assert student.is_file()
    before = json.loads((tmp_path / "run" / "results.json").read_text())
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.stdout == first.stdout
    after = json.loads((tmp_path / "run" / "results.json").read_text())
    assert after["seconds"] < before["seconds"]
