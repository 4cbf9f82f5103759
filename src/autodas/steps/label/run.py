"""Label: distil sampled students to make a table of ground truth."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

from autodas.backends import Backend
from autodas.backends.workers import Workers
from autodas.core.errors import AutodasError, FileProblem, InvalidInput
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed, Result
from autodas.core.rng import derive_seed
from autodas.core.runs import RunDirectory, command_line, deciding
from autodas.data import load_data
from autodas.data.validation import for_choosing
from autodas.distill import OutOfTime
from autodas.spaces import get_space
from autodas.steps.label.known import is_whole, known_trainings
from autodas.steps.label.sample import sample_students
from autodas.steps.label.table import Entry, header_of, noise_of, rows_of, summary_of
from autodas.tables.labels import write_labels
from autodas.tables.rungs import fidelity_of
from autodas.tables.table import RUNG_COLUMNS
from autodas.teachers import load_teacher, matched
from autodas.workbench.devices import check_device
from autodas.workbench.feature_check import check_taught
from autodas.workbench.recipes import recipe_for
from autodas.workbench.shared_folder import Home, home
from autodas.workbench.teacher_check import AnyTeacher, check_teacher
from autodas.workbench.training import CHECKPOINTS, Kept, Setup, Unit, Where, train_unit
from autodas.workbench.ways import Way, digests_of, named_ways, refuse_twins

__all__ = ["Config", "LabelConfig", "run", "sample_students"]

TABLE_SECONDS = 20.0  # between two tables of what is there so far
CHECKPOINT_SECONDS = 30.0  # trainings that take less are begun again


@dataclass(frozen=True)
class LabelConfig(Workers, AnyTeacher):
    """Which students to train, and how."""

    out: Path = field(default=Path("runs/label"), metadata={"decides": False})
    """Run directory; an interrupted run in it is continued."""
    space: str = "digits-cnn"
    """Search space of the students."""
    teacher: str = "digits-cnn-teacher"
    """Teacher to learn from."""
    teachers: tuple[str, ...] = ()
    """Make a table of pairs instead, in which every student learns from each of these teachers:
    names or files, several at once joined by +, and none for labels alone."""
    data: str = "digits"
    """Data set to train and test on; NAME@SIDE/IMAGES for smaller and fewer images."""
    recipe: str | None = None
    """Training recipe; by default the one named after the space, SPACE-short."""
    students: int = 96
    """How many architectures, drawn evenly over the logarithm of #params."""
    seeds: int = 3
    """Trainings of each architecture, with different initial weights and batches."""
    vanilla: bool = True
    """Also train every student without the teacher, from the same initial weights."""
    sample_seed: int = 0
    """Seed of the sample of architectures."""
    rungs: tuple[str, ...] = ()
    """Also train every student for these fractions of a training, 1/27 1/9 1/3: the schedule is
    shrunk to them, and they are judged on a validation part cut from the training images."""
    known: str | None = field(default=None, metadata={"decides": False})
    """A table of the same recipe, teacher and data: what it holds is not trained again."""
    temperature: float | None = None
    """Temperature of the soft targets, in place of the recipe's."""
    kd_weight: float | None = None
    """Weight of the soft targets, in place of the recipe's."""
    ce_weight: float | None = None
    """Weight of the labels beside the teacher, in place of the recipe's."""
    losses: tuple[str, ...] | None = None
    """Losses beside the labels, NAME=WEIGHT each, in place of the recipe's: kd=0.9 at=1000."""
    epochs: int | None = None
    """Passes over the training images, in place of the recipe's."""
    device: str = "cpu"
    """Where to train: cpu, cuda (all GPUs in turn) or one GPU such as cuda:1."""
    amp: bool = False
    """Half precision, on GPUs."""
    time_limit: float | None = field(default=None, metadata={"decides": False})
    """Stop after so many minutes with a table of what is there; the same command goes on."""
    ray_gpus: float = field(default=1.0, metadata={"decides": False})
    """Share of a GPU that a training on --device cuda asks Ray for: 0.25 puts four on each."""

    def __post_init__(self) -> None:
        """Write rungs as their columns do, each once, so that equal ones make the same run."""
        super().__post_init__()
        rungs = sorted(set(map(fidelity_of, self.rungs)))
        object.__setattr__(self, "rungs", tuple(map(str, rungs)))  # nobody has seen them yet


Config = LabelConfig


