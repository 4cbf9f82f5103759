"""Kill long commands with SIGKILL at random moments, let them go on, and compare what they leave.

``python tests/reliability/kill.py [COMMAND …] [--backend serial|processes] [--kills N]`` runs a
campaign and prints one line of JSON for each command and backend. The tests beside this file run
short ones.

A command is first run undisturbed, which gives the files to compare with and the seconds during
which it does anything at all. Then, in a fresh folder, it is started and killed at a random moment
of those seconds, started again and killed again, until one attempt gets to its end; and this in
fresh folders until there were as many kills as asked for. Every second kill is of the whole process
group, the others of the parent alone, whose workers have to end by themselves.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import os
import random
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BACKENDS: dict[str, tuple[str, ...]] = {
    "serial": ("--backend", "serial"),
    "processes": ("--backend", "processes", "--jobs", "2"),
}
"""Options of each backend; another one is another line."""

TIMES = frozenset(
    {
        "seconds",
        "seconds_per_arch",
        "date",
        "networks_measured",
        "measured",
        "trained",
        "command_line",
    }
)
"""Keys of JSON files that say when, how long and how often; all others must be equal."""

OF_ATTEMPTS = frozenset({"journal.jsonl", "digests.json", "report.html", "lock"})
"""Files that tell of times or of attempts, too: they must be there, whatever they hold."""

FINAL = frozenset({"results.json", "proxy.json", "student.safetensors", "student.json"})
"""Files that are written once: where one is found after a kill, it must be the final one."""

PATIENCE = 900.0  # seconds after which an attempt counts as hanging


@dataclass(frozen=True)
class Case:
    """A command with its smallest sensible work.

    Attributes:
        line: As typed, without ``--out``, ``--cache`` and the backend.
        out: Where it leaves its results; None for the cache alone.
        parallel: It knows backends.
        cached: It knows ``--cache``.
    """

    line: str
    out: str | None = "out"
    parallel: bool = True
    cached: bool = True

    def command(self, backend: str) -> list[str]:
        """Relative to the working folder, so that every attempt says the same."""
        words = [sys.executable, "-m", "autodas", *shlex.split(self.line)]
        words += ["--out", self.out] if self.out else []
        words += ["--cache", "cache"] if self.cached else []
        return [*words, *(BACKENDS[backend] if self.parallel else ())]


VIT = shlex.quote('{"depth":1,"heads":1,"mlp_ratio":0.5,"width":12}')
CASES: dict[str, Case] = {
    "measure": Case("measure --space digits-vit --students 40", out=None),
    "label": Case(
        "label --space digits-vit --data digits/50 --students 3 --seeds 1 --epochs 2", cached=False
    ),
    "discover": Case("discover --tables digits-cnn --limit 12 --population 12 --generations 12"),
    "benchmark": Case("benchmark --table digits-cnn --limit 12 --scores diswot"),
    "search": Case("search --space digits-cnn --score diswot --candidates 16 --max-params 30k"),
    "distill": Case(
        f"distill --space digits-vit --data digits/50 --arch {VIT} --seeds 1 --epochs 4",
        cached=False,
    ),
    "run": Case(
        "run --space digits-vit --score diswot --max-params 20k --strategy random "
        "--evaluations 8 --epochs 1"
    ),
    "train-teacher": Case(
        "train-teacher --depths 1 1 1 --widths 8 8 8 --epochs 8",
        out="out/teacher.safetensors",
        parallel=False,
        cached=False,
    ),
    "demo": Case("demo --generations 2"),
}


class Broken(AssertionError):
    """A run was not what an undisturbed one is."""


@dataclass
class Reference:
    """An undisturbed run.

    Attributes:
        folder: Its working folder.
        begins, ends: Seconds from the start within which it writes anything.
    """

    folder: Path
    begins: float
    ends: float


@dataclass
class Campaign:
    """What was done.

    Attributes:
        kills: Of attempts that were running.
        finished: Runs that got to their end, nearly all after several kills.
        attempts: Starts in all.
    """

    kills: int = 0
    finished: int = 0
    attempts: int = 0


class Killer:
    """Kills one command on one backend and compares every run that gets to its end.

    Args:
        name: The command.
        backend: Where its units run.
        top: An empty folder to work in.
        seed: Of the moments.
    """

    def __init__(self, name: str, backend: str, top: Path, seed: int = 0) -> None:
        self.case, self.backend, self.top = CASES[name], backend, top
        self.rng = random.Random(f"{name} {backend} {seed}")
        self.reference = undisturbed(self.case, backend, top / "whole")
        self.done = Campaign()

    def campaign(self, kills: int) -> Campaign:
        """Kill ``kills`` times.

        Raises:
            Broken: something is not as after an undisturbed run.
        """
        while self.done.kills < kills:
            with tempfile.TemporaryDirectory(dir=self.top) as folder:
                while not self._attempt(Path(folder), kills):
                    pass
        return self.done

    def _attempt(self, folder: Path, kills: int) -> bool:
        """Start once; whether it got to its end."""
        done, reference = self.done, self.reference
        running = Running(self.case, self.backend, folder)
        done.attempts += 1
        moment = self.rng.uniform(reference.begins, reference.ends)
        if done.kills < kills and not running.ended(moment):
            _kill(running, group=done.kills % 2 == 0)
            done.kills += 1
            _nothing_false(folder, reference.folder)
            return False
        _wait(running)
        _same(folder, reference.folder)
        done.finished += 1
        return True


class Running:
    """A started command, leader of a process group of its own.

    Args:
        case: What to run.
        backend: Where its units run.
        folder: Working folder.
        fresh: In a new interpreter; else in a fork of this one, which has loaded everything, so
            that most of the time goes into what is to be killed.
    """

    def __init__(self, case: Case, backend: str, folder: Path, *, fresh: bool = False) -> None:
        self.words, self.folder = case.command(backend), folder
        self.status: int | None = None
        self.pid = os.fork()
        if not self.pid:
            try:
                self._become(fresh)
            finally:
                os._exit(99)

    def _become(self, fresh: bool) -> None:
        os.setsid()
        os.chdir(self.folder)
        said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(said, 2)
        if fresh:
            os.execv(self.words[0], self.words)
        sys.argv = ["autodas", *self.words[3:]]
        sys.stdout, sys.stderr = open(1, "w"), open(2, "w")  # noqa: SIM115
        os._exit(importlib.import_module("autodas.cli.main").main(sys.argv[1:]))

    def ended(self, seconds: float = 0.0) -> bool:
        """Whether it has ended, now or within so many seconds."""
        limit = time.monotonic() + seconds
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > limit:
                return False
            else:
                time.sleep(0.01)
        return True


def undisturbed(case: Case, backend: str, folder: Path) -> Reference:
    """Run a command to its end in a fresh interpreter, and again to see how long a fork takes."""
    folder.mkdir()
    _wait(Running(case, backend, folder, fresh=True))
    with tempfile.TemporaryDirectory(dir=folder.parent) as again:
        start, begins = time.monotonic(), 0.0
        running = Running(case, backend, Path(again))
        while not running.ended() and time.monotonic() - start < PATIENCE:
            if not begins and any(each.name != "said" for each in Path(again).iterdir()):
                begins = time.monotonic() - start
            time.sleep(0.01)
        _wait(running)
        ends = time.monotonic() - start
        _same(Path(again), folder)
    return Reference(folder, begins, ends)


def _wait(running: Running) -> None:
    if not running.ended(PATIENCE):
        os.killpg(running.pid, signal.SIGKILL)
        raise Broken(f"hangs: {running.words}")
    if running.status != 0:
        said = (running.folder / "said").read_text()
        raise Broken(f"exit status {running.status}: {said[-2000:]}")
    _nobody_left(running.pid)


def _kill(running: Running, *, group: bool) -> None:
    (os.killpg if group else os.kill)(running.pid, signal.SIGKILL)
    running.ended(PATIENCE)
    _nobody_left(running.pid)


def _nobody_left(group: int) -> None:
    """Wait until no process of the group is left, a few seconds at most."""
    limit = time.monotonic() + 30
    while left := list(_members(group)):
        if time.monotonic() > limit:
            raise Broken(f"processes {left} are still there")
        time.sleep(0.02)


def _members(group: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if words[0] != "Z" and int(words[2]) == group:
                yield int(entry.name)


def _files(folder: Path) -> dict[str, Path]:
    return {
        str(path.relative_to(folder)): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "said"
    }


def _nothing_false(folder: Path, whole: Path) -> None:
    """Between two attempts: what is final is right."""
    for name, path in _files(folder).items():
        if path.name in FINAL and content(path) != content(whole / name):
            raise Broken(f"{name} is there and is not what it must become")


def _same(folder: Path, whole: Path) -> None:
    """After the end: the same files with the same content, and nothing beside them."""
    mine, theirs = _files(folder), _files(whole)
    if mine.keys() != theirs.keys():
        raise Broken(f"other files: {sorted(mine.keys() ^ theirs.keys())}")
    for name, path in mine.items():
        told = path.name in OF_ATTEMPTS or path.suffix == ".lock"
        if not told and content(path) != content(theirs[name]):
            raise Broken(f"{name} differs")


def content(path: Path) -> Any:
    """The bytes of a file; of JSON and CSV, values without times; of a cache, in one order."""
    if path.suffix == ".json" and path.parent.name != "costs":
        try:
            return without_times(json.loads(path.read_bytes()))
        except ValueError as error:
            raise Broken(f"{path.name} is no JSON: {error}") from None
    if path.suffix == ".csv":
        with path.open(newline="") as handle:
            return without_times([*csv.DictReader(handle)])
    data = path.read_bytes()
    if path.suffix == ".safetensors" and "cache" in path.parts:
        # The format is free in the order of what its header says.
        stop = 8 + int.from_bytes(data[:8], "little")
        return json.loads(data[8:stop]), data[stop:]
    return data


def without_times(value: Any) -> Any:
    """The value without the keys of TIMES, at every depth."""
    if isinstance(value, dict):
        return {key: without_times(v) for key, v in value.items() if key not in TIMES}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def load() -> None:
    """Import what commands import, once for all forks. One thread: a fork copies no others."""
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.setdefault("MPLBACKEND", "agg")
    commands = importlib.import_module("autodas.cli.commands")
    for name in CASES:
        commands.find(name).load()
    for name in ("options", "output", "progress"):
        importlib.import_module(f"autodas.cli.{name}")
    importlib.import_module("autodas.reports.page")


def main(arguments: list[str], say: Callable[[str], None] = print) -> int:
    """A campaign for each command and backend that is named; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="*", choices=[[], *CASES])
    parser.add_argument("--backend", choices=list(BACKENDS), action="append")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    load()
    status = 0
    for name in given.commands or CASES:
        for backend in given.backend or BACKENDS:
            if backend != next(iter(BACKENDS)) and not CASES[name].parallel:
                continue
            start, line = time.monotonic(), {"command": name, "backend": backend}
            try:
                with tempfile.TemporaryDirectory() as top:
                    done = Killer(name, backend, Path(top), given.seed).campaign(given.kills)
                line |= {"kills": done.kills, "finished": done.finished, "attempts": done.attempts}
            except Broken as error:
                line |= {"broken": str(error)}
                status = 1
            say(json.dumps({**line, "seconds": round(time.monotonic() - start)}))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
