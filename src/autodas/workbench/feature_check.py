"""Teachers that are known by their features alone: what can be checked, and what they can teach.

Nothing says whether such a teacher knows the classes. What can be seen is whether its features are
finite, and whether they differ from image to image.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from autodas.data import ImageData
from autodas.distill import Recipe
from autodas.distill.training_loss import check_losses
from autodas.statistics.passes.views import vectors
from autodas.teachers import Teacher, at_native_size, load_teacher

__all__ = ["FeatureCheck", "check_taught", "checked_features", "only_features"]

IMAGES = 64
LEAST_SPREAD = 1e-6  # less is what rounding leaves of features that are all the same


@dataclass(frozen=True)
class FeatureCheck:
    """What the features of a teacher are like.

    Attributes:
        teacher: Its name.
        data: The data set's.
        images: How many training images it was shown, n.
        stages: How many stages it has.
        broken: Number of the first stage that is not finite, from 1; None if all are.
        spread: Variance of the last stage's features, means over positions, between images over
            their mean square, in [0, 1].
    """

    teacher: str
    data: str
    images: int
    stages: int
    broken: int | None
    spread: float

    @property
    def usable(self) -> bool:
        """Whether it may teach."""
        return self.broken is None and self.spread >= LEAST_SPREAD

    @property
    def sentence(self) -> str:
        """What was found, for people."""
        found = (
            f"The teacher {self.teacher} has features alone, at {self.stages} stages; on "
            f"{self.images} training images "
        )
        if not self.usable:
            return f"{found}{self._problem}, and it is used all the same."
        return f"{found}they are finite and differ ({self.spread:.0%} of their mean square)."

    @property
    def complaint(self) -> str:
        """Why it is refused, and what would be accepted."""
        return (
            f"teacher {self.teacher!r} has features alone, and on {self.images} training images of "
            f"{self.data!r} {self._problem}: it may see images that are normalised otherwise than "
            "those of its training, or have lost its weights; take it as it is with --any-teacher"
        )

    @property
    def _problem(self) -> str:
        if self.broken is not None:
            return f"those of stage {self.broken} of {self.stages} are not finite"
        return "they are the same for all images"

    def to_json(self) -> dict[str, Any]:
        """Plain values, and the sentence."""
        return {**asdict(self), "sentence": self.sentence}


def only_features(names: Iterable[str]) -> list[str]:
    """Those of the teachers that have features alone."""
    return [name for name in names if load_teacher(name).num_classes is None]


def check_taught(recipe: Recipe, names: Iterable[str]) -> None:
    """Refuse a recipe with losses that one of the teachers called ``names`` cannot teach.

    Raises:
        InvalidInput: it compares logits, and the teacher has none.
    """
    check_losses(recipe, [load_teacher(name) for name in names])


def checked_features(teacher: Teacher, data: ImageData) -> FeatureCheck:
    """Look at the features of a teacher that fits the data.

    Args:
        teacher: As of :func:`autodas.teachers.fitted`.
        data: Of whose training images some are shown to it, every so many.
    """
    step = max(1, len(data.train_labels) // IMAGES)
    chosen = torch.arange(len(data.train_labels))[::step][:IMAGES]
    images = data.ready(data.train_images[chosen])
    with torch.inference_mode():
        stages, _ = teacher.network.forward_stages(at_native_size(teacher.network, images))
    broken = [i for i, stage in enumerate(stages, start=1) if not stage.isfinite().all()]
    return FeatureCheck(
        teacher=teacher.name,
        data=data.name,
        images=len(chosen),
        stages=len(stages),
        broken=broken[0] if broken else None,
        spread=0.0 if broken else _spread(vectors(stages[-1])),
    )


def _spread(features: Tensor) -> float:
    """Variance of (n, D) features between images over their mean square; 0 of zeros."""
    wide = features.double()
    square = float(wide.square().mean())
    return float(wide.var(0, correction=0).mean()) / square if square else 0.0
