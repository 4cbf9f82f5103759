"""Which wrong lines do the tests not notice? ``make mutants [SAMPLE=200] [ROOM=fitness] [ALL=1]``.

Where mathematics is done and where data could be lost, single operators, numbers and decorators
are changed, one at a time (by cosmic-ray), and those tests of that room that reach the changed line
are run on the changed copy. A mutant whose tests all pass survived: a defect of that kind would not
be noticed. Every place is changed once, in one of the ways there are, drawn evenly; ``--all`` tries
all of them. Either takes hours; what is done is kept in a database for each room, and the same
command goes on. A sample is the beginning of one fixed random order, so that a larger one contains
the smaller ones.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import hashlib
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mutant_tests

if TYPE_CHECKING:
    from cosmic_ray.work_db import WorkDB
    from cosmic_ray.work_item import MutationSpec, WorkResult

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".mutants"
NEEDED = ("src", "tests", "docs", "proxies", "pyproject.toml", "README.md", "CONTRIBUTING.md")


@dataclass(frozen=True)
class Room:
    """Source files and the tests that are to notice their changes.

    Attributes:
        sources: Folders of ``src/autodas``.
        tests: Files and folders of ``tests``.
    """

    sources: tuple[str, ...]
    tests: tuple[str, ...]


ROOMS = {
    "core": Room(("core",), ("core", "tables/test_tables_fetch.py")),
    "primitives": Room(("primitives",), ("primitives",)),
    "backends": Room(("backends",), ("backends",)),
    "evolution": Room(("evolution",), ("evolution",)),
    "fitness": Room(("fitness",), ("fitness",)),
    "statistics": Room(("statistics/definitions", "statistics/passes"), ("statistics",)),
    "scores": Room(("scores",), ("scores",)),
    "losses": Room(
        ("distill/losses",),
        ("distill/test_distill_losses.py", "distill/test_distill_catalogue.py"),
    ),
}


def main() -> int:
    """Try mutants of the rooms, and say what survived."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sample", type=int, help="mutants of all rooms together; all by default")
    options.add_argument("--room", choices=ROOMS, action="append", help="this one; all by default")
    options.add_argument("--all", action="store_true", help="every change of a place, not one")
    options.add_argument("--seed", type=int, default=0, help="of the order of the sample")
    chosen = options.parse_args()
    names = chosen.room or list(ROOMS)
    sessions = {name: Session(name) for name in names}
    mutant_tests.load_what_is_slow()
    keys = [(key, name) for name, each in sessions.items()
            for key in each.ordered(chosen.seed, every=chosen.all)]  # fmt: skip
    todo = sorted(keys)[: chosen.sample]
    for name, session in sessions.items():
        session.run([key for key, room in todo if room == name])
    print(report({name: each.outcomes() for name, each in sessions.items()}))
    return 0


def order(spec: MutationSpec, seed: int) -> str:
    """What a mutant is sorted by: as good as random, and the same on every machine."""
    what = (spec.module_path.as_posix(), spec.operator_name, spec.occurrence, seed)
    return hashlib.sha256(repr(what).encode()).hexdigest()


def place(spec: MutationSpec) -> tuple[Path, tuple[int, int], tuple[int, int]]:
    """Which text a mutant changes: file, and (line, column) of start and end."""
    return spec.module_path, spec.start_pos, spec.end_pos


