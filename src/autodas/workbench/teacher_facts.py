"""What is known of a teacher without training a student: how right it is, how sure, what it costs.

All of it is measured on the validation part of the training images, and what is said of features on
all of these images. A teacher that was trained on them looks better there than it is; the accuracy
that is stated for it stands beside.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autodas.data import ImageData, load_data
from autodas.data.validation import for_choosing
from autodas.distill.calibration import calibrated_losses
from autodas.distill.evaluation import calibration_error
from autodas.distill.shifted_views import predict
from autodas.distill.short import teacher_answers
from autodas.distill.teacher_logits import evaluating
from autodas.networks import count
from autodas.statistics.passes.views import vectors
from autodas.teachers import Teacher, at_native_size, load_teacher, matched, native_size
from autodas.workbench.teacher_features import NeuralCollapse, collapse, h_score, log_me
from autodas.workbench.ways import Way, in_words

__all__ = ["TeacherFacts", "facts_of", "margin", "non_target_entropy"]


@dataclass(frozen=True)
class TeacherFacts:
    """What a way to teach is known for.

    Attributes:
        teacher: In words.
        stated: Accuracy that is stated for it, in percent, on whatever test images; None if none
            is, and of several teachers.
        images: Of the validation part.
        accuracy: On it, in percent; of several teachers that of their mean logits.
        ece: Expected calibration error there, in percent.
        calibrated_cross_entropy: There, in nats, at the temperature T ≥ 1 that suits it best.
        entropy: Of the probabilities of the wrong classes at the recipe's temperature, in nats, in
            [0, ln(K − 1)]: how much it says of which mistakes are near.
        margin: Probability of the right class less that of the likeliest other, mean over images.
        log_me: Of its features, as of :func:`autodas.workbench.teacher_features.log_me`; of several
            teachers this and the following are means over them.
        h_score: The same.
        ncti_spread: The same, a term of :class:`autodas.workbench.teacher_features.NeuralCollapse`.
        ncti_fit: The same.
        ncti_variety: The same.
        params: Of all its networks.
        macs: Multiply-accumulates of all its networks for one image.
    """

    teacher: str
    stated: float | None
    images: int
    accuracy: float
    ece: float
    calibrated_cross_entropy: float
    entropy: float
    margin: float
    log_me: float
    h_score: float
    ncti_spread: float
    ncti_fit: float
    ncti_variety: float
    params: int
    macs: int

    @property
    def collapse(self) -> NeuralCollapse:
        """The terms of NCTI, which means something among candidates only."""
        return NeuralCollapse(self.ncti_spread, self.ncti_fit, self.ncti_variety)

    def to_json(self) -> dict[str, Any]:
        """Plain values, rounded so that the last bits of a sum do not show."""
        return {
            name: round(value, 6) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


@lru_cache(maxsize=64)
def facts_of(way: Way, data: str, temperature: float) -> TeacherFacts:
    """What is known of one teacher or several.

    Args:
        way: At least one teacher.
        data: Name of the data set of the students.
        temperature: Of the soft targets.

    Raises:
        InvalidInput: a teacher knows other classes or channels, or the images are too few for a
            validation part.
    """
    teachers = [load_teacher(name) for name in way]
    parts = for_choosing(load_data(data))
    logits, labels = teacher_answers(teachers, parts), parts.test_labels
    costs = [_cost(each, parts) for each in teachers]
    return TeacherFacts(
        teacher=in_words(way),
        stated=teachers[0].accuracy if len(teachers) == 1 else None,
        images=len(labels),
        accuracy=100.0 * float((logits.argmax(dim=1) == labels).double().mean()),
        ece=100.0 * calibration_error(logits, labels),
        calibrated_cross_entropy=float(calibrated_losses(logits, labels).mean()),
        entropy=non_target_entropy(logits, labels, temperature),
        margin=margin(logits, labels),
        **_of_features(teachers, load_data(data)),
        params=sum(params for params, _ in costs),
        macs=sum(macs for _, macs in costs),
    )


def non_target_entropy(logits: Tensor, labels: Tensor, temperature: float) -> float:
    """Mean entropy of the softened probabilities of the wrong classes among themselves, in nats.

    It is what the second term of decoupled distillation passes on (Zhao et al., "Decoupled
    Knowledge Distillation", CVPR 2022).

    Args:
        logits: ``(M, K)``, K ≥ 2.
        labels: ``(M,)`` int64.
        temperature: Above 0.
    """
    softened = logits.double() / temperature
    wrong = softened.scatter(1, labels.unsqueeze(1), -math.inf).log_softmax(dim=1)
    return float(-(wrong.exp() * wrong.clamp(min=-1e9)).sum(dim=1).mean())


def margin(logits: Tensor, labels: Tensor) -> float:
    """Mean probability of the right class less that of the likeliest other, in [−1, 1].

    Args:
        logits: ``(M, K)``, K ≥ 2.
        labels: ``(M,)`` int64.
    """
    chances = logits.double().softmax(dim=1)
    right = chances.gather(1, labels.unsqueeze(1)).squeeze(1)
    others = chances.scatter(1, labels.unsqueeze(1), -math.inf).amax(dim=1)
    return float((right - others).mean())


def _of_features(teachers: Sequence[Teacher], data: ImageData) -> dict[str, float]:
    """Means over teachers of what is said of their features on the training images."""
    labels = data.train_labels.numpy()
    found = []
    for teacher in teachers:
        features = _features(teacher, data)
        terms = collapse(features, labels)
        found.append((log_me(features, labels), h_score(features, labels), *terms))
    names = ("log_me", "h_score", "ncti_spread", "ncti_fit", "ncti_variety")
    return dict(zip(names, map(float, np.mean(found, axis=0)), strict=True))


def _features(teacher: Teacher, data: ImageData) -> npt.NDArray[np.float64]:
    """``(N, D)`` what the last layer sees of the training images."""
    network = matched(teacher, data).network
    seen: list[Tensor] = []
    hook = network.classifier.register_forward_pre_hook(
        lambda _, inputs: seen.append(vectors(inputs[0].detach()))
    )
    try:
        with evaluating([network]):
            predict(
                network,
                data.train_images,
                lambda images: at_native_size(network, data.ready(images)),
            )
    finally:
        hook.remove()
    return torch.cat(seen).double().numpy(force=True)


def _cost(teacher: Teacher, data: ImageData) -> tuple[int, int]:
    """Parameters and MACs for one image of the data, in the size that the network takes."""
    side = native_size(teacher.network) or data.input_shape[1:]
    network = copy.deepcopy(teacher.network)
    image = torch.zeros(1, data.input_shape[0], *side)
    params = sum(parameter.numel() for parameter in network.parameters())
    return params, count(network, image).macs
