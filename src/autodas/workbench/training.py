"""One training of a table: what a worker process does."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from autodas.core.digest import digest
from autodas.core.progress import Silent
from autodas.core.rng import derive_seed
from autodas.data import load_data
from autodas.distill import OutOfTime, Recipe, train
from autodas.networks import seeded
from autodas.spaces import get_space
from autodas.teachers import load_teacher

__all__ = ["CHECKPOINT_SECONDS", "Task", "Unit", "checkpoint_of", "train_student"]

CHECKPOINT_SECONDS = 30.0  # trainings that take less are begun again


@dataclass(frozen=True)
class Unit:
    """One training.

    Attributes:
        arch: Architecture string.
        seed: Number of the repetition, from 0.
        training: ``"distilled"`` or ``"vanilla"``.
    """

    arch: str
    seed: int
    training: str


@dataclass(frozen=True)
class Task:
    """What all units of a run share; small, because it is sent to every worker.

    Attributes:
        space: Of the students.
        teacher: Whom to learn from.
        data: What on.
        recipe: How.
        device: ``"cpu"``, ``"cuda"`` (students are dealt to all GPUs) or one GPU.
        amp: Half precision, on GPUs.
        folder: For checkpoints of trainings that take long; None for none.
        deadline: Seconds since the epoch after which a training is given up; None for never.
    """

    space: str
    teacher: str
    data: str
    recipe: Recipe
    device: str = "cpu"
    amp: bool = False
    folder: Path | None = field(default=None, compare=False)
    deadline: float | None = field(default=None, compare=False)


def train_student(task: Task, unit: Unit) -> dict[str, Any]:
    """Train one student.

    Initial weights and the order of images depend on architecture and seed alone, so the
    distilled and the vanilla training of a student differ in nothing but the teacher.

    Returns:
        ``accuracy`` in percent, ``seconds``, and ``notes`` if something had to be said.

    Raises:
        OutOfTime: the deadline passed.
    """
    time_left = None if task.deadline is None else task.deadline - time.time()
    if time_left is not None and time_left <= 0:
        raise OutOfTime
    torch.set_num_threads(1)
    space, data = get_space(task.space), load_data(task.data)
    arch = space.decode(unit.arch)
    seed = derive_seed(unit.seed, "label", task.space, unit.arch)
    network = seeded(
        lambda: space.build(arch, num_classes=data.num_classes, input_shape=data.input_shape),
        derive_seed(seed, "initial weights"),
    )
    teacher = load_teacher(task.teacher) if unit.training == "distilled" else None
    notes = Notes()
    training = train(
        network,
        data,
        task.recipe,
        seed=seed,
        teacher=teacher,
        device=_device(task.device),
        amp=task.amp,
        checkpoint=checkpoint_of(task, unit),
        checkpoint_seconds=CHECKPOINT_SECONDS,
        time_left=time_left,
        progress=notes,
    )
    found: dict[str, Any] = {"accuracy": training.accuracy, "seconds": training.seconds}
    return found | ({"notes": notes.lines} if notes.lines else {})


def checkpoint_of(task: Task, unit: Unit) -> Path | None:
    """Where a long training of ``unit`` leaves its state; nowhere if its run is not here."""
    if task.folder is None or not task.folder.parent.is_dir():
        return None
    return task.folder / f"{digest(unit.arch, unit.seed, unit.training)[:20]}.safetensors"


def _device(wanted: str) -> str:
    """With several GPUs, processes take them in turn."""
    if wanted != "cuda" or (count := torch.cuda.device_count()) < 2:
        return wanted
    number = multiprocessing.current_process().name.rpartition("-")[2]
    return f"cuda:{int(number) % count}" if number.isdecimal() else wanted


class Notes(Silent):
    """Keeps what a training has to say; of its pace nobody is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)
