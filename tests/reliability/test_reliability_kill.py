"""Commands killed with SIGKILL at random moments end with the files of an undisturbed run."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import compare
import kill
import pytest

HARNESS = Path(kill.__file__)
RAY = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
EVERY = [(name, each) for name in kill.CASES for each in kill.BACKENDS if name != "demo"]


def run(command, backend, kills):
    words = [sys.executable, str(HARNESS), command, "--backend", backend, "--kills", str(kills)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "backend"),
    [
        pytest.param(*each, marks=[RAY] * (each[1] == "ray"))
        for each in EVERY
        if kill.CASES[each[0]].parallel or each[1] == "serial"
    ],
)
def test_fifty_kills(command, backend):
    done = run(command, backend, 50)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_demonstration_survives_as_well():
    done = run("demo", "processes", 5)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_killed_command_ends_with_the_same_files():
    done = run("train-teacher", "serial", 2)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [("results.json", '{"accuracy": 2, "seconds": 1}'), ("other.csv", ""), (".a.b.tmp", "")],
)
def test_the_comparison_sees(tmp_path, name, text):
    folders = [tmp_path / "whole", tmp_path / "killed"]
    for number, folder in enumerate(folders):
        folder.mkdir()
        (folder / "results.json").write_text(f'{{"accuracy": 1, "seconds": {number}}}')
    compare.same(*folders)
    (folders[1] / name).write_text(text)
    with pytest.raises(compare.Broken):
        compare.same(*folders)
