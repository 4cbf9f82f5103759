"""Kill long commands with SIGKILL at random moments, let them go on, and compare what they leave.

``python tests/reliability/kill.py [COMMAND …] [--backend serial|processes|ray] [--kills N]`` runs a
campaign and prints one line of JSON for each command and backend. The tests beside this file run
short ones.

A command is first run undisturbed, which gives the files to compare with and the seconds during
which it does anything at all. Then, in a fresh folder, it is started and killed at a random moment
of those seconds, started again and killed again, until one attempt gets to its end; and this in
fresh folders until there were as many kills as asked for. After five kills a run is left alone, so
that enough of them get to their end and are compared. Every second kill is of the whole process
group, the others of the parent alone, whose workers have to end by themselves.

On Ray, all commands use one cluster, which lives on; no worker of a killed command may. There every
third kill is of a worker that is busy with a unit, after which the command must get to its end.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import random
import shlex
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from compare import Broken, nothing_false, same
from ray_head import Head

BACKENDS: dict[str, tuple[str, ...]] = {
    "serial": ("--backend", "serial"),
    "processes": ("--backend", "processes", "--jobs", "2"),
    "ray": ("--backend", "ray", "--ray-address"),
}
"""Options of each backend; another one is another line. The address of Ray comes last."""

VICTIMS = {"ray": ("group", "parent", "worker")}
"""Who is killed, in turn, where it is not only the first two of these."""

PATIENCE = 900.0  # seconds after which an attempt counts as hanging
MOST = 5  # kills of one run: where little is done between two of them, it would never end


@dataclass(frozen=True)
class Case:
    """A command with its smallest sensible work.

    Attributes:
        line: As typed, the command first, without ``--out``, ``--cache`` and the backend.
        out: Where it leaves its results; None for the cache alone.
        parallel: It knows backends.
        cached: It knows ``--cache``.
        on_workers: Added where there are workers, who would not be asked for the least work.
    """

    line: str
    out: str | None = "out"
    parallel: bool = True
    cached: bool = True
    on_workers: str = ""

    def command(self, backend: str, head: Head | None) -> list[str]:
        """Relative to the working folder, so that every attempt says the same."""
        words = [sys.executable, "-m", "autodas", *shlex.split(self.line)]
        words += shlex.split(self.on_workers) if backend != "serial" else []
        words += ["--out", self.out] if self.out else []
        words += ["--cache", "cache"] if self.cached else []
        words += BACKENDS[backend] if self.parallel else ()
        return [*words, head.address] if head else words


VIT = shlex.quote('{"depth":1,"heads":1,"mlp_ratio":0.5,"width":12}')
CASES: dict[str, Case] = {
    "measure": Case("measure --space digits-vit --students 40", out=None),
    "label": Case(
        "label --space digits-vit --data digits/50 --students 3 --seeds 1 --epochs 6 --rungs 1/3",
        cached=False,
    ),
    "discover": Case(
        "discover --tables digits-cnn --population 12 --generations 12 --limit 12",
        on_workers="--limit 40",
    ),
    "islands": Case(
        "discover --tables digits-cnn --population 30 --generations 16 --islands 3 "
        "--migrate-every 4 --limit 12"
    ),
    "benchmark": Case(
        "benchmark --table digits-cnn --scores diswot --limit 12", on_workers="--limit 40"
    ),
    "search": Case(
        "search --space digits-cnn --score diswot --max-params 30k --candidates 16",
        on_workers="--candidates 40",
    ),
    "distill": Case(
        f"distill --space digits-vit --data digits/50 --arch {VIT} --seeds 1 --epochs 4",
        cached=False,
    ),
    "run": Case(
        "run --space digits-vit --score diswot --max-params 20k --strategy random "
        "--evaluations 8 --epochs 9 --trainings 4"
    ),
    "train-teacher": Case(
        "train-teacher --depths 1 1 1 --widths 8 8 8 --epochs 8",
        out="out/teacher.safetensors",
        parallel=False,
        cached=False,
    ),
    "demo": Case("demo --generations 2"),
}


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
        killed: How many times who was killed; an attempt was running each time.
        finished: Runs that got to their end, nearly all after several kills.
        attempts: Starts in all.
    """

    killed: Counter[str] = field(default_factory=Counter)
    finished: int = 0
    attempts: int = 0

    @property
    def kills(self) -> int:
        """In all."""
        return self.killed.total()


