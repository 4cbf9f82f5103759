"""The journal survives kills, torn writes and damage."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodas.core import journal as journal_module
from autodas.core.errors import FileProblem
from autodas.core.runs import Journal

JSON_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
RECORDS = st.dictionaries(
    st.text(), JSON_SCALARS.filter(lambda x: x not in (float("inf"), -float("inf")))
)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "runs" / "first" / "journal.jsonl")


def test_absent_journal_is_empty(journal: Journal) -> None:
    assert journal.records() == []


def test_records_come_back_in_order(journal: Journal) -> None:
    written = [{"unit": i, "text": "ä\nb", "value": 0.1 * i, "none": None} for i in range(5)]
    for record in written:
        journal.append(record)
    assert journal.records() == written


@given(records=st.lists(RECORDS, max_size=4))
def test_any_json_comes_back(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, object]]
) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal") / "journal.jsonl")
    for record in records:
        journal.append(record)
    assert journal.records() == records


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_lacks_are_refused(journal: Journal, value: float) -> None:
    journal.append({"unit": 0})
    with pytest.raises(ValueError, match="JSON"):
        journal.append({"value": value})
    assert journal.records() == [{"unit": 0}]


def test_every_torn_end_is_left_out_and_the_next_record_is_kept(journal: Journal) -> None:
    """Whatever part of the last write reached the disk, the others are read and writing goes on."""
    journal.append({"unit": 0})
    before = journal.path.read_bytes()
    journal.append({"unit": 1})
    last = journal.path.read_bytes()[len(before) :]
    for kept in range(len(last)):
        journal.path.write_bytes(before + last[:kept])
        # The record counts only from the moment on that all of it is there (newline aside).
        whole = kept >= len(last) - 1
        expected = [{"unit": 0}, {"unit": 1}] if whole else [{"unit": 0}]
        assert journal.records() == expected
        journal.append({"unit": 2})
        assert journal.records() == [*expected, {"unit": 2}]


def test_every_flipped_byte_loses_at_most_its_own_record(journal: Journal) -> None:
    for unit in range(3):
        journal.append({"unit": unit})
    intact = journal.path.read_bytes()
    for position in range(len(intact)):
        for damage in (0x01, 0x80):
            broken = bytearray(intact)
            broken[position] ^= damage
            journal.path.write_bytes(bytes(broken))
            records = journal.records()
            # A damaged newline may join two lines; nothing that was not written ever appears.
            assert all(record in [{"unit": 0}, {"unit": 1}, {"unit": 2}] for record in records)
            assert len(records) >= 1


def test_a_line_with_a_right_checksum_that_is_no_object_is_left_out(journal: Journal) -> None:
    journal.append({"unit": 0})
    from autodas.core.journal import _checksum

    with journal.path.open("ab") as handle:
        handle.write(_checksum(b"[1]") + b" [1]\n")
    assert journal.records() == [{"unit": 0}]


@pytest.mark.parametrize(
    "content", [b'{"unit":' + b"[" * 10**5, b'{"unit": 1', b'{"unit": 1} 2', b'{"unit": "\xff"}']
)
def test_a_line_with_a_right_checksum_that_is_no_json_of_ours_is_left_out(
    journal: Journal, content: bytes
) -> None:
    from autodas.core.journal import _checksum

    journal.append({"unit": 0})
    body = b"-------- 1 " + content
    with journal.path.open("ab") as handle:
        handle.write(_checksum(body) + b" " + body + b"\n")
    assert journal.records() == [{"unit": 0}]


def test_others_may_do_with_a_journal_what_they_may_with_any_file(journal: Journal) -> None:
    journal.append({"unit": 0})
    plain = journal.path.with_name("plain")
    plain.write_text("")
    assert journal.path.stat().st_mode == plain.stat().st_mode


def test_unwritable_folder_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileProblem, match="cannot be written") as caught:
        Journal(tmp_path / "file" / "journal.jsonl").append({})
    assert "\n" not in str(caught.value)


WRITER = """
import sys
from pathlib import Path
from autodas.core.runs import Journal
journal = Journal(Path(sys.argv[1]))
unit = len(journal.records())
while True:
    journal.append({"unit": unit, "padding": "x" * 2000})
    unit += 1
