"""Damaged files are refused by name or computed again; a wrong number never comes out of one."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reports"))

from damage import DAMAGES
from subjects import Subject, subjects

from autodas.cli.main import main
from autodas.core.errors import AutodasError
from autodas.teachers import load_teacher

# A few of them leave a file as it was, and do not count.
SLOW, FAST, BY_COMMAND = 2_040, 130, 5


@pytest.fixture
def outcomes(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """Damage a number of files and count what came of it."""

    def run(number: int) -> Counter[tuple[str, str]]:
        trial = Trial(tmp_path, capfd)
        for i in range(number):
            trial.damage_one(i)
        return trial.counts

    return run


class Trial:
    """Files of every kind, the damage done to them, and the count of what came of it."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.subjects = subjects(folder)
        self.capfd = capfd
        self.rng = np.random.default_rng(8)
        self.intact = {subject.name: subject.read() for subject in self.subjects}
        self.counts: Counter[tuple[str, str]] = Counter()
        self.commands: Counter[str] = Counter()

    def damage_one(self, number: int) -> None:
        subject = self.subjects[number % len(self.subjects)]
        kept = {file: file.read_bytes() for file in subject.files}
        which = int(self.rng.integers(len(subject.files)))
        file = subject.files[which]
        self._damage(subject, which)
        if file.read_bytes() != kept[file]:
            self.counts[subject.name, self._outcome(subject)] += 1
        for each, data in kept.items():
            each.write_bytes(data)

    def _damage(self, subject: Subject, which: int) -> None:
        file, choice = subject.files[which], int(self.rng.integers(len(DAMAGES) + 1))
        if choice == len(DAMAGES) and subject.others:
            shutil.copy(subject.others[which], file)
        else:
            damage = DAMAGES[choice % len(DAMAGES)]
            file.write_bytes(damage(file.read_bytes(), self.rng))

    def _outcome(self, subject: Subject) -> str:
        try:
            found = subject.read()
        except AutodasError as error:
            told = str(error)
            assert told.isprintable(), told
            assert any(str(file.with_suffix("")) in told for file in subject.files) or any(
                str(file.parent) in told for file in subject.files
            ), told
            self._by_command(subject)
            return "refused"
        intact = self.intact[subject.name]
        assert subject.accepts(found, intact), (subject.name, found)
        return "same" if found == intact else "done again"

    def _by_command(self, subject: Subject) -> None:
        """The command says the same: one line, exit status 2."""
        if not subject.command or self.commands[subject.name] == BY_COMMAND:
            return
        self.commands[subject.name] += 1
        self.capfd.readouterr()
        load_teacher.cache_clear()
        out = [] if subject.command[0] == "report" else ["--out", str(subject.files[0]) + "-out"]
        assert main([*subject.command, *out]) == 2
        told = self.capfd.readouterr().err.splitlines()
        assert told[-1].startswith("autodas: error: ")
        assert not any("Traceback" in line for line in told)


def test_damaged_files_of_every_kind(outcomes) -> None:
    counts = outcomes(FAST)
    assert len({name for name, _ in counts}) == 13
    assert sum(n for (_, what), n in counts.items() if what == "refused") > FAST // 4


@pytest.mark.slow
def test_two_thousand_damaged_files(outcomes) -> None:
    start = time.perf_counter()
    counts = outcomes(SLOW)
    seconds = time.perf_counter() - start
    names = sorted({name for name, _ in counts})
    rows = {
        name: {what: counts[name, what] for what in ("refused", "done again", "same")}
        for name in names
    }
    report = {"damaged": sum(counts.values()), "seconds": round(seconds, 1), "kinds": rows}
    if place := os.environ.get("RELIABILITY_OUT"):
        Path(place).write_text(json.dumps(report, indent=1))
    assert sum(counts.values()) >= 2_000
