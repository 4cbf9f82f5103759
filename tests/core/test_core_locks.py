"""One process at a time, whatever became of the last one."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.locks import locked

HOLDER = """
import sys
from pathlib import Path
from autodas.core.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_lock_left_by_a_killed_process_stops_nobody_even_if_its_number_lives_again(tmp_path):
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        said = f"in use by process {holder.pid}; wait for it, or choose another --out$"
        with pytest.raises(InvalidInput, match=said), locked(path):
            pass
        holder.kill()
        holder.wait()
    assert path.read_text() == f"{holder.pid}\n"
    # The system may give the number to another process at any time; here to one that is alive.
    path.write_text(f"{os.getppid()}\n")
    with locked(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    said = "lock: cannot be opened to lock it: Not a directory"
    with pytest.raises(FileProblem, match=said), locked(tmp_path / "file" / "lock"):
        pass
    (tmp_path / "lock").symlink_to("/etc/hostname")
    with pytest.raises(FileProblem, match="cannot be opened"), locked(tmp_path / "lock"):
        pass


def test_a_file_system_without_locks_is_no_second_process(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("autodas.core.locks.lock_descriptor", refuse)
    said = "cannot be locked: No locks available"
    with pytest.raises(FileProblem, match=said), locked(tmp_path / "lock"):
        pass


def test_a_full_disk_holds_no_number_and_the_lock_holds(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    refused = pytest.raises(InvalidInput, match="by process unknown")
    with locked(tmp_path / "lock"), refused, locked(tmp_path / "lock"):
        pass


def test_others_may_read_who_holds_a_lock_and_not_write_it(tmp_path):
    before = os.umask(0)
    try:
        with locked(tmp_path / "lock"):
            assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o644
    finally:
        os.umask(before)
