"""The training loop: one network, one recipe, with or without a teacher."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.progress import Progress, Silent
from autodas.core.rng import derive, derive_seed
from autodas.data import ImageData
from autodas.distill.losses import distillation_loss
from autodas.distill.recipe import Recipe
from autodas.distill.views import Views, predict, teacher_logits
from autodas.networks.transformer import set_drop_path
from autodas.teachers import Teacher, fitted

__all__ = ["Training", "TrainingDiverged", "evaluate", "train"]


class TrainingDiverged(AutodasError):
    """The loss became infinite or undefined."""


@dataclass(frozen=True)
class Training:
    """What came out of a training.

    Attributes:
        accuracy: On the test part, in percent.
        history: One entry per epoch: ``epoch`` (from 1), ``loss`` (mean over the epoch) and
            ``learning_rate`` (of its last step).
        seconds: Wall-clock time of the training and the final evaluation.
    """

    accuracy: float
    history: list[dict[str, float]]
    seconds: float


def train(
    network: nn.Module,
    data: ImageData,
    recipe: Recipe,
    *,
    seed: int,
    teacher: Teacher | None = None,
    progress: Progress = Silent(),
    device: str = "cpu",
) -> Training:
    """Train ``network`` in place on the training part and evaluate it on the test part.

    The seed decides the order of the images, their shifts and stochastic depth, in the same way
    with and without a teacher; the initial weights are the caller's. On the CPU with one thread
    the same arguments give the same bits.

    Args:
        network: Gives (B, K) logits; left in evaluation mode.
        data: Training and test part.
        recipe: How to train.
        seed: In [0, 2**63).
        teacher: Whose logits to imitate, or None for labels alone; it sees the images in the
            normalisation it was trained with.
        progress: Is told of every epoch.
        device: Where to train, e.g. ``"cuda"``; the network stays there.

    Raises:
        InvalidInput: teacher and data set have different numbers of classes or channels.
        TrainingDiverged: the loss is not finite.
    """
    if teacher is not None and teacher.num_classes != data.num_classes:
        raise InvalidInput(
            f"teacher {teacher.name!r} knows {teacher.num_classes} classes, "
            f"data set {data.name!r} has {data.num_classes}"
        )
    start = perf_counter()
    teacher = None if teacher is None else fitted(teacher, data)
    network.to(device).train()
    set_drop_path(network, recipe.drop_path)
    loop = _Loop(network, data, recipe, seed=seed, teacher=teacher, device=device)
    progress.start("train", recipe.epochs)
    # Stochastic layers draw from the global generator, which is borrowed and given back.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, "stochastic layers"))
        history = []
        for epoch in range(recipe.epochs):
            history.append(loop.epoch(epoch))
            progress.advance()
    progress.finish()
    accuracy = evaluate(network, data.test_images, data.test_labels, data.ready)
    return Training(accuracy, history, perf_counter() - start)


def evaluate(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    ready: Callable[[Tensor], Tensor] | None = None,
) -> float:
    """Share of ``(N, C, H, W)`` images classified as their ``(N,)`` labels say, in percent.

    Raw images need ``ready``, which normalises them (:meth:`ImageData.ready`).
    """
    network.eval()
    device = next(network.parameters()).device
    guesses = predict(network, images.to(device), ready).argmax(dim=1).cpu()
    return 100.0 * int((guesses == labels).sum()) / len(labels)


class _Loop:
    """What all epochs share."""

    def __init__(
        self,
        network: nn.Module,
        data: ImageData,
        recipe: Recipe,
        *,
        seed: int,
        teacher: Teacher | None,
        device: str,
    ) -> None:
        self.network = network
        self.recipe = recipe
        self.device = device
        self.ready = data.ready
        self.views = Views(data.train_images, recipe.shift)
        self.labels = data.train_labels
        self.opinions = _Opinions(teacher, data, recipe, device)
        self.order = derive(seed, "order")
        self.shifts = derive(seed, "shifts")
        self.optimizer = _optimizer(network, recipe)
        self.step = 0
        self.batches = math.ceil(self.views.size / recipe.batch_size)

    def epoch(self, epoch: int) -> dict[str, float]:
        """One pass over the training part."""
        total = torch.zeros((), device=self.device)
        for view, index in self._draw():
            loss = self._update(view, index)
            total += loss * len(index)
        mean = float(total) / self.views.size
        rate = float(self.optimizer.param_groups[0]["lr"])
        if not math.isfinite(mean):
            raise TrainingDiverged(
                f"training diverged in epoch {epoch + 1} of {self.recipe.epochs} (loss {mean}); "
                f"try a learning rate below {self.recipe.learning_rate}"
            )
        return {"epoch": epoch + 1, "loss": mean, "learning_rate": rate}

    def _draw(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of (view, index), both ``(B,)`` int64, that cover every image once."""
        order = self.order.permutation(self.views.size)
        view = self.shifts.integers(self.views.views, size=self.views.size)
        for part in np.array_split(np.arange(self.views.size), self.batches):
            yield torch.from_numpy(view[part]), torch.from_numpy(order[part])

    def _update(self, view: Tensor, index: Tensor) -> Tensor:
        """One step of the optimiser; the loss before it."""
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate(self.step, recipe.epochs * self.batches)
        images = self.ready(self.views.images(view, index).to(self.device))
        loss = distillation_loss(
            self.network(images),
            self.opinions.of(view, index, images),
            self.labels[index].to(self.device),
            temperature=recipe.temperature,
            kd_weight=recipe.kd_weight,
            ce_weight=recipe.ce_weight,
        )
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if recipe.clip_norm:
            nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip_norm)
        self.optimizer.step()
        self.step += 1
        return loss.detach()


class _Opinions:
    """The teacher's logits: looked up where every view will be seen about once anyway."""

    def __init__(
        self, teacher: Teacher | None, data: ImageData, recipe: Recipe, device: str
    ) -> None:
        self.device = device
        self.network: nn.Module | None = None
        self.known: Tensor | None = None
        if teacher is None:
            return
        if (2 * recipe.shift + 1) ** 2 <= recipe.epochs:
            self.known = teacher_logits(teacher, data, recipe.shift)
        else:
            # A copy, so that the caller's teacher stays where it is.
            self.network = copy.deepcopy(teacher.network).to(device)

    def of(self, view: Tensor, index: Tensor, images: Tensor) -> Tensor | None:
        """``(B, K)`` logits for ``images``, or None without a teacher."""
        if self.known is not None:
            return self.known[view, index].to(self.device)
        return None if self.network is None else predict(self.network, images)


def _optimizer(network: nn.Module, recipe: Recipe) -> Optimizer:
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
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
