"""The fuzzer finds what it is there to find."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import fuzz
import pytest
from fuzz_targets import SHARES, TARGETS

from autodas.core.errors import InvalidInput


@pytest.fixture(autouse=True)
def _alarm_as_before() -> Iterator[None]:
    handler = signal.signal(signal.SIGVTALRM, fuzz._broken_off)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, handler)


def test_every_target_has_its_share_of_the_inputs() -> None:
    assert list(SHARES) == list(TARGETS)
    assert sum(SHARES.values()) == 100


def _watched(folder: Path, target: Callable[[bytes], None], *inputs: bytes) -> dict[str, int]:
    watch = fuzz.Watch("budgets", len(inputs), folder)
    watch.target = target
    for data in inputs:
        watch(data)
    return json.loads((folder / "report.json").read_text())


def test_one_line_is_no_finding_and_anything_else_is(tmp_path: Path) -> None:
    def target(data: bytes) -> None:
        if data == b"one":
            raise InvalidInput("no such thing")
        if data == b"two":
            raise MemoryError
        int(data)

    report = _watched(tmp_path, target, b"one", b"two", b"3", b"four")
    assert (report["inputs"], report["accepted"], report["findings"]) == (4, 1, 2)
    kept = [(tmp_path / f"finding-{number}").read_bytes() for number in (1, 2)]
    assert kept == [b"two", b"four"]


def test_what_takes_long_is_a_finding_and_what_does_not_end_is_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz, "PATIENCE", 0.2)
    monkeypatch.setattr(fuzz, "LIMIT_SECONDS", 0.05)

    def target(data: bytes) -> None:
        number = 0
        while data == b"for ever" or number < 10 ** len(data):
            try:
                number += 1
            except Exception:  # as a reader would that means well
                continue

    report = _watched(tmp_path, target, b"a", b"for ever", b"b")
    assert (report["inputs"], report["accepted"]) == (3, 2)
    # Once as broken off and once as slow.
    assert report["findings"] == 2
    assert (tmp_path / "finding-1").read_bytes() == b"for ever"


def test_a_target_of_its_own_process_reports_what_it_has_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz, "_limit_memory", lambda: None)  # of this process, for ever
    words = ["fuzz.py", "--target", "formula", "--inputs", "200", "--engine", "random"]
    monkeypatch.setattr(fuzz.sys, "argv", [*words, "--folder", str(tmp_path / "formula")])
    monkeypatch.setattr(fuzz.gc, "freeze", lambda: None)
    monkeypatch.setattr(fuzz.gc, "set_threshold", lambda _: None)
    assert fuzz.main() == 0
    report = json.loads((tmp_path / "formula" / "report.json").read_text())
    assert report["inputs"] == 200
    assert report["findings"] == 0
    assert report["accepted"] > 0
