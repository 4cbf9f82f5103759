"""The file by which workers know the folder of their driver goes, even if the driver was killed."""

import os
import signal
import subprocess
import sys

from autodas.backends import backend
from autodas.pipeline.home import home

DRIVER = """
import os, signal, sys
from pathlib import Path
from autodas.backends import backend
from autodas.pipeline.home import home
with home(Path(sys.argv[1]), backend("ray")):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_mark_goes_with_its_run(tmp_path):
    with home(tmp_path, backend("ray")) as place:
        assert names(tmp_path) == [place.mark]
        assert place.seen
    assert names(tmp_path) == []


def test_a_mark_of_a_killed_driver_goes_with_the_next_run(tmp_path):
    done = subprocess.run([sys.executable, "-c", DRIVER, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 1
    with home(tmp_path, backend("ray")) as place:
        assert names(tmp_path) == [place.mark]
    assert names(tmp_path) == []


def test_marks_of_living_drivers_and_other_files_stay(tmp_path):
    (tmp_path / ".driver-of-mine").write_text("mine")
    os.mkfifo(tmp_path / ".driver-0123456789abcdef")
    (tmp_path / "file").write_text("mine")
    (tmp_path / ".driver-fedcba9876543210").symlink_to(tmp_path / "file")
    before = names(tmp_path)
    with home(tmp_path, backend("ray")) as first, home(tmp_path, backend("ray")):
        assert first.seen
    assert names(tmp_path) == before
