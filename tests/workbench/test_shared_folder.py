"""The file by which workers know the folder of their driver goes, even if the driver was killed."""

import os
import signal
import subprocess
import sys

import pytest

from autodas.backends import backend
from autodas.core.errors import FileProblem
from autodas.steps import measure
from autodas.workbench.shared_folder import home

DRIVER = """
import os, signal, sys
from pathlib import Path
from autodas.backends import backend
from autodas.workbench.shared_folder import home
with home(Path(sys.argv[1]), backend("ray")):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def left(tmp_path):
    """A folder with the mark of a killed driver."""
    done = subprocess.run([sys.executable, "-c", DRIVER, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 1
    return tmp_path


def test_a_mark_goes_with_its_run(tmp_path):
    with home(tmp_path, backend("ray")) as place:
        assert names(tmp_path) == [place.mark]
        assert place.seen
    assert list(tmp_path.iterdir()) == []


def test_a_mark_of_a_killed_driver_goes_with_the_next_run(left):
    with home(left, backend("ray")) as place:
        assert names(left) == [place.mark]
    assert list(left.iterdir()) == []


def test_it_goes_as_well_if_there_is_nothing_left_for_ray_to_do(left):
    mark = left / names(left)[0]
    statistics = left / "cache" / "statistics"
    (statistics / mark.parent.name).mkdir(parents=True)
    mark.rename(statistics / mark.parent.name / mark.name)
    done = {"space": "digits-vit", "students": 1, "statistics": ("weight",), "jobs": 1}
    for _ in range(2):
        measure.run(measure.MeasureConfig(cache=left / "cache", **done))
        assert not (statistics / mark.parent.name).exists()
        (statistics / mark.parent.name).mkdir()


def test_marks_of_living_drivers_and_other_files_stay(tmp_path):
    folder = tmp_path / ".drivers"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_text("")
    with home(tmp_path, backend("ray")) as first, home(tmp_path, backend("ray")):
        assert first.seen
    assert {path.name for path in folder.iterdir()} >= {"mine", "link"}
    assert (tmp_path / "file").exists()


def test_a_linked_folder_of_marks_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".drivers").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileProblem, match="is a link"), home(tmp_path / "run", backend("ray")):
        pass
