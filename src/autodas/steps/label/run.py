"""Label: distil sampled students to make a table of ground truth."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from autodas.backends import Backend
from autodas.backends.workers import Workers
from autodas.core.errors import AutodasError, FileProblem, InvalidInput
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed, Result
from autodas.core.runs import RunDirectory, deciding
from autodas.data import load_data
from autodas.distill import OutOfTime, Recipe, get_recipe
from autodas.spaces import get_space
from autodas.steps.label.sample import sample_students
from autodas.steps.label.table import header_of, noise_of, row_of, summary_of
from autodas.tables.labels import write_labels
from autodas.teachers import load_teacher, matched
from autodas.workbench.commands import command_line
from autodas.workbench.overrides import parse_losses
from autodas.workbench.recipes import default_recipe
from autodas.workbench.training import Task, Unit, checkpoint_of, train_student

__all__ = ["Config", "LabelConfig", "Unit", "run", "sample_students", "train_student"]

TABLE_SECONDS = 20.0  # between two tables of what is there so far


@dataclass(frozen=True)
class LabelConfig(Workers):
    """Which students to train, and how."""

    out: Path = field(default=Path("runs/label"), metadata={"decides": False})
    """Run directory; an interrupted run in it is continued."""
    space: str = "digits-cnn"
    """Search space of the students."""
    teacher: str = "digits-cnn-teacher"
    """Teacher to learn from."""
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


Config = LabelConfig


def run(config: LabelConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Train the students and write ``table.csv`` with its header ``table.json``.

    Every finished training is in the journal at once, so a run that was killed goes on where it
    was; and each draws its randomness from its own architecture and seed, so the table is the
    same, byte for byte, whatever the order and the number of processes (on the CPU). The table is
    written again every few seconds with what is there.

    Returns:
        ``table`` (path), ``students``, ``trained`` (now), ``failed``, ``left`` (by the time
        limit), ``noise`` and ``seconds``.

    Raises:
        InvalidInput: an option is not acceptable.
        FileProblem: the disk is full; the message says what is kept.
    """
    start = time.perf_counter()
    task = _task(config)
    runner = config.workers.runner(isolated=True, device=config.device, gpus=config.ray_gpus)
    with RunDirectory(
        config.out,
        "label",
        deciding(config),
        resolved={"recipe": task.recipe.describe()},
        folders=("checkpoints",),
    ) as directory:
        units = _units(config)
        book = _Book(config, task, directory, units)
        before = len(book.done)
        with _saying_what_is_kept(book):
            for unit, record in _train_all(
                task, units, book.done, runner=runner, progress=progress
            ):
                book.add(unit, record)
            rows, noise = book.write(final=True)
        results = {
            "table": str(book.table),
            "students": len({row.arch for row in rows}),
            "trained": len(book.done) - before,
            "failed": sum(row.accuracy is None for row in rows),
            "left": len(units) - len(book.done),
            "noise": noise,
            "seconds": time.perf_counter() - start,
        }
        directory.write_results(results)
    return results | {"summary": summary_of(results, rows)}


class _Book:
    """What is finished: the journal, and the table made of it."""

    def __init__(
        self, config: LabelConfig, task: Task, directory: RunDirectory, units: list[Unit]
    ) -> None:
        self.config, self.task, self.directory, self.units = config, task, directory, units
        self.table = directory.path / "table.csv"
        self.done = _finished(directory, units)
        for unit in self.done:
            self._forget_checkpoint(unit)  # a kill may have come between journal and checkpoint
        self.written = time.monotonic()

    def add(self, unit: Unit, record: dict[str, Any]) -> None:
        """Keep a finished training; once in a while also in the table."""
        self.directory.journal.append(record)
        self.done[unit] = record
        self._forget_checkpoint(unit)
        if time.monotonic() - self.written > TABLE_SECONDS:
            self.write(final=False)
            self.written = time.monotonic()

    def _forget_checkpoint(self, unit: Unit) -> None:
        if (path := checkpoint_of(self.task, unit)) is not None:
            path.unlink(missing_ok=True)

    def write(self, *, final: bool) -> tuple[list[Any], dict[str, Any]]:
        """Write the table of what is there; the agreement of seeds only in the ``final`` one."""
        rows = [row_of(unit, self.done[unit]) for unit in self.units if unit in self.done]
        if not rows:
            raise AutodasError(
                "the time limit passed before the first training was finished; "
                "the same command goes on"
            )
        noise = noise_of(rows, self.config.data) if final else {}
        header = header_of(
            self.task,
            students=self.config.students,
            seeds=self.config.seeds,
            sample_seed=self.config.sample_seed,
            noise=noise,
            command=command_line("label", self.config),
        )
        if left := len(self.units) - len(rows):
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


