"""One training of a student as a unit of work: what a worker is told, and what it does.

A unit says apart what decides its numbers (:class:`Setup`), where it runs (:class:`Where`) and what
is kept of it beside the numbers (:class:`Kept`).
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

from autodas.core.digest import digest
from autodas.core.progress import Silent
from autodas.core.rng import derive_seed
from autodas.data import ImageData, load_data
from autodas.distill import (
    OutOfTime,
    Recipe,
    TrainingResult,
    export_onnx,
    export_program,
    save_student,
    train,
)
from autodas.distill.calibration import brier_score, calibrated_losses
from autodas.distill.confusion import Confusion
from autodas.distill.evaluation import confusion
from autodas.distill.several import train_on_several
from autodas.distill.short import agreement, image_logits, kd_loss, short_training
from autodas.networks import StagedNetwork, seeded
from autodas.spaces import get_space
from autodas.teachers import load_teacher, read_description
from autodas.workbench.devices import device_in_turn
from autodas.workbench.feature_check import only_features
from autodas.workbench.shared_folder import Home
from autodas.workbench.ways import digests_of

__all__ = ["CHECKPOINTS", "FORMATS", "Kept", "Setup", "Unit", "Where", "train_unit"]

FORMATS = {"torch": "student.pt2", "onnx": "student.onnx"}
CHECKPOINTS = "checkpoints"
"""Folder of a run directory."""


@dataclass(frozen=True)
class Setup:
    """What decides the numbers of a training.

    Attributes:
        space: Of the student.
        arch: Its architecture.
        teachers: Whom it learns from; none for labels alone.
        data: What on.
        recipe: How.
        seed: Of initial weights and batches. They depend on nothing else, so trainings of one
            seed with and without teachers differ in nothing but the teachers.
        fidelity: Of a full training, in (0, 1]: a short training, judged on a validation part cut
            from the training images; None for a full one, judged on the test part.
    """

    space: str
    arch: str
    teachers: tuple[str, ...]
    data: str
    recipe: Recipe
    seed: int
    fidelity: Fraction | None = None


@dataclass(frozen=True)
class Where:
    """Where a training runs, and until when. Other devices round otherwise.

    Attributes:
        device: ``"cpu"``, ``"cuda"`` (processes take all GPUs in turn) or one GPU.
        amp: Half precision, on GPUs.
        devices: GPUs that share every batch.
        deadline: Seconds since the epoch after which it is given up; None for never.
    """

    device: str = "cpu"
    amp: bool = False
    devices: int = 1
    deadline: float | None = None


@dataclass(frozen=True)
class Kept:
    """What is kept of a training in its run directory, beside the numbers.

    Attributes:
        home: The run directory.
        checkpoint_seconds: Least time between two checkpoints; 0 for one after every epoch.
        export: Whether the student is exported.
        into: Folder of the run directory to export to; empty for the run directory itself.
        formats: Further formats of the export, keys of :data:`FORMATS`.
        tracking: Folder of the run directory for TensorBoard; None for none.
    """

    home: Home
    checkpoint_seconds: float = 0.0
    export: bool = False
    into: str = ""
    formats: tuple[str, ...] = ()
    tracking: str | None = None

    @property
    def curves(self) -> Path | None:
        """Where TensorBoard's files go; nowhere if the run directory is not on this node."""
        here = self.tracking is not None and self.home.seen
        return self.home.folder / str(self.tracking) if here else None


@dataclass(frozen=True)
class Unit:
    """One training.

    Attributes:
        setup: What decides its numbers.
        where: On what it runs.
        kept: What is kept of it; None for nothing but the numbers.
    """

    setup: Setup
    where: Where = Where()
    kept: Kept | None = field(default=None, compare=False)

    @property
    def key(self) -> str:
        """Digest of what decides the numbers, rounding included."""
        setup = vars(self.setup) | {"recipe": self.setup.recipe.describe()}
        setup["fidelity"] = None if self.setup.fidelity is None else str(self.setup.fidelity)
        return digest(setup, self.where.device, self.where.amp, self.where.devices)

    @property
    def checkpoint(self) -> Path | None:
        """Where it leaves its state; nowhere if its run directory is not on this node."""
        if self.kept is None or not self.kept.home.seen:
            return None
        return self.kept.home.folder / CHECKPOINTS / f"{self.key[:20]}.safetensors"

    def at(self, home: Home) -> Unit:
        """The same for a worker, which may not see the run directory."""
        return self if self.kept is None else replace(self, kept=replace(self.kept, home=home))

    def forget_checkpoint(self) -> None:
        """Remove the checkpoint, if there is one: the training is finished."""
        if (path := self.checkpoint) is not None:
            path.unlink(missing_ok=True)


def train_unit(unit: Unit) -> dict[str, Any]:
    """Train a student, and keep of it what is to be kept.

    Returns:
        ``accuracy`` in percent, ``seconds``, ``history``, ``quality``, and ``notes`` if something
        had to be said; where the run directory is not there, as ``parcel`` what belongs in it. Of
        a short training, also what :func:`_judged` says.

    Raises:
        OutOfTime: the deadline passed.
    """
    deadline = unit.where.deadline
    time_left = None if deadline is None else deadline - time.time()
    if time_left is not None and time_left <= 0:
        raise OutOfTime
    torch.set_num_threads(1)
    data, recipe, notes = load_data(unit.setup.data), unit.setup.recipe, Notes()
    if (fidelity := unit.setup.fidelity) is not None:
        data, recipe, pace = short_training(data, recipe, fidelity)
    network = _initial(unit.setup, data)
    training = _trained(unit, network, data, recipe, notes=notes, time_left=time_left)
    found: dict[str, Any] = {
        "accuracy": training.accuracy,
        "seconds": training.seconds,
        "history": training.history,
        "quality": asdict(training.quality),
    }
    if fidelity is not None:
        found |= _judged(unit.setup, network, data) | {"cost": str(pace.cost)}
    if notes.lines:
        found["notes"] = notes.lines
    if unit.kept is not None and unit.kept.export:
        with unit.kept.home.visited() as folder:
            goal = folder / unit.kept.into
            classes = confusion(network, data.test_images, data.test_labels, data.ready)
            found["confusion"] = classes.to_json()
            about = _export(unit.setup, network.cpu(), data, classes, goal)
            _export_formats(unit.kept.formats, network, data, goal, about)
            if parcel := unit.kept.home.parcel(folder):
                found["parcel"] = parcel
    return found


