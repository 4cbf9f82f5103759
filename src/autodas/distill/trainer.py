"""Training: one network, one recipe, with teachers or without, with curves for TensorBoard."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import torch
from torch import nn

from autodas.core.errors import AutodasError, MissingData
from autodas.core.keys import key_of
from autodas.core.progress import Progress, Silent
from autodas.core.rng import derive_seed
from autodas.data import ImageData
from autodas.distill.checkpoints import read_checkpoint
from autodas.distill.engine import Engine, SingleDevice, half_precision
from autodas.distill.evaluation import Quality, quality
from autodas.distill.loop import Loop, TrainingDiverged
from autodas.distill.recipe import Recipe
from autodas.distill.teacher_logits import evaluating, usable
from autodas.networks import set_drop_path, weights_digest
from autodas.teachers import Teacher

PACKAGES = ("torch", "numpy", "torchvision", "pillow")  # decide what is computed
__all__ = ["OutOfTime", "TrainingDiverged", "TrainingResult", "train"]


class OutOfTime(AutodasError):
    """The time for a training was up before its last epoch."""

    REASON = "the time limit passed before the training was finished"

    def __init__(self) -> None:
        super().__init__(self.REASON)


@dataclass(frozen=True)
class TrainingResult:
    """What came out of a training.

    Attributes:
        accuracy: On the test part, in percent.
        history: One entry per epoch: ``epoch`` (from 1), ``loss`` (mean over the epoch) and
            ``learning_rate`` (of its last step).
        seconds: Wall-clock time of this attempt and the final evaluation.
        quality: The accuracy with what else was measured on the test part.
    """

    accuracy: float
    history: list[dict[str, float]]
    seconds: float
    quality: Quality


def train(
    network: nn.Module,
    data: ImageData,
    recipe: Recipe,
    *,
    seed: int,
    teacher: Teacher | Sequence[Teacher] | None = None,
    progress: Progress = Silent(),
    device: str = "cpu",
    amp: bool = False,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 0.0,
    time_left: float | None = None,
    tracking: Path | None = None,
    engine: Engine | None = None,
) -> TrainingResult:
    """Train ``network`` in place on the training part and evaluate it on the test part.

    The seed decides order and shifts of images and stochastic depth, whoever teaches; the initial
    weights are the caller's. On one CPU thread equal arguments give equal bits, also after a kill.

    Args:
        network: Gives (B, K) logits; left in evaluation mode, averaged if the recipe says so.
        data: Training and test part.
        recipe: How to train.
        seed: In [0, 2**63).
        teacher: One or several to imitate, who see images in their own normalisation and size, in
            evaluation mode; they are given back as they came.
        progress: Is told of every epoch.
        device: Where to train, e.g. ``"cuda"``; the network stays there.
        amp: Half precision, on a CUDA device; a recipe may ask for it, too.
        checkpoint: Written after an epoch; if it is there, the training goes on from it.
        checkpoint_seconds: Least time between two of them; 0 for one after every epoch.
        time_left: Seconds after which it is given up, at the end of an epoch; None for no limit.
        tracking: Folder for TensorBoard; needs the extra ``tracking``.
        engine: One process of several; device and amp are its own then.

    Raises:
        InvalidInput: teacher and data differ in classes or channels, or the device is not there.
        TrainingDiverged: the loss is not finite, or what was trained has none.
        OutOfMemory: a GPU cannot hold a single image.
        OutOfTime: no time is left.
        FileProblem: a checkpoint cannot be written, or the one that is there cannot be used.
        MissingData: tracking is asked for and TensorBoard is not installed.
    """
    start, teachers = perf_counter(), usable(teacher, data, recipe)
    engine = engine or SingleDevice(device, amp=half_precision(device, amp=amp, bf16=recipe.bf16))
    with evaluating(t.network for t in teachers):
        network.to(engine.device).train()
        set_drop_path(network, recipe.drop_path)
        loop = Loop(
            network, data, recipe, seed=seed, teachers=teachers, engine=engine, progress=progress
        )
        fingerprint = _fingerprint(network, data, recipe, teachers, seed=seed, world=engine.world)
        keeper = _Keeper(checkpoint, fingerprint, checkpoint_seconds, writes=engine.rank == 0)
        with _borrowed_generators(engine.device), _tracker(tracking) as track:
            torch.default_generator.manual_seed(derive_seed(seed, "stochastic layers"))
            _epochs(loop, keeper, track, None if time_left is None else start + time_left)
    found = _judged(network, data, recipe)
    return TrainingResult(found.top1, loop.history, perf_counter() - start, found)


def _fingerprint(
    network: nn.Module,
    data: ImageData,
    recipe: Recipe,
    teachers: Sequence[Teacher],
    *,
    seed: int,
    world: int,
) -> str:
    """Digest of what decides the numbers of a training, with the code that computes them."""
    return key_of(
        recipe.describe(),
        seed,
        data.digest,
        [teacher.digest for teacher in teachers],
        world,
        weights_digest(network),
        code=("core/rng.py", "data", "distill", "networks"),
        packages=PACKAGES,
    )


def _judged(network: nn.Module, data: ImageData, recipe: Recipe) -> Quality:
    """How good it is; the very last step may ruin a network whose loss was finite before it."""
    found = quality(network, data.test_images, data.test_labels, data.ready)
    if not math.isfinite(found.cross_entropy):
        raise TrainingDiverged(
            f"training diverged in its last step (loss on the test part {found.cross_entropy}); "
            f"try a learning rate below {recipe.learning_rate}"
        )
    return found


class _Keeper:
    """Reads and writes the checkpoint of one training, if it has one.

    Args:
        path: Where; None for nowhere.
        fingerprint: Of everything that decides the numbers: tells this training from others.
        seconds: Least time between two.
        writes: Whether this process is the one of several that writes.
    """

    def __init__(
        self, path: Path | None, fingerprint: str, seconds: float, *, writes: bool
    ) -> None:
        self.path, self.fingerprint = path, fingerprint
        self.seconds, self.writes = seconds, writes
        self.written = perf_counter()

    def restore(self, loop: Loop) -> None:
        """Let the loop go on from the checkpoint, if there is one."""
        saved = None if self.path is None else read_checkpoint(self.path, self.fingerprint)
        if saved is not None:
            loop.restore(saved)

    def keep(self, loop: Loop) -> None:
        """Write one if it is due."""
        due = perf_counter() - self.written >= self.seconds
        if self.path is not None and self.writes and due:
            loop.checkpoint(self.fingerprint).write(self.path)
            self.written = perf_counter()


def _epochs(
    loop: Loop,
    keeper: _Keeper,
    track: Callable[[Mapping[str, float]], None],
    limit: float | None,
) -> None:
    """All epochs that are left; ``limit`` is a moment of ``perf_counter``."""
    keeper.restore(loop)
    epochs, progress = loop.recipe.epochs, loop.progress
    progress.start("train", epochs, len(loop.history))
    while len(loop.history) < epochs:
        if limit is not None and perf_counter() > limit:
            raise OutOfTime
        track(loop.epoch())
        keeper.keep(loop)
        progress.advance()
    progress.finish()
    if loop.average is not None:
        loop.network.load_state_dict(loop.average.module.state_dict())


@contextlib.contextmanager
def _borrowed_generators(device: str) -> Iterator[None]:
    """Stochastic layers draw from the global generators, which are borrowed and given back."""
    kind = torch.device(device)
    gpus = [kind.index or 0] if kind.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        yield


@contextlib.contextmanager
def _tracker(folder: Path | None) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """A function that writes one epoch's numbers; of no effect without a folder.

    Args:
        folder: For TensorBoard's files, or None.

    Raises:
        MissingData: TensorBoard is not installed.
    """
    if folder is None:
        yield lambda _: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an optional package
    except ImportError:
        raise MissingData(
            "tracking needs TensorBoard; install it with: pip install 'autodas[tracking]'"
        ) from None
    writer = SummaryWriter(str(folder))

    def track(entry: Mapping[str, float]) -> None:
        step = int(entry["epoch"])
        for name, value in entry.items():
            if name != "epoch":
                writer.add_scalar(name, value, step)
        writer.flush()

    try:
        yield track
    finally:
        writer.close()