def run(config: LabelConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Train the students and write ``table.csv`` with its header ``table.json``.

    With ``teachers`` it is a table of pairs: who taught takes the place of how was trained, and the
    initial weights and batches of an architecture and seed are the same with all of them.

    Every finished training is in the journal at once, so a run that was killed goes on where it
    was; and each draws its randomness from its own architecture and seed, so the table is the
    same, byte for byte, whatever the order and the number of processes (on the CPU). The table is
    written again every few seconds with what is there.

    Returns:
        ``table`` (path), ``students``, ``trained`` (now), ``failed``, ``left`` (by the time
        limit), ``noise``, ``teacher_checks`` and ``seconds``.

    Raises:
        InvalidInput: an option is not acceptable, or the teacher hardly beats chance on the data.
        FileProblem: the disk is full; the message says what is kept.
    """
    start = time.perf_counter()
    units = _units(config)
    known = {} if config.known is None else known_trainings(config.known, units)
    members = dict.fromkeys(name for unit in units.values() for name in unit.setup.teachers)
    refuse_twins(members)
    checks = [check_teacher(each, config.data, config, progress=progress) for each in members]
    runner = config.workers.runner(isolated=True, device=config.device, gpus=config.ray_gpus)
    recipe = next(iter(units.values())).setup.recipe
    with RunDirectory(
        config.out,
        "label",
        deciding(config),
        resolved={"recipe": recipe.describe(), "teachers": digests_of(members)}
        | get_space(config.space).resolved,
        folders=(CHECKPOINTS,),
    ) as directory:
        book = _Book(config, directory, units, known)
        before = len(book.done)
        with _saying_what_is_kept(book):
            for entry, record in _train_all(
                book.waiting, len(units), directory.path, runner=runner, progress=progress
            ):
                book.add(entry, record)
            rows, noise = book.write(final=True)
        results = {
            "table": str(book.table),
            "students": len({row.arch for row in rows}),
            "trained": len(book.done) - before,
            "failed": book.failed,
            "left": len(units) - len(book.done),
            "noise": noise,
            "teacher_checks": [check.to_json() for check in checks if check is not None],
            "seconds": time.perf_counter() - start,
        }
        directory.write_results(results)
    return results | {"summary": summary_of(results, rows)}


class _Book:
    """What is finished: the journal, and the table made of it."""

    def __init__(
        self,
        config: LabelConfig,
        directory: RunDirectory,
        units: dict[Entry, Unit],
        known: dict[Entry, dict[str, Any]],
    ) -> None:
        self.config, self.directory, self.units = config, directory, units
        self.table = directory.path / "table.csv"
        self.done = known | _finished(directory, units)
        for entry in self.done:
            # A kill may have come between journal and checkpoint.
            units[entry].forget_checkpoint()
        self.written = time.monotonic()

    @property
    def failed(self) -> int:
        """How many trainings gave no accuracy."""
        return sum("accuracy" not in record for record in self.done.values())

    @property
    def waiting(self) -> dict[Entry, Unit]:
        """What is not finished."""
        return {entry: unit for entry, unit in self.units.items() if entry not in self.done}

    def add(self, entry: Entry, record: dict[str, Any]) -> None:
        """Keep a finished training; once in a while also in the table."""
        self.directory.journal.append(record)
        self.done[entry] = record
        self.units[entry].forget_checkpoint()
        if time.monotonic() - self.written > TABLE_SECONDS:
            self.write(final=False)
            self.written = time.monotonic()

    def write(self, *, final: bool) -> tuple[list[Any], dict[str, Any]]:
        """Write the table of what is there; the agreement of seeds only in the ``final`` one."""
        rows = rows_of({entry: self.done[entry] for entry in self.units if entry in self.done})
        if not rows and not final:
            return [], {}  # short trainings may be finished before the first row is
        if not rows:
            raise AutodasError(
                "the time limit passed before the first training was finished; "
                "the same command goes on"
            )
        noise = noise_of(rows, self.config.data) if final else {}
        header = header_of(
            next(iter(self.units.values())),
            _ways(self.config),
            pairs=bool(self.config.teachers),
            students=self.config.students,
            seeds=self.config.seeds,
            sample_seed=self.config.sample_seed,
            rungs=_costs(self.done),
            noise=noise,
            command=command_line("label", self.config),
        )
        if left := len(self.units) - len(self.done):
            header["unfinished"] = left
        write_labels(self.table, rows, header)
        return rows, noise


@contextlib.contextmanager
def _saying_what_is_kept(book: _Book) -> Iterator[None]:
    try:
        yield
    except FileProblem as error:
        raise FileProblem(
            error.path,
            f"{error.why}; {len(book.done)} of {len(book.units)} trainings are kept, and the "
            "same command goes on",
        ) from error


def _ways(config: LabelConfig) -> dict[str, Way]:
    """How students are trained: name in the table -> whom they learn from.

    Raises:
        InvalidInput: two teachers have one name, or a text names none.
    """
    if config.teachers:
        return named_ways(config.teachers)
    ways: dict[str, Way] = {"distilled": (config.teacher,)}
    return ways | {"vanilla": ()} if config.vanilla else ways


def _units(config: LabelConfig) -> dict[Entry, Unit]:
    """What is to be trained, by its place in the table.

    Raises:
        InvalidInput: an option is not acceptable.
    """
    _check(config)
    space, limit, ways = get_space(config.space), config.time_limit, _ways(config)
    recipe = recipe_for(
        space,
        config.recipe,
        losses=config.losses,
        temperature=config.temperature,
        kd_weight=config.kd_weight,
        ce_weight=config.ce_weight,
        epochs=config.epochs,
    )
    data = load_data(config.data)
    names = sorted({name for way in ways.values() for name in way})
    check_taught(recipe, names)
    for name in names:
        matched(load_teacher(name), data)  # before anything is trained
    if config.rungs:
        for_choosing(data)
    deadline = None if limit is None else time.time() + 60 * limit
    where = Where(config.device, config.amp, deadline=deadline)
    kept = Kept(Home(config.out.absolute()), checkpoint_seconds=CHECKPOINT_SECONDS)
    units, rungs = {}, {rung: Fraction(rung) for rung in config.rungs}
    for arch in map(space.encode, sample_students(space, config.students, config.sample_seed)):
        for number, name in product(range(config.seeds), ways):
            seed = derive_seed(number, "label", space.name, arch)
            setup = Setup(space.known_as, arch, ways[name], config.data, recipe, seed)
            entry = Entry(arch, number, name)
            units[entry] = Unit(setup, where, kept)
            for rung, fidelity in rungs.items():
                # Another seed: what a rung says must not share its luck with the label.
                own = derive_seed(seed, "rung", str(fidelity))
                short = replace(setup, seed=own, fidelity=fidelity)
                units[replace(entry, rung=rung)] = Unit(short, where, kept)
    return _in_turn(units, list(ways), ["", *rungs]) if config.teachers else units


def _in_turn(
    units: Mapping[Entry, Unit], teachers: Sequence[str], rungs: Sequence[str]
) -> dict[Entry, Unit]:
    """One seed of all pairs after the other, and with each one teacher after the other.

    A process keeps the answers of a few teachers on a few sets of images only.
    """
    order = sorted(units, key=lambda e: (e.seed, teachers.index(e.training), rungs.index(e.rung)))
    return {entry: units[entry] for entry in order}


def _costs(done: Mapping[Entry, Mapping[str, Any]]) -> dict[str, str]:
    """What each rung costs, in full trainings; the same for all students."""
    found = {entry.rung: record["cost"] for entry, record in done.items() if "cost" in record}
    return dict(sorted(found.items(), key=lambda item: fidelity_of(item[0])))


def _check(config: LabelConfig) -> None:
    for name in ("students", "seeds"):
        if getattr(config, name) < 1:
            raise InvalidInput(f"{name} must be at least 1, got {getattr(config, name)}")
    if config.time_limit is not None and not config.time_limit > 0:
        raise InvalidInput(f"the time limit must be positive, got {config.time_limit} minutes")
    # On a cluster, it is Ray that knows of GPUs.
    if config.backend != "ray":  # whose workers may be elsewhere
        check_device(config.device)


def _finished(directory: RunDirectory, wanted: Container[Entry]) -> dict[Entry, dict[str, Any]]:
    """What earlier attempts have finished. A failure is tried again: its cause may be gone."""
    done = {}
    for record in directory.journal.records():
        entry = Entry(record["arch"], record["seed"], record["training"], record.get("rung", ""))
        if entry in wanted and "accuracy" in record and is_whole(entry, record):
            done[entry] = record
    return done


def _train_all(
    waiting: dict[Entry, Unit], total: int, folder: Path, *, runner: Backend, progress: Progress
) -> Iterator[tuple[Entry, dict[str, Any]]]:
    """Train what is waiting; records in order of completion, until time is up."""
    entries = list(waiting)
    progress.start("training students", total, total - len(entries))
    with home(folder, runner) as place:
        units = [unit.at(place) for unit in waiting.values()]
        for number, result in runner.run(train_unit, units):
            entry = entries[number]
            if isinstance(result, Failed) and result.reason == OutOfTime.REASON:
                continue
            for line in () if isinstance(result, Failed) else result.value.get("notes", ()):
                progress.note(f"{entry.arch}: {line}")
            yield entry, asdict(entry) | _outcome(result)
            progress.advance()
    progress.finish()


def _outcome(result: Result[dict[str, Any]]) -> dict[str, Any]:
    if isinstance(result, Failed):
        return {"reason": result.reason, "details": result.details}
    found = result.value
    outcome = {name: found[name] for name in ("accuracy", "seconds")}
    if "cost" in found:
        outcome |= {"cross_entropy": found["quality"]["cross_entropy"], "cost": found["cost"]}
        outcome |= {name: found[name] for name in RUNG_COLUMNS if name in found}
    return outcome
