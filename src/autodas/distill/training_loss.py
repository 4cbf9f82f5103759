"""What a training minimises: the labels, and a recipe's losses against its teachers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autodas.core.errors import InvalidInput
from autodas.core.rng import derive_seed
from autodas.distill.losses.catalog import LOSSES, Loss
from autodas.distill.losses.stages import Adapters, stage_pairs, stage_shapes, without_prefix
from autodas.distill.mixing import Labels
from autodas.distill.recipe import Recipe
from autodas.networks import StagedNetwork
from autodas.teachers import Teacher

__all__ = ["Outputs", "TrainingLoss", "check_losses", "combined", "look"]


class Outputs(NamedTuple):
    """What a network says of a batch.

    Attributes:
        logits: ``(B, K)``.
        stages: Features of its stages, patches only; empty where no loss needs them.
    """

    logits: Tensor
    stages: Sequence[Tensor] = ()


def look(network: nn.Module, images: Tensor, *, stages: bool) -> Outputs:
    """Run a network on ``(B, C, H, W)`` images; its stages must be asked for."""
    if not stages or not isinstance(network, StagedNetwork):
        return Outputs(network(images))
    found, logits = network.forward_stages(images)
    return Outputs(logits, [without_prefix(each, network.prefix_tokens) for each in found])


def combined(logits: Sequence[Tensor], labels: Tensor, how: str) -> Tensor:
    """``(B, K)``: logits of several teachers as one.

    ``"mean"`` is the mean of their logits. ``"confidence"`` weights teacher m of M for each image
    by (1 − softmax_m(CE_m)) / (M − 1), CE_m its cross-entropy with the label (Zhang et al.,
    "Confidence-Aware Multi-Teacher Knowledge Distillation", ICASSP 2022, equation 3).

    Args:
        logits: ``(B, K)`` of each teacher, at least one.
        labels: ``(B,)`` int64.
        how: ``"mean"`` or ``"confidence"``.
    """
    if len(logits) == 1:
        return logits[0]
    every = torch.stack(list(logits))
    if how == "mean":
        return every.mean(dim=0)
    doubt = torch.stack([F.cross_entropy(each, labels, reduction="none") for each in logits])
    weights = (1.0 - doubt.softmax(dim=0)) / (len(logits) - 1)
    return (weights.unsqueeze(2) * every).sum(dim=0)


def check_losses(recipe: Recipe, teachers: Sequence[Teacher]) -> None:
    """Refuse losses on logits where a teacher has features alone.

    Raises:
        InvalidInput: naming teacher and loss, and the losses that it can teach with.
    """
    silent = next((each.name for each in teachers if each.num_classes is None), None)
    on_logits = [name for name in _terms(recipe) if LOSSES.get(name).of_logits]
    if silent is not None and on_logits:
        on_features = [loss.name for loss in LOSSES if loss.of_features]
        raise InvalidInput(
            f"teacher {silent!r} has features alone, and the loss {on_logits[0]!r} compares "
            f"logits; name losses on features ({', '.join(on_features)}) with --losses or "
            "--try-losses, such as at=1000"
        )


def _terms(recipe: Recipe) -> dict[str, float]:
    """Losses of a recipe that weigh something."""
    return {name: weight for name, weight in recipe.terms.items() if weight > 0}


class TrainingLoss(nn.Module):
    """The loss of a training, with the adapters that are trained for its sake.

    Args:
        recipe: Names the losses and their weights.
        student: The network to be trained.
        teachers: Its teachers' networks, as many as there are; empty for labels alone.
        images: ``(1, C, H, W)``: what the student sees, to find the shapes of stages.
        teacher_images: The same as each teacher sees it.
        seed: Of the adapters' initial weights.
    """

    def __init__(
        self,
        recipe: Recipe,
        student: nn.Module,
        teachers: Sequence[StagedNetwork],
        *,
        images: Tensor,
        teacher_images: Sequence[Tensor],
        seed: int,
    ) -> None:
        super().__init__()
        self.recipe = recipe
        named = _terms(recipe).items() if teachers else []
        terms = [(LOSSES.get(name), weight) for name, weight in named]
        self.of_logits = [(loss, weight) for loss, weight in terms if loss.of_logits]
        self.of_features = [(loss, weight) for loss, weight in terms if loss.of_features]
        self.adapters = nn.ModuleDict()
        self.pairs: list[list[tuple[int, int]]] = []
        if self.of_features:
            if not isinstance(student, StagedNetwork):
                raise TypeError("losses on features need a student that shows its stages")
            mine = stage_shapes(student, images)
            for number, (teacher, seen) in enumerate(zip(teachers, teacher_images, strict=True)):
                theirs = stage_shapes(teacher, seen)
                self.pairs.append(stage_pairs(len(mine), len(theirs)))
                for loss in (loss for loss, _ in self.of_features if loss.adapted):
                    own = derive_seed(seed, "adapters", loss.name, number)
                    self.adapters[f"{loss.name}-{number}"] = Adapters(mine, theirs, own)

    @property
    def needs_stages(self) -> bool:
        """Whether a loss looks at features."""
        return bool(self.of_features)

    def forward(self, student: Outputs, teachers: Sequence[Outputs], labels: Labels) -> Tensor:
        """The loss, a scalar."""
        recipe = self.recipe
        hard = recipe.ce_weight if teachers else 1.0
        total: Tensor | None = None
        if self.of_logits:
            theirs = combined([t.logits for t in teachers], labels.first, recipe.teacher_weights)
            for loss, weight in self.of_logits:
                total = _sum(total, self._logit_term(loss, weight, student.logits, theirs, labels))
        for loss, weight in self.of_features:
            total = _sum(total, weight * self._feature_term(loss, student, teachers))
        if hard > 0 or total is None:
            entropy = labels.cross_entropy(student.logits, recipe.label_smoothing)
            total = _sum(total, hard * entropy)
        return total

    def _logit_term(
        self, loss: Loss, weight: float, student: Tensor, teacher: Tensor, labels: Labels
    ) -> Tensor:
        temperature = self.recipe.temperature
        if loss.of_logits is None:
            raise TypeError(f"{loss.name} is no loss on logits")
        value = loss.of_logits(student, teacher, labels.first, temperature)
        return weight * value if self.recipe.hinton_scaling else weight / temperature**2 * value

    def _feature_term(self, loss: Loss, student: Outputs, teachers: Sequence[Outputs]) -> Tensor:
        """Mean over the teachers of the mean over the matched stages."""
        if loss.of_features is None:
            raise TypeError(f"{loss.name} is no loss on features")
        values = []
        for number, (teacher, pairs) in enumerate(zip(teachers, self.pairs, strict=True)):
            mine = [student.stages[s] for s, _ in pairs]
            if loss.adapted:
                mine = self.adapters[f"{loss.name}-{number}"](student.stages)
            both = [(m, teacher.stages[t]) for m, (_, t) in zip(mine, pairs, strict=True)]
            both = both[-1:] if loss.stages == "last" else both
            values.append(torch.stack([loss.of_features(m, t) for m, t in both]).mean())
        return torch.stack(values).mean()


def _sum(total: Tensor | None, term: Tensor) -> Tensor:
    return term if total is None else total + term
