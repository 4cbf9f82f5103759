"""Files appear whole or not at all; digests are the same everywhere."""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodas.core import files, places
from autodas.core.digest import canonical_json, digest, digest_bytes, digest_file
from autodas.core.errors import FileProblem, MissingData
from autodas.core.files import write_text


def test_what_is_written_is_read(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "results.json"
    files.write_json(target, {"τ": 0.5, "text": "ä"})
    assert files.read_json(target) == {"τ": 0.5, "text": "ä"}
    assert "τ" in target.read_text(encoding="utf-8")
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


@pytest.mark.parametrize(
    "code",
    [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE],
    ids=errno.errorcode.__getitem__,
)
@pytest.mark.parametrize(
    ("owner", "failing"),
    [
        (tempfile, "mkstemp"),
        (os, "fsync"),
        (os, "scandir"),
        (Path, "chmod"),
        (Path, "replace"),
        (Path, "mkdir"),
    ],
)
def test_a_failed_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, failing: str, code: int
) -> None:
    target = tmp_path / "results.json"
    files.write_text(target, "old")

    def fails(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr(owner, failing, fails)
        with pytest.raises(
            FileProblem, match=rf"results\.json: cannot be written: {os.strerror(code)}"
        ):
            files.write_text(target, "new")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_a_value_that_is_not_json_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "results.json"
    files.write_json(target, {"old": 1})
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(target, {"new": float("nan")})
    assert files.read_json(target) == {"old": 1}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"{", "not valid JSON"),
        (b"\xff", "is not UTF-8 text"),
        (b"[" * 10**5, "not valid JSON"),
    ],
)
def test_unreadable_json_is_reported_in_one_line(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    target = tmp_path / "results.json"
    if content is not None:
        target.write_bytes(content)
    with pytest.raises(FileProblem, match=words) as caught:
        files.read_json(target)
    assert str(target) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_is_not_json(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="cannot be read"):
        files.read_json(tmp_path)


@dataclasses.dataclass(frozen=True)
class _Config:
    seed: int
    out: Path


def test_canonical_json_is_one_spelling() -> None:
    assert canonical_json({"b": [1, 2.5], "a": None}) == '{"a":null,"b":[1,2.5]}'
    assert canonical_json(_Config(3, Path("runs/a"))) == '{"out":"runs/a","seed":3}'
    assert canonical_json({"set": {"b", "a"}}) == '{"set":["a","b"]}'


@pytest.mark.parametrize("value", [object(), b"bytes", _Config])
def test_canonical_json_refuses_what_has_no_spelling(value: object) -> None:
    with pytest.raises(TypeError, match="not representable"):
        canonical_json([value])


def test_digests_are_known_values() -> None:
    # SHA-256 of the empty string and of "[1]" as any other tool computes them.
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest_bytes(b"") == empty
    assert digest(1) == digest_bytes(b"[1]")


def test_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert digest_file(tmp_path / "a") == digest_bytes(b"abc")


@given(values=st.dictionaries(st.text(), st.integers(), max_size=6))
def test_digest_does_not_depend_on_the_order_of_keys(values: dict[str, int]) -> None:
    assert digest(values) == digest(dict(reversed(values.items())))


def test_digest_tells_parts_apart() -> None:
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("abc", "")}) == 4


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTODAS_CACHE", str(tmp_path / "a"))
    assert places.cache_folder() == tmp_path / "a"
    assert places.cache_folder(tmp_path / "b") == tmp_path / "b"
    monkeypatch.delenv("AUTODAS_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    assert places.cache_folder() == tmp_path / "c" / "autodas"


def test_optional_data_is_found_or_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTODAS_DATA", raising=False)
    assert places.data_folder() is None
    with pytest.raises(MissingData, match=r"pit_kd\.json is needed: set AUTODAS_DATA"):
        places.data_file("pit_kd.json")
    monkeypatch.setenv("AUTODAS_DATA", str(tmp_path))
    with pytest.raises(MissingData, match="does not hold it"):
        places.data_file("pit_kd.json")
    (tmp_path / "pit_kd.json").write_text("[]")
    assert places.data_file("pit_kd.json") == tmp_path / "pit_kd.json"
    monkeypatch.setenv("AUTODAS_DATA", str(tmp_path / "absent"))
    with pytest.raises(FileProblem, match="not a folder"):
        places.data_folder()


KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from autodas.core import files
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
files.write_text(Path(sys.argv[1]), "half")
"""


def test_a_file_left_by_a_killed_writer_is_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    subprocess.run([sys.executable, "-c", KILLED_WRITER, str(path)], check=False)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".table.csv.")
    assert left.read_bytes() == b"half"
    other = tmp_path / ".other.csv.12345678.tmp"
    other.write_text("of somebody else")
    # One that is still being written.
    alive = tmp_path / ".table.csv.abcdefgh.tmp"
    with alive.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        write_text(path, "whole")
        assert sorted(tmp_path.iterdir()) == sorted([alive, other, path])
    write_text(path, "whole")
    assert sorted(tmp_path.iterdir()) == sorted([other, path])


@pytest.mark.parametrize(
    ("write", "waited"),
    [
        (lambda path: files.write_bytes(path, b"text"), 1),
        (lambda path: files.write_pieces(path, [b"te", b"xt"]), 1),
        (lambda path: files.write_text(path, "text"), 1),
        (lambda path: files.write_bytes(path, b"text", lasting=False), 0),
    ],
)
def test_what_is_written_outlives_a_power_cut_unless_it_need_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None], waited: int
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"text"
    assert len(synced) == waited


def test_a_new_file_that_was_swept_away_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, swept = tempfile.mkstemp, []

    def make(**options: Any) -> tuple[int, str]:
        descriptor, name = usual(**options)
        if not swept:
            Path(name).unlink()
            swept.append(name)
        return descriptor, name

    monkeypatch.setattr(tempfile, "mkstemp", make)
    write_text(tmp_path / "a", "text")
    assert swept
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("place", ["figures", "figures/inner", "figures/inner/file.svg"])
def test_nothing_is_written_below_a_folder_of_links(tmp_path: Path, place: str) -> None:
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = run / place
    link.parent.mkdir(parents=True)
    files.refuse_linked_folders(run, ["figures"])
    link.symlink_to(elsewhere)
    with pytest.raises(FileProblem, match=link.name):
        files.refuse_linked_folders(run, ["checkpoints", "figures"])
    files.refuse_linked_folders(run, ["checkpoints"])