class Killer:
    """Kills one command on one backend and compares every run that gets to its end.

    Args:
        name: The command.
        backend: Where its units run.
        top: An empty folder to work in.
        seed: Of the moments.
        head: The cluster, if the backend is Ray.
    """

    def __init__(
        self, name: str, backend: str, top: Path, seed: int = 0, head: Head | None = None
    ) -> None:
        self.case, self.backend, self.top, self.head = CASES[name], backend, top, head
        self.rng = random.Random(f"{name} {backend} {seed}")
        self.reference = undisturbed(self.case, backend, top / "whole", head)
        self.victims = VICTIMS.get(backend, ("group", "parent"))
        self.done = Campaign()

    def campaign(self, kills: int) -> Campaign:
        """Kill ``kills`` times.

        Raises:
            Broken: something is not as after an undisturbed run.
        """
        while self.done.kills < kills:
            most = min(kills, self.done.kills + MOST)
            with tempfile.TemporaryDirectory(dir=self.top) as folder:
                while not self._attempt(Path(folder), most):
                    pass
        return self.done

    def _attempt(self, folder: Path, kills: int) -> bool:
        """Start once; whether it got to its end."""
        done, reference = self.done, self.reference
        running = Running(self.case, self.backend, folder, self.head)
        # By attempts, not kills: a command may have no worker that could be killed.
        victim = self.victims[done.attempts % len(self.victims)]
        done.attempts += 1
        moment = self.rng.uniform(reference.begins, reference.ends)
        if done.kills < kills and victim == "worker":
            done.killed["worker"] += _kill_worker(running, self.rng)
        elif done.kills < kills and not running.ended(moment):
            _kill(running, group=victim == "group")
            done.killed[victim] += 1
            nothing_false(folder, reference.folder)
            return False
        _wait(running)
        same(folder, reference.folder)
        done.finished += 1
        return True


class Running:
    """A started command, leader of a process group of its own.

    Args:
        case: What to run.
        backend: Where its units run.
        folder: Working folder.
        head: The cluster, if the backend is Ray.
        fresh: In a new interpreter; else in a fork of this one, which has loaded everything, so
            that most of the time goes into what is to be killed.
    """

    def __init__(
        self, case: Case, backend: str, folder: Path, head: Head | None, *, fresh: bool = False
    ) -> None:
        self.words, self.folder, self.head = case.command(backend, head), folder, head
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


def undisturbed(case: Case, backend: str, folder: Path, head: Head | None) -> Reference:
    """Run a command to its end in a fresh interpreter, and again to see how long a fork takes."""
    folder.mkdir()
    _wait(Running(case, backend, folder, head, fresh=True))
    with tempfile.TemporaryDirectory(dir=folder.parent) as again:
        start, begins = time.monotonic(), 0.0
        running = Running(case, backend, Path(again), head)
        while not running.ended() and time.monotonic() - start < PATIENCE:
            if not begins and any(each.name != "said" for each in Path(again).iterdir()):
                begins = time.monotonic() - start
            time.sleep(0.01)
        _wait(running)
        ends = time.monotonic() - start
        same(Path(again), folder)
    return Reference(folder, begins, ends)


def _wait(running: Running) -> None:
    if not running.ended(PATIENCE):
        os.killpg(running.pid, signal.SIGKILL)
        raise Broken(f"hangs: {running.words}")
    if running.status != 0:
        said = (running.folder / "said").read_text()
        raise Broken(f"exit status {running.status}: {said[-2000:]}")
    _nobody_left(running)


def _kill(running: Running, *, group: bool) -> None:
    (os.killpg if group else os.kill)(running.pid, signal.SIGKILL)
    running.ended(PATIENCE)
    _nobody_left(running)


def _kill_worker(running: Running, rng: random.Random) -> bool:
    """Kill a worker of Ray that is at a unit, a while after the first; whether one was."""
    head, victims, waits = running.head, set[int](), rng.uniform(0, 2) ** 2
    while head and not victims and not running.ended(0.01):
        victims = head.busy()
    running.ended(waits)
    while head and not running.ended(0.01):
        for victim in sorted(head.busy(), key=lambda _: rng.random())[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
                return True
    return False


def _nobody_left(running: Running) -> None:
    """Wait until no process of the group is left, nor a worker, a few seconds at most."""
    limit = time.monotonic() + 30
    while left := [*_members(running.pid), *(running.head.workers() if running.head else ())]:
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


def load(*, ray: bool = False) -> None:
    """Import what commands import, once for all forks. One thread: a fork copies no others."""
    if ray:
        importlib.import_module("ray")
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.setdefault("MPLBACKEND", "agg")
    commands = importlib.import_module("autodas.cli.commands")
    for case in CASES.values():
        commands.find(case.line.split()[0]).load()
    for name in ("options", "main", "progress"):
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
    installed = [each for each in BACKENDS if each != "ray" or find_spec("ray")]
    backends = given.backend or installed
    status = 0
    with contextlib.ExitStack() as stack:
        head = stack.enter_context(Head()) if "ray" in backends else None
        load(ray=head is not None)
        for name in given.commands or CASES:
            for backend in backends:
                if CASES[name].parallel or backend == next(iter(BACKENDS)):
                    on = head if backend == "ray" else None
                    line = _campaign(name, backend, given, on)
                    status |= "broken" in line
                    say(json.dumps(line))
    return status


def _campaign(name: str, backend: str, given: Any, head: Head | None) -> dict[str, Any]:
    """What came of one command on one backend, for JSON."""
    start, line = time.monotonic(), {"command": name, "backend": backend}
    try:
        with tempfile.TemporaryDirectory() as top:
            done = Killer(name, backend, Path(top), given.seed, head).campaign(given.kills)
        line |= {"kills": done.kills, "killed": dict(done.killed)}
        line |= {"finished": done.finished, "attempts": done.attempts}
    except Broken as error:
        line |= {"broken": str(error)}
    return {**line, "seconds": round(time.monotonic() - start)}


if __name__ == "__main__":
    # Whoever stops a campaign stops its cluster.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