def _units(config: LabelConfig) -> list[Unit]:
    space = get_space(config.space)
    trainings = ("distilled", "vanilla") if config.vanilla else ("distilled",)
    return [
        Unit(space.encode(arch), seed, training)
        for arch in sample_students(space, config.students, config.sample_seed)
        for seed in range(config.seeds)
        for training in trainings
    ]


def _task(config: LabelConfig) -> Task:
    for name in ("students", "seeds"):
        if getattr(config, name) < 1:
            raise InvalidInput(f"{name} must be at least 1, got {getattr(config, name)}")
    if config.time_limit is not None and not config.time_limit > 0:
        raise InvalidInput(f"the time limit must be positive, got {config.time_limit} minutes")
    # On a cluster, it is Ray that knows of GPUs.
    if config.device != "cpu" and config.backend != "ray" and not torch.cuda.is_available():
        raise InvalidInput(f"device {config.device!r}: PyTorch sees no CUDA device here; use cpu")
    space = get_space(config.space)
    recipe = _recipe(config).changed(
        losses=parse_losses(config.losses),
        temperature=config.temperature,
        kd_weight=config.kd_weight,
        ce_weight=config.ce_weight,
        epochs=config.epochs,
    )
    data, teacher = load_data(config.data), load_teacher(config.teacher)
    matched(teacher, data)  # before anything is trained
    limit = config.time_limit
    return Task(
        space.name,
        config.teacher,
        config.data,
        recipe,
        config.device,
        config.amp,
        (config.out / "checkpoints").absolute(),
        None if limit is None else time.time() + 60 * limit,
    )


def _recipe(config: LabelConfig) -> Recipe:
    return get_recipe(config.recipe or default_recipe(get_space(config.space)))


def _finished(directory: RunDirectory, units: Iterable[Unit]) -> dict[Unit, dict[str, Any]]:
    """What earlier attempts have finished. A failure is tried again: its cause may be gone."""
    wanted = set(units)
    done = {}
    for record in directory.journal.records():
        unit = Unit(record["arch"], record["seed"], record["training"])
        if unit in wanted and "accuracy" in record:
            done[unit] = record
    return done


def _train_all(
    task: Task,
    units: list[Unit],
    done: Mapping[Unit, dict[str, Any]],
    *,
    runner: Backend,
    progress: Progress,
) -> Iterator[tuple[Unit, dict[str, Any]]]:
    """Train what is not in ``done``; records in order of completion, until time is up."""
    waiting = [unit for unit in units if unit not in done]
    progress.start("training students", len(units), len(done))
    for number, result in runner.run(partial(train_student, task), waiting):
        unit = waiting[number]
        if isinstance(result, Failed) and result.reason == OutOfTime.REASON:
            continue
        record = _outcome(result)
        for line in record.pop("notes", ()):
            progress.note(f"{unit.arch}: {line}")
        yield unit, asdict(unit) | record
        progress.advance()
    progress.finish()


def _outcome(result: Result[dict[str, Any]]) -> dict[str, Any]:
    if isinstance(result, Failed):
        return {"reason": result.reason, "details": result.details}
    return result.value
