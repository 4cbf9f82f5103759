"""Where the cache is, with and without a home folder."""

import errno
import os
import pwd
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from autodas.cli.main import main
from autodas.core import places
from autodas.core.errors import FileProblem, InvalidInput


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """No HOME, and a user whom the system does not know."""

    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("HOME", "XDG_CACHE_HOME", "AUTODAS_CACHE", "AUTODAS_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    places.scratch_folder.cache_clear()
    yield tmp_path / f"autodas-{os.getuid()}"
    places.scratch_folder.cache_clear()


def test_without_a_home_the_cache_is_among_the_temporary_files(homeless):
    assert places.cache_folder() == homeless
    assert stat.S_IMODE(homeless.stat().st_mode) == 0o700
    assert places.cache_folder() == homeless  # and is found again


def test_a_named_cache_needs_no_home(homeless, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert places.cache_folder() == Path("/xdg/autodas")
    monkeypatch.setenv("AUTODAS_CACHE", "/named")
    assert places.cache_folder() == Path("/named")
    assert places.cache_folder(tmp_path) == tmp_path
    assert places.stand_in() is None


def of_others(folder, mode=0o777):
    folder.mkdir()
    folder.chmod(mode)


def of_a_group(folder):
    of_others(folder, 0o720)


def of_everybody_else(folder):
    of_others(folder, 0o702)


def link(folder):
    (folder.parent / "elsewhere").mkdir()
    folder.symlink_to(folder.parent / "elsewhere")


@pytest.mark.parametrize("laid", [of_others, of_a_group, of_everybody_else, link, Path.touch])
def test_what_others_could_have_laid_there_is_no_cache(homeless, laid):
    laid(homeless)
    found = places.cache_folder()
    assert found == places.scratch_folder()
    assert found != homeless


def test_a_path_below_a_home_that_is_not_there_is_one_line(homeless, monkeypatch, capsys):
    with pytest.raises(InvalidInput, match=r"~/c: there is no home folder.*HOME"):
        places.cache_folder(Path("~/c"))
    monkeypatch.setenv("AUTODAS_DATA", "~/data")
    with pytest.raises(InvalidInput, match="~/data: there is no home folder"):
        places.data_folder()
    monkeypatch.delenv("AUTODAS_DATA")
    assert main(["measure", "--space", "digits-vit", "--students", "1", "--cache", "~/c"]) == 2
    assert "~/c: there is no home folder" in capsys.readouterr().err
    assert main(["benchmark", "--table", "~/t.csv", "--scores", "params", "--out", "o"]) == 2
    assert "~/t.csv: there is no home folder" in capsys.readouterr().err


def test_commands_say_once_where_the_cache_is(homeless, capsys):
    words = ["measure", "--space", "digits-vit", "--students", "1", "--statistics", "weight"]
    assert main([*words, "--jobs", "1"]) == 0
    told = capsys.readouterr().err
    assert told.count(f"there is no home folder: the cache is in {homeless}") == 1
    assert "HOME" in told
    assert "AUTODAS_CACHE" in told
    assert (homeless / "statistics").is_dir()
    assert main([*words, "--jobs", "1", "--cache", str(homeless / "mine")]) == 0
    assert "no home folder" not in capsys.readouterr().err
    assert main(["doctor"]) == 0


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux", ".cache/autodas"),
        ("darwin", "Library/Caches/autodas"),
        ("win32", ".cache/autodas"),
        ("cygwin", ".cache/autodas"),
    ],
)
def test_at_home_the_cache_is_where_the_system_keeps_such_things(monkeypatch, platform, expected):
    for name in ("XDG_CACHE_HOME", "AUTODAS_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setattr("sys.platform", platform)
    assert places.cache_folder() == Path("/home/somebody") / expected
    assert places.stand_in() is None


def test_xdg_is_for_others_than_macos(homeless, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    monkeypatch.setattr("sys.platform", "darwin")
    assert places.stand_in() == homeless


def test_a_folder_of_another_user_is_no_cache(homeless, monkeypatch):
    stranger = os.getuid() + 1
    folder = homeless.with_name(f"autodas-{stranger}")
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: stranger)
    assert places.cache_folder() == places.scratch_folder() != folder


def test_a_folder_that_can_be_written_is_made(tmp_path):
    for _ in range(2):
        assert places.can_be_written(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").write_text("")
    assert not places.can_be_written(tmp_path / "file")
    assert not places.can_be_written(tmp_path / "file" / "folder")


def test_a_folder_that_is_there_and_takes_no_file_cannot_be_written(tmp_path, monkeypatch):
    def refuse(**_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert not places.can_be_written(tmp_path)


def test_no_room_for_a_cache_anywhere_is_one_line(homeless, monkeypatch):
    def full(**_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    said = f"^{homeless.parent}: cannot stand in for the cache: No space left on device$"
    with pytest.raises(FileProblem, match=said):
        places.scratch_folder()


SCRATCH = """
import sys
from autodas.core.places import scratch_folder
folder = scratch_folder()
(folder / "kept").write_text("")
if "removed" in sys.argv:
    folder.rename(folder.with_name("elsewhere"))
print(folder)
"""


@pytest.mark.parametrize("words", [[], ["removed"]])
def test_a_scratch_folder_goes_in_silence_with_its_process(tmp_path, words):
    done = subprocess.run(
        [sys.executable, "-c", SCRATCH, *words],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()).parent == tmp_path
    assert not Path(done.stdout.strip()).exists()
    assert done.stderr == ""