def _initial(setup: Setup, data: ImageData) -> StagedNetwork:
    space = get_space(setup.space)
    arch = space.decode(setup.arch)
    return seeded(
        lambda: space.build(arch, num_classes=data.num_classes, input_shape=data.input_shape),
        derive_seed(setup.seed, "initial weights"),
    )


def _judged(setup: Setup, network: StagedNetwork, data: ImageData) -> dict[str, Any]:
    """What tells how good it is: ``losses``, the calibrated cross-entropy of each validation
    image, and ``wrong``, 1 for each with a wrong answer; ``calibrated_cross_entropy``, the mean of
    the first; ``brier``; ``kd_loss`` and ``agreement``, if there are teachers and all of them have
    logits.

    ``kd_loss`` is never added to others: it has the scale of the teachers.
    """
    logits, labels = image_logits(network, data), data.test_labels
    losses = calibrated_losses(logits, labels)
    found: dict[str, Any] = {
        "losses": [round(each, 4) for each in losses.tolist()],
        "wrong": (logits.argmax(dim=1) != labels).int().tolist(),
        "calibrated_cross_entropy": float(losses.mean()),
        "brier": brier_score(logits, labels),
    }
    if setup.teachers and not only_features(setup.teachers):
        teachers = [load_teacher(name) for name in setup.teachers]
        found["kd_loss"] = kd_loss(network, teachers, data, setup.recipe.temperature)
        found["agreement"] = agreement(network, teachers, data)
    return found


def _trained(
    unit: Unit,
    network: StagedNetwork,
    data: ImageData,
    recipe: Recipe,
    *,
    notes: Notes,
    time_left: float | None,
) -> TrainingResult:
    setup, where, kept = unit.setup, unit.where, unit.kept
    teachers = [load_teacher(name) for name in setup.teachers] or None
    if where.devices > 1:
        return train_on_several(
            network,
            data,
            recipe,
            seed=setup.seed,
            devices=where.devices,
            teacher=teachers,
            device=where.device,
            amp=where.amp,
            checkpoint=unit.checkpoint,
        )
    return train(
        network,
        data,
        recipe,
        seed=setup.seed,
        teacher=teachers,
        device=device_in_turn(where.device),
        amp=where.amp,
        checkpoint=unit.checkpoint,
        checkpoint_seconds=0.0 if kept is None else kept.checkpoint_seconds,
        time_left=time_left,
        tracking=None if kept is None else kept.curves,
        progress=notes,
    )


def _export(
    setup: Setup, network: StagedNetwork, data: ImageData, classes: Confusion, folder: Path
) -> dict[str, Any]:
    """Write the student; what its file says of it."""
    description = {
        "space": setup.space,
        "arch": setup.arch,
        "num_classes": data.num_classes,
        "input_shape": list(data.input_shape),
        "data": setup.data,
        "data_digest": data.digest,
        "teachers": digests_of(setup.teachers),
        "recipe": setup.recipe.name,
        "accuracy": classes.accuracy,
        "accuracy_interval": list(classes.interval),
        "test_images": classes.images,
    }
    space = get_space(setup.space)
    more = space.blueprint(space.decode(setup.arch)) | _images_of(data)
    return read_description(save_student(network, folder, description | more))


def _images_of(data: ImageData) -> dict[str, Any]:
    """What whoever uses a student must know of its images and its outputs."""
    found: dict[str, Any] = {}
    if data.normalisation is not None:
        found["normalisation"] = asdict(data.normalisation)
        found["transform"] = _transform(data)
        found["preprocessing"] = (
            f"decode as RGB, upright; {_resizing(data)}; divide by 255; take off the mean of each "
            "channel and divide by its deviation (normalisation)"
        )
    if data.class_names:
        found["class_names"] = list(data.class_names)
    return found


def _transform(data: ImageData) -> dict[str, Any]:
    """How pictures come to the size that the student sees: resized, then cropped in the centre."""
    height, width = data.input_shape[1:]
    resize = height if height == width else None  # of the shorter side; others keep their size
    return {
        "resize": resize,
        "crop": [height, width],
        "interpolation": "bilinear",
        "antialias": True,
    }


def _resizing(data: ImageData) -> str:
    """How images come to the size that the student sees, in words."""
    height, width = data.input_shape[1:]
    if height != width:
        return f"{width} × {height} pixels, as they are"
    return (
        f"scale the shorter side to {height} pixels (bilinear, antialiased), cut the centre square"
    )


def _export_formats(
    formats: tuple[str, ...],
    network: StagedNetwork,
    data: ImageData,
    folder: Path,
    about: dict[str, Any],
) -> None:
    example = torch.zeros(2, *data.input_shape)
    for name in formats:
        if name == "onnx":
            export_onnx(network, example, folder / FORMATS[name], about)
        else:
            export_program(network, example, folder / FORMATS[name])


class Notes(Silent):
    """Keeps what a training has to say; of its pace nobody is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)