"""


def test_resumes_after_kill_9(journal: Journal) -> None:
    """Kill a writer three times at any moment; the units on disk have no gap and no duplicate."""
    seen = 0
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(journal.path)])
        deadline = time.monotonic() + 30
        while len(journal.records()) < seen + 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        units = [record["unit"] for record in journal.records()]
        assert units == list(range(len(units)))
        assert len(units) >= seen + 5
        seen = len(units)


def test_lines_are_readable_json(journal: Journal) -> None:
    journal.append({"b": 1, "a": "ü"})
    (line,) = [line for line in journal.path.read_text().splitlines() if line]
    checksum, owner, number, body = line.split(" ", 3)
    assert len(checksum) == 16
    assert (owner, number) == ("-" * 8, "0")
    assert json.loads(body) == {"a": "ü", "b": 1}


def test_a_line_that_says_neither_owner_nor_number_is_left_out(journal: Journal) -> None:
    from autodas.core.journal import _checksum

    journal.path.parent.mkdir(parents=True)
    body = b'{"unit":0}'
    journal.path.write_bytes(b"\n" + _checksum(body) + b" " + body + b"\n")
    assert journal.records() == []


def test_the_records_of_another_run_are_left_out(journal: Journal) -> None:
    mine, other = Journal(journal.path, "a" * 64), Journal(journal.path, "b" * 64)
    mine.append({"unit": 0})
    assert other.records() == []
    assert mine.records() == journal.records() == [{"unit": 0}]
    assert other.unbroken() == []


def test_work_that_builds_on_what_was_lost_is_given_up(journal: Journal) -> None:
    for unit in range(4):
        journal.append({"unit": unit})
    lines = journal.path.read_bytes().split(b"\n\n")
    journal.path.write_bytes(b"\n\n".join([lines[0], lines[1][:-2] + b"9}", *lines[2:]]))
    assert journal.records() == [{"unit": 0}, {"unit": 2}, {"unit": 3}]
    again = Journal(journal.path)
    assert again.unbroken() == [{"unit": 0}]
    again.append({"unit": 1})
    assert again.records() == again.unbroken() == [{"unit": 0}, {"unit": 1}]


def test_numbers_go_on_after_a_gap(journal: Journal) -> None:
    for unit in range(3):
        journal.append({"unit": unit})
    lines = journal.path.read_bytes().split(b"\n\n")
    journal.path.write_bytes(b"\n\n".join([lines[0], lines[2]]))
    again = Journal(journal.path)
    again.append({"unit": 1})
    assert again.records() == [{"unit": 0}, {"unit": 2}, {"unit": 1}]


def test_a_line_that_stands_twice_counts_once(journal: Journal) -> None:
    journal.append({"unit": 0})
    journal.path.write_bytes(2 * journal.path.read_bytes())
    assert journal.records() == [{"unit": 0}]


def test_lines_in_another_order_are_no_unbroken_work(journal: Journal) -> None:
    for unit in range(3):
        journal.append({"unit": unit})
    lines = journal.path.read_bytes().split(b"\n\n")
    journal.path.write_bytes(b"\n\n".join([lines[0], lines[2], lines[1]]))
    assert journal.unbroken() == [{"unit": 0}]


MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG)


class HalfWritten(io.FileIO):
    """A file of which the disk takes only a part of what is written."""

    code = errno.ENOSPC
    share = 0.5

    def write(self, data: object) -> int:
        assert isinstance(data, bytes)
        super().write(data[: int(self.share * len(data))])
        raise OSError(self.code, os.strerror(self.code))


def failing(monkeypatch: pytest.MonkeyPatch, step: str, code: int, share: float) -> None:
    """Let one step of the next writes fail as the machine does."""

    def fails(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    def opened(path: Path, mode: str, **options: Any) -> HalfWritten:
        file = HalfWritten(path, mode.replace("b", ""), **options)
        file.code, file.share = code, share
        return file

    if step == "sync":
        monkeypatch.setattr(os, "fsync", fails)
    else:
        monkeypatch.setattr(journal_module, "open", fails if step == "open" else opened, False)


@pytest.mark.parametrize("code", MACHINE, ids=errno.errorcode.__getitem__)
@pytest.mark.parametrize(
    ("step", "share", "kept"),
    [
        ("open", 0.0, False),
        ("write", 0.0, False),
        ("write", 0.5, False),
        ("write", 1.0, True),  # all of it is there, and the machine says it is not
        ("sync", 1.0, True),
    ],
)
def test_after_a_write_that_failed_the_next_records_count(
    journal: Journal,
    monkeypatch: pytest.MonkeyPatch,
    *,
    step: str,
    share: float,
    kept: bool,
    code: int,
) -> None:
    journal.append({"unit": 0})
    with monkeypatch.context() as broken:
        failing(broken, step, code, share)
        with pytest.raises(FileProblem, match=f"cannot be written: {os.strerror(code)}"):
            journal.append({"unit": 1})
    journal.append({"unit": 2})
    journal.append({"unit": 3})
    expected = [{"unit": 0}, *([{"unit": 1}] if kept else []), {"unit": 2}, {"unit": 3}]
    for reader in (journal, Journal(journal.path)):
        assert reader.records() == reader.unbroken() == expected


def test_a_record_that_was_written_after_all_may_be_written_again(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As somebody does who tries the failed unit once more: the second is no double."""
    with monkeypatch.context() as broken:
        failing(broken, "sync", errno.EIO, 1.0)
        with pytest.raises(FileProblem):
            journal.append({"unit": 0, "value": 1})
    journal.append({"unit": 0, "value": 2})
    assert journal.records() == [{"unit": 0, "value": 1}, {"unit": 0, "value": 2}]
