"""Short trainings: the whole schedule of a recipe in a fraction of its steps.

A schedule is shrunk and never cut: until the learning rate falls, accuracies say little of where
they will end, and afterwards almost everything (docs/choosing.md shows it on public curves).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import torch
from torch import Tensor, nn

from autodas.core.errors import InvalidInput
from autodas.data import ImageData
from autodas.data.validation import for_choosing, stratified
from autodas.distill.losses.logits import soft_target_loss
from autodas.distill.recipe import Recipe
from autodas.distill.shifted_views import predict
from autodas.distill.teacher_logits import evaluating
from autodas.teachers import Teacher, at_native_size, matched

__all__ = [
    "Pace",
    "agreement",
    "image_logits",
    "kd_loss",
    "pace_of",
    "short_training",
    "teacher_answers",
]

LENGTHS = 4  # lengths of an epoch that are tried, to come near the wanted number of steps


@dataclass(frozen=True)
class Pace:
    """How a short training spends its steps.

    Attributes:
        epochs: Passes over its images.
        batches: Optimiser steps of each.
        images: Training images that it takes.
        cost: Its steps as a share of those of a full training.
    """

    epochs: int
    batches: int
    images: int
    cost: Fraction


def pace_of(recipe: Recipe, fidelity: Fraction, *, fitting: int, images: int) -> Pace:
    """A pace whose steps come near to ``fidelity`` times those of a full training.

    Args:
        recipe: Of the full training.
        fidelity: In (0, 1].
        fitting: Images that may be trained on, at least 1: the validation part is not among them.
        images: Training images of the full training.

    Raises:
        InvalidInput: the fidelity is out of its range.
    """
    if not 0 < fidelity <= 1:
        raise InvalidInput(f"a rung is a fraction of a training in (0, 1], got {fidelity}")
    full = recipe.epochs * math.ceil(images / recipe.batch_size)
    most = math.ceil(fitting / recipe.batch_size)
    wanted = max(1, round(fidelity * full))
    least = math.ceil(wanted / most)
    tries = [(n, max(1, round(wanted / n))) for n in range(least, least + LENGTHS)]
    epochs, batches = min(tries, key=lambda pair: (abs(pair[0] * pair[1] - wanted), pair))
    count = min(fitting, batches * recipe.batch_size)
    return Pace(epochs, batches, count, Fraction(epochs * batches, full))


@lru_cache(maxsize=32)
def short_training(
    data: ImageData, recipe: Recipe, fidelity: Fraction
) -> tuple[ImageData, Recipe, Pace]:
    """What a training on data and recipe becomes at a fidelity: its images, its recipe, its pace.

    The images are those of :func:`autodas.data.validation.for_choosing`: what was the test part is
    not among them, the validation part takes its place. Where an epoch takes fewer than there are,
    they are always the same ones, stratified, so that all candidates are judged alike. Warm-up and
    decay of the learning rate are shares of the steps and shrink with them.

    Raises:
        InvalidInput: the fidelity is out of its range, or there are too few images to cut a
            validation part.
    """
    parts = for_choosing(data)
    labels = parts.train_labels
    pace = pace_of(recipe, fidelity, fitting=len(labels), images=len(data.train_labels))
    chosen = stratified(labels, pace.images, 0, "short training")
    part = parts.with_parts(chosen, (parts.test_images, parts.test_labels))
    return part, recipe.changed(epochs=pace.epochs), pace


def image_logits(network: nn.Module, data: ImageData) -> Tensor:
    """``(M, K)`` logits for the images of the second part, on the CPU."""
    with evaluating([network]):
        return predict(network, data.test_images, data.ready).cpu().float()


def kd_loss(
    network: nn.Module, teachers: Sequence[Teacher], data: ImageData, temperature: float
) -> float:
    """Distance of a student from its teachers on the second part: T² · KL of the soft targets.

    Of several teachers, to the mean of their logits. It is comparable between students of the same
    teachers only: it carries the scale of theirs.
    """
    mine = image_logits(network, data)
    return float(soft_target_loss(mine, teacher_answers(teachers, data), temperature))


def agreement(network: nn.Module, teachers: Sequence[Teacher], data: ImageData) -> float:
    """Percentage of the second part's images that student and teachers take for the same class.

    Of several teachers, the class is that of the mean of their logits.
    """
    mine = image_logits(network, data).argmax(dim=1)
    return 100 * float((mine == teacher_answers(teachers, data).argmax(dim=1)).double().mean())


def teacher_answers(teachers: Sequence[Teacher], data: ImageData) -> Tensor:
    """``(M, K)`` mean of the logits of one or several teachers for the second part, on the CPU.

    Raises:
        InvalidInput: one has another number of classes or channels than the data.
    """
    return torch.stack([_judged_logits(each, data) for each in teachers]).mean(dim=0)


@lru_cache(maxsize=8)
def _judged_logits(teacher: Teacher, data: ImageData) -> Tensor:
    """``(M, K)`` logits of a teacher for the second part; kept for the next student."""
    suited = matched(teacher, data).network

    def ready(images: Tensor) -> Tensor:
        return at_native_size(suited, data.ready(images))

    with evaluating([suited]):
        return predict(suited, data.test_images, ready).float()
