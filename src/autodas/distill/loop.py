"""What all epochs of a training share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from autodas.core.errors import AutodasError
from autodas.core.progress import Progress
from autodas.core.rng import derive_seed
from autodas.data import ImageData
from autodas.distill.batches import TrainingBatch, TrainingBatches
from autodas.distill.checkpoints import Checkpoint, optimizer_tensors, restore_optimizer
from autodas.distill.engine import Engine
from autodas.distill.mixing import Labels
from autodas.distill.recipe import Recipe
from autodas.distill.teacher_logits import TeacherOutputs
from autodas.distill.training_loss import Outputs, TrainingLoss, look
from autodas.teachers import Teacher, at_native_size

__all__ = ["Loop", "OutOfMemory", "TrainingDiverged", "moving_average"]

LOOK = 64  # steps between two looks at the loss: each makes a GPU wait


class TrainingDiverged(AutodasError):
    """The loss became infinite or undefined."""


class OutOfMemory(AutodasError):
    """Not even one image fits into the memory of the GPU."""


class StudentWithLoss(nn.Module):
    """Student and objective in one: what is called for every part of a batch."""

    def __init__(self, student: nn.Module, objective: TrainingLoss) -> None:
        super().__init__()
        self.student = student
        self.objective = objective

    def forward(self, images: Tensor, teachers: Sequence[Outputs], labels: Labels) -> Tensor:
        """The loss on ``(B, C, H, W)`` images."""
        seen = look(self.student, images, stages=self.objective.needs_stages)
        loss: Tensor = self.objective(seen, teachers, labels)
        return loss


class Loop:
    """A training from the first epoch to the last.

    Args:
        network: Trained in place; on the engine's device.
        data: What on.
        recipe: How.
        seed: Decides order, augmentation, and the initial weights of adapters.
        teachers: From :func:`autodas.distill.teacher_logits.usable`.
        engine: Where.
        progress: Is told where a batch does not fit into memory.
    """

    def __init__(
        self,
        network: nn.Module,
        data: ImageData,
        recipe: Recipe,
        *,
        seed: int,
        teachers: Sequence[Teacher],
        engine: Engine,
        progress: Progress,
    ) -> None:
        self.network, self.recipe, self.engine, self.progress = network, recipe, engine, progress
        self.seed = seed
        self.device = engine.device
        self.batches = TrainingBatches(data, recipe, seed=seed, engine=engine)
        self.teachers = TeacherOutputs(teachers, data, recipe, self.device)
        one = data.ready(data.train_images[:1].to(self.device))
        networks = self.teachers.networks
        objective = TrainingLoss(
            recipe,
            network,
            networks,
            images=one,
            teacher_images=[at_native_size(n, one) for n in networks],
            seed=seed,
        ).to(self.device)
        self.teachers.prepare(stages=objective.needs_stages)
        self.own = StudentWithLoss(network, objective)
        made = _optimizer(self.own, recipe)
        self.module, self.optimizer = engine.setup(self.own, made)
        self.average = moving_average(network, recipe.ema) if recipe.ema else None
        self.step = 0
        self.parts = recipe.accumulate
        self.history: list[dict[str, float]] = []

    def epoch(self) -> dict[str, float]:
        """One pass over the training part.

        Raises:
            TrainingDiverged: the loss is not finite.
            OutOfMemory: a single image does not fit.
        """
        epoch = len(self.history)
        self._reseed(epoch)
        total = torch.zeros((), device=self.device)
        count = 0
        for number, batch in enumerate(self.batches.epoch(epoch)):
            total += self._update(batch) * len(batch.index)
            count += len(batch.index)
            if number % LOOK == LOOK - 1:
                self._check(float(total) / count, epoch)
        mean = float(self.engine.mean(total)) / max(1, count)
        rate = float(self.optimizer.param_groups[0]["lr"])
        self._check(mean, epoch)
        entry = {"epoch": epoch + 1, "loss": mean, "learning_rate": rate}
        self.history.append(entry)
        return entry

    def _check(self, mean: float, epoch: int) -> None:
        if not math.isfinite(mean):
            raise TrainingDiverged(
                f"training diverged in epoch {epoch + 1} of {self.recipe.epochs} (loss {mean}); "
                f"try a learning rate below {self.recipe.learning_rate}"
            )

    def _reseed(self, epoch: int) -> None:
        """Stochastic layers away from the CPU draw from streams that begin with the epoch.

        So nothing of them has to be kept in a checkpoint. On a CPU one stream goes on.
        """
        if self.engine.world > 1 or torch.device(self.device).type == "cuda":
            seed = derive_seed(self.seed, "stochastic layers", epoch, self.engine.rank)
            torch.default_generator.manual_seed(seed)
            if torch.device(self.device).type == "cuda":
                torch.cuda.manual_seed(seed)

    def _update(self, batch: TrainingBatch) -> Tensor:
        """One step of the optimiser; the loss before it."""
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate(self.step, recipe.epochs * self.batches.count)
        while True:
            try:
                loss = self._gradients(batch)
                break
            except torch.OutOfMemoryError:
                self._halve(len(batch.index))
        if recipe.clip_norm:
            self.engine.unscale(self.optimizer)
            nn.utils.clip_grad_norm_(self.own.parameters(), recipe.clip_norm)
        self.engine.step(self.optimizer)
        self.step += 1
        if self.average is not None:
            self.average.update_parameters(self.network)
        return loss

    def _gradients(self, batch: TrainingBatch) -> Tensor:
        """Gradients of a batch, in as many parts as memory needs; its loss."""
        view, index, images, labels = batch.view, batch.index, batch.images, batch.labels
        self.optimizer.zero_grad()
        count = len(index)
        parts = np.array_split(np.arange(count), min(self.parts, count))
        total: Tensor | None = None
        for number, part in enumerate(parts):
            rows = slice(int(part[0]), int(part[-1]) + 1)
            last = number == len(parts) - 1
            with self.engine.last_part(self.module, last):
                with self.engine.autocast():
                    teachers = self.teachers.of(view[rows], index[rows], images[rows])
                    loss = self.module(images[rows], teachers, labels.part(rows))
                share = loss if len(parts) == 1 else loss * (len(part) / count)
                self.engine.backward(share)
            share = share.detach()
            total = share if total is None else total + share
        return torch.zeros((), device=self.device) if total is None else total

    def _halve(self, count: int) -> None:
        if self.parts >= count or self.engine.world > 1:
            raise OutOfMemory(
                f"the GPU {self.device!r} runs out of memory with {math.ceil(count / self.parts)} "
                "of the images of a batch at once; take a smaller --recipe or another device"
            ) from None
        self.parts *= 2
        self.optimizer.zero_grad()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.progress.note(
            f"out of GPU memory: batches of {count} are computed in {self.parts} parts of "
            f"{math.ceil(count / self.parts)} from now on; nothing is lost"
        )

    def checkpoint(self, fingerprint: str) -> Checkpoint:
        """Where the training stands after the last epoch."""
        groups = {
            "network": self.network.state_dict(),
            "objective": self.own.objective.state_dict(),
            "optimizer": optimizer_tensors(self.optimizer),
            "average": {} if self.average is None else self.average.module.state_dict(),
            "generator": {"cpu": torch.default_generator.get_state()},
        }
        tensors = {f"{g}.{name}": t for g, named in groups.items() for name, t in named.items()}
        state: dict[str, Any] = {
            "fingerprint": fingerprint,
            "step": self.step,
            "parts": self.parts,
            "history": self.history,
            "streams": self.batches.state(),
            "engine": self.engine.state(),
        }
        return Checkpoint(tensors, state)

    def restore(self, saved: Checkpoint) -> None:
        """Go on where an earlier attempt stood; also in the borrowed global generator."""
        self.network.load_state_dict(saved.under("network"))
        self.own.objective.load_state_dict(saved.under("objective"))
        restore_optimizer(self.optimizer, saved.under("optimizer"))
        if self.average is not None:
            self.average.module.load_state_dict(saved.under("average"))
            self.average.n_averaged.fill_(saved.state["step"] + 1)
        torch.default_generator.set_state(saved.under("generator")["cpu"])
        self.step, self.parts = saved.state["step"], saved.state["parts"]
        self.history = list(saved.state["history"])
        self.batches.restore(saved.state["streams"])
        self.engine.restore(saved.state["engine"])


def moving_average(network: nn.Module, decay: float) -> AveragedModel:
    """w̄ ← d · w̄ + (1 − d) · w after every step (Polyak & Juditsky, 1992).

    d is ``decay``, in (0, 1), but at most (1 + t) / (10 + t) after t steps, so that the average
    forgets the initial weights soon. Buffers, such as running means, are copied.
    """

    def follow(averages: Any, weights: Any, count: Tensor | int) -> None:  # noqa: ANN401
        rising = (1 + int(count)) / (10 + int(count))
        step = get_ema_multi_avg_fn(min(decay, rising))  # type: ignore[no-untyped-call]
        step(averages, weights, count)

    average = AveragedModel(network, multi_avg_fn=follow)
    average.update_parameters(network)  # the initial weights count as the first
    return average


def _optimizer(module: StudentWithLoss, recipe: Recipe) -> Optimizer:
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            decays = parameter.ndim > 1 and not name.endswith(("pos_embed", "cls_token"))
            (decayed if decays else free).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if recipe.optimizer == "adamw":
        return AdamW(
            groups, lr=recipe.learning_rate, betas=(recipe.momentum, recipe.beta2), fused=True
        )
    nesterov = recipe.momentum > 0
    return SGD(groups, recipe.learning_rate, recipe.momentum, nesterov=nesterov, fused=True)