def annotations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where types are written, as (line, column) of start and end; nothing there is ever run."""
    found = []
    for node in ast.walk(ast.parse(source)):
        for name in ("annotation", "returns"):
            each = getattr(node, name, None)
            if isinstance(each, ast.expr):
                end = (each.end_lineno or each.lineno, each.end_col_offset or 0)
                found.append(((each.lineno, each.col_offset), end))
    return found


def is_run(spec: MutationSpec, types: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> bool:
    """Whether the changed place is more than the writing of a type."""
    return not any(start <= spec.start_pos and spec.end_pos <= end for start, end in types)


class Session:
    """The mutants of one room: a copy of the repository, and what is known of each.

    Args:
        name: Of the room.
    """

    def __init__(self, name: str) -> None:
        self.name, self.room = name, ROOMS[name]
        tests = (ROOT / "tests" / each for each in self.room.tests)
        sources = sorted(self._files(ROOT))
        content = [*sources, *(f for each in tests for f in _python_files(each))]
        known = hashlib.sha256(b"".join(path.read_bytes() for path in content)).hexdigest()[:12]
        # Other code or other tests are another session.
        self.folder = FOLDER / f"{name}-{known}"
        self.tree = self.folder / "tree"
        self._copy()
        self.database = self._opened()

    def _files(self, root: Path) -> Iterable[Path]:
        for each in self.room.sources:
            for path in _python_files(root / "src" / "autodas" / each):
                if path.name != "__init__.py":
                    yield path

    def _copy(self) -> None:
        """A fresh copy: one that was left behind may hold the mutant it was killed with."""
        shutil.rmtree(self.tree, ignore_errors=True)
        self.tree.mkdir(parents=True)
        for name in NEEDED:
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, self.tree / name, ignore=ignored)
            else:
                shutil.copy(source, self.tree / name)

    def _opened(self) -> WorkDB:
        from cosmic_ray.commands.init import init
        from cosmic_ray.work_db import WorkDB

        database = WorkDB(self.folder / "session.sqlite", WorkDB.Mode.create)
        if not database.num_work_items:
            os.chdir(self.tree)
            modules = [path.relative_to(self.tree) for path in self._files(self.tree)]
            init(modules, database, {})
        return database

    def ordered(self, seed: int, *, every: bool) -> list[str]:
        """The keys of what is run, by :func:`order`: every change, or the first of each place."""
        os.chdir(self.tree)
        types: dict[Path, Any] = {}
        self.items = {}
        for item in self.database.work_items:
            (spec,) = item.mutations
            path = spec.module_path
            if path not in types:
                types[path] = annotations(path.read_text(encoding="utf-8"))
            if is_run(spec, types[path]):
                self.items[order(spec, seed)] = item
        if not every:
            places = {
                place(self.items[key].mutations[0]): key for key in sorted(self.items, reverse=True)
            }
            self.items = {key: self.items[key] for key in places.values()}
        return sorted(self.items)

    def run(self, keys: Sequence[str]) -> None:
        """Try those mutants that nobody has tried."""
        done = {job for job, _ in self.database.results}
        todo = [self.items[key] for key in keys if self.items[key].job_id not in done]
        if not todo:
            return
        tests = [f"tests/{each}" for each in self.room.tests]
        reach = mutant_tests.record(self.tree, self.room.sources, tests, self.folder / "reach.json")
        everything = reach.fastest(reach.seconds)
        if mutant_tests.noticed(self.tree, everything, reach, keep_compiled=True):
            raise SystemExit(f"tests of {self.name} fail in another order")
        for number, item in enumerate(todo, start=1):
            result = self._tried(item.mutations[0], reach)
            self.database.set_result(item.job_id, result)
            print(f"{self.name} {number}/{len(todo)}: {_outcome(result)}", flush=True)

    def _tried(self, spec: MutationSpec, reach: mutant_tests.Reach) -> WorkResult:
        """What the tests say of one mutant; the file is as it was afterwards."""
        from cosmic_ray.mutating import use_mutation
        from cosmic_ray.plugins import get_operator
        from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

        path = self.tree / spec.module_path
        times = path.stat()
        operator = get_operator(spec.operator_name)(**spec.operator_args)
        try:
            with use_mutation(path, operator, spec.occurrence) as (before, after):
                if after is None:
                    return WorkResult(worker_outcome=WorkerOutcome.NO_TEST)
                tests = reach.of(spec.module_path, before, spec.start_pos[0])
                seen = mutant_tests.noticed(self.tree, tests, reach)
        except AttributeError as error:  # Cosmic Ray's, of handlers that catch `module.Error`
            return WorkResult(worker_outcome=WorkerOutcome.EXCEPTION, output=str(error))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # compiled forms stay valid
        return WorkResult(
            worker_outcome=WorkerOutcome.NORMAL,
            test_outcome=TestOutcome.KILLED if seen else TestOutcome.SURVIVED,
            diff="\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0)),
        )

    def outcomes(self) -> tuple[int, list[tuple[MutationSpec, WorkResult]]]:
        """How many mutants there are, and those that were tried."""
        known = dict(self.database.results)
        tried = [i for i in self.items.values() if i.job_id in known]
        return len(self.items), [(i.mutations[0], known[i.job_id]) for i in tried]


def _python_files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def _outcome(result: WorkResult) -> str:
    return "not run" if result.test_outcome is None else result.test_outcome.value


def report(rooms: dict[str, tuple[int, list[tuple[MutationSpec, WorkResult]]]]) -> str:
    """Shares by room, and the survivors with their changes."""
    lines = [f"{'room':<12}{'mutants':>9}{'tried':>8}{'killed':>8}{'survived':>10}{'killed %':>10}"]
    survivors = []
    for name, (count, tried) in rooms.items():
        outcomes = [_outcome(result) for _, result in tried]
        killed, survived = outcomes.count("killed"), outcomes.count("survived")
        share = f"{100 * killed / (killed + survived):.1f}" if killed + survived else "–"
        lines.append(f"{name:<12}{count:>9}{len(tried):>8}{killed:>8}{survived:>10}{share:>10}")
        survivors += [each for each in tried if _outcome(each[1]) == "survived"]
    survivors.sort(key=lambda each: (each[0].module_path, each[0].start_pos))
    for spec, result in survivors:
        lines += ["", f"{spec.module_path}:{spec.start_pos[0]} survived"]
        changed = (line for line in (result.diff or "").splitlines() if line[:1] in {"-", "+"})
        lines += [f"  {line}" for line in changed if line[:3] not in {"---", "+++"}]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
