"""Folders that cannot be written, disks that are full, clocks that go back: told, and survived."""

import errno
import os
import time
from pathlib import Path

import pytest

from autodas.cli.main import main
from autodas.core import places
from autodas.core.errors import FileProblem
from autodas.core.progress import Silent
from autodas.steps import measure
from autodas.steps.discover import dispatch as discover
from autodas.steps.discover.dispatch import DiscoverConfig
from autodas.steps.search import run as search

STATISTICS = ("cka", "weight")
SMALL = {"space": "digits-vit", "students": 3, "statistics": STATISTICS, "jobs": 1}
SHORT = {"tables": ("digits-cnn",), "limit": 12, "population": 8, "generations": 3, "jobs": 1}


class Notes(Silent):
    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)


@pytest.fixture
def nowhere(tmp_path):
    """A folder that nobody can write to, not even the superuser."""
    places.scratch_folder.cache_clear()
    (tmp_path / "file").write_text("")
    yield tmp_path / "file" / "cache"
    places.scratch_folder.cache_clear()


def test_a_cache_that_cannot_be_written_stops_nobody_and_is_told_once(nowhere, tmp_path):
    notes = Notes()
    for _ in range(2):
        found = measure.run(measure.MeasureConfig(cache=nowhere, **SMALL), notes)
        assert found["missing"] == {}
    assert notes.lines == [
        f"{nowhere}/statistics cannot be written: what is measured now is not kept for later"
    ]
    assert found["measured"] == 0  # within the process it is kept
    usual = measure.run(measure.MeasureConfig(cache=tmp_path / "cache", **SMALL))
    assert usual["bytes"] == found["bytes"]


def test_costs_that_cannot_be_kept_stop_nobody(nowhere, tmp_path):
    notes = Notes()
    options = {"space": "digits-vit", "score": "params", "candidates": 4, "max_params": "20k"}
    search.run(search.SearchConfig(out=tmp_path / "run", cache=nowhere, **options, jobs=1), notes)
    assert [line for line in notes.lines if "not kept for later" in line]


def test_no_room_for_a_cache_anywhere_is_one_line(nowhere, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tempfile.mkdtemp", full)
    with pytest.raises(FileProblem, match="cannot stand in for the cache: No space left on device"):
        measure.run(measure.MeasureConfig(cache=nowhere, **SMALL))


def test_a_disk_that_fills_up_ends_in_one_line_and_the_run_goes_on_later(
    tmp_path, monkeypatch, capfd
):
    out, usual = tmp_path / "run", os.fsync
    words = ["discover", "--tables", "digits-cnn", "--limit", "12", "--population", "8"]
    words += ["--generations", "3", "--jobs", "1"]
    journal = []

    def full(descriptor):
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        journal.extend([name] if name == "journal.jsonl" else [])
        if len(journal) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return usual(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    assert main([*words, "--out", str(out)]) == 2
    *_, last = capfd.readouterr().err.splitlines()
    assert last == f"autodas: error: {out}/journal.jsonl: cannot be written: " + os.strerror(28)
    monkeypatch.undo()
    assert main([*words, "--out", str(out)]) == 0
    discover.run(DiscoverConfig(out=tmp_path / "whole", **SHORT))
    assert (out / "proxy.json").read_bytes() == (tmp_path / "whole" / "proxy.json").read_bytes()


def test_an_error_of_the_machine_is_no_defect(monkeypatch, capfd):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied", "/secret")

    monkeypatch.setattr("autodas.cli.main.load_plugins", refuse)
    assert main(["list", "spaces"]) == 2
    assert capfd.readouterr().err == "autodas: error: [Errno 13] Permission denied: '/secret'\n"


def test_a_clock_that_goes_back_changes_nothing(tmp_path, monkeypatch):
    discover.run(DiscoverConfig(out=tmp_path / "a", **SHORT))
    clock = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    discover.run(DiscoverConfig(out=tmp_path / "b", **SHORT))
    a, b = ((tmp_path / name / "proxy.json").read_bytes() for name in "ab")
    assert a == b
