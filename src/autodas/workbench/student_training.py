"""One training of a distillation run: what a worker process does."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from autodas.core.digest import digest
from autodas.core.rng import derive_seed
from autodas.core.runs import deciding
from autodas.data import load_data
from autodas.distill import (
    Recipe,
    TrainingResult,
    export_onnx,
    export_program,
    get_recipe,
    save_student,
    train,
)
from autodas.distill.several import train_on_several
from autodas.networks import StagedNetwork, seeded
from autodas.spaces import get_space
from autodas.teachers import load_teacher
from autodas.workbench.overrides import parse_losses
from autodas.workbench.shared_folder import Home
from autodas.workbench.training import Notes

__all__ = ["FORMATS", "StudentUnit", "recipe_of", "train_unit"]

FORMATS = {"torch": "student.pt2", "onnx": "student.onnx"}


@dataclass(frozen=True)
class StudentUnit:
    """One training.

    Attributes:
        space: Of the student.
        arch: Its architecture.
        teacher: Whom it learns from; None for labels alone.
        data: What on.
        recipe: Name of the recipe.
        seed: Of initial weights and batches.
        save: Folder to export the student to; None for none.
        losses: In place of the recipe's.
        epochs: In place of the recipe's.
        more_teachers: Beside ``teacher``.
        device: Where.
        amp: Half precision.
        formats: Further formats of the export.
        checkpoints: Folder of checkpoints.
        tracking: Folder for TensorBoard.
        devices: GPUs that share every batch.
        home: The run directory.
    """

    space: str
    arch: str
    teacher: str | None
    data: str
    recipe: str
    seed: int
    save: Path | None = field(default=None, metadata={"decides": False})
    losses: tuple[str, ...] | None = None
    epochs: int | None = None
    more_teachers: tuple[str, ...] = ()
    device: str = "cpu"
    amp: bool = False
    formats: tuple[str, ...] = field(default=(), metadata={"decides": False})
    checkpoints: Path | None = field(default=None, metadata={"decides": False})
    tracking: Path | None = field(default=None, metadata={"decides": False})
    devices: int = 1
    home: Home | None = field(default=None, metadata={"decides": False})

    @property
    def key(self) -> str:
        """Equal for trainings of the same outcome."""
        return digest(deciding(self))

    @property
    def checkpoint(self) -> Path | None:
        """Where it leaves its state; nowhere if its run is not on this node."""
        if self.checkpoints is None or not (self.home is None or self.home.seen):
            return None
        return self.checkpoints / f"{self.key[:20]}.safetensors"


def recipe_of(name: str, losses: tuple[str, ...] | None, epochs: int | None) -> Recipe:
    """The recipe with what the command line puts in its place.

    Raises:
        InvalidInput: a value is not acceptable.
    """
    return get_recipe(name).changed(losses=parse_losses(losses), epochs=epochs)


def train_unit(unit: StudentUnit) -> dict[str, Any]:
    """Train a student and export it.

    Returns:
        ``accuracy`` in percent, ``history``, ``quality``, and ``notes`` if there are any; where the
        run directory is not there, as ``parcel`` what belongs in it.
    """
    torch.set_num_threads(1)
    network, notes = _build(unit), Notes()
    training = _trained(unit, network, notes)
    found: dict[str, Any] = {
        "accuracy": training.accuracy,
        "history": training.history,
        "quality": asdict(training.quality),
    }
    if notes.lines:
        found["notes"] = notes.lines
    if unit.save is not None:
        place = unit.home or Home(unit.save)
        with place.visited() as folder:
            _export(unit, network.cpu(), folder, training.accuracy)
            if parcel := place.parcel(folder):
                found["parcel"] = parcel
    return found


def _trained(unit: StudentUnit, network: StagedNetwork, notes: Notes) -> TrainingResult:
    data = load_data(unit.data)
    names = () if unit.teacher is None else (unit.teacher, *unit.more_teachers)
    recipe = recipe_of(unit.recipe, unit.losses, unit.epochs)
    teachers = [load_teacher(name) for name in names] or None
    if unit.devices > 1:
        return train_on_several(
            network,
            data,
            recipe,
            seed=unit.seed,
            devices=unit.devices,
            teacher=teachers,
            device=unit.device,
            amp=unit.amp,
            checkpoint=unit.checkpoint,
        )
    return train(
        network,
        data,
        recipe,
        seed=unit.seed,
        teacher=teachers,
        device=unit.device,
        amp=unit.amp,
        checkpoint=unit.checkpoint,
        tracking=unit.tracking if unit.home is None or unit.home.seen else None,
        progress=notes,
    )


def _export(unit: StudentUnit, network: StagedNetwork, folder: Path, accuracy: float) -> None:
    data = load_data(unit.data)
    normalisation = data.normalisation
    description = {
        "space": unit.space,
        "arch": unit.arch,
        "num_classes": data.num_classes,
        "input_shape": list(data.input_shape),
        "data": unit.data,
        "teacher": unit.teacher,
        "recipe": unit.recipe,
        "accuracy": accuracy,
    }
    if normalisation is not None:
        description["normalisation"] = asdict(normalisation)
    save_student(network, folder, description)
    example = torch.zeros(2, *data.input_shape)
    for name in unit.formats:
        write = export_onnx if name == "onnx" else export_program
        write(network, example, folder / FORMATS[name])


def _build(unit: StudentUnit) -> StagedNetwork:
    data, space = load_data(unit.data), get_space(unit.space)
    arch = space.decode(unit.arch)
    return seeded(
        lambda: space.build(arch, num_classes=data.num_classes, input_shape=data.input_shape),
        derive_seed(unit.seed, "initial weights"),
    )
