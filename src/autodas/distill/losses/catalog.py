"""All losses between a student and a teacher, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from autodas.core.catalog import Catalog
from autodas.distill.losses.features import (
    attention_transfer,
    channel_correlation,
    hint_loss,
    relational_loss,
    similarity_loss,
)
from autodas.distill.losses.logits import decoupled_loss, relation_loss, soft_target_loss

__all__ = ["LOSSES", "Loss"]


@dataclass(frozen=True)
class Loss:
    """One way to say how far a student is from its teacher.

    Attributes:
        name: What recipes call it.
        description: One line: formula and source. The function says more.
        of_logits: For a loss on logits, from student, teacher, labels and temperature.
        of_features: For a loss on features, from one stage of the student and of the teacher.
        stages: Which matched stages of_features sees: all of them, of which the mean is taken,
            or the last.
        adapted: Whether the student's features pass a trainable 1×1 convolution to the teacher's
            channels first.
        definition: The function whose docstring defines it.
    """

    name: str
    description: str
    definition: Callable[..., Tensor]
    of_logits: Callable[[Tensor, Tensor, Tensor, float], Tensor] | None = None
    of_features: Callable[[Tensor, Tensor], Tensor] | None = None
    stages: Literal["all", "last"] = "all"
    adapted: bool = False

    def __call__(self, *arguments: object, **options: object) -> Tensor:
        """The loss itself; see its definition."""
        return self.definition(*arguments, **options)


LOSSES: Catalog[Loss] = Catalog("loss")
for _loss in (
    Loss(
        "kd",
        "soft targets: T² KL(softmax(t / T) ‖ softmax(s / T)) (Hinton et al., 2015)",
        soft_target_loss,
        of_logits=lambda s, t, _, temperature: soft_target_loss(s, t, temperature),
    ),
    Loss(
        "dkd",
        "soft targets with labelled and other classes apart, 1 : 8 (Zhao et al., 2022)",
        decoupled_loss,
        of_logits=decoupled_loss,
    ),
    Loss(
        "dist",
        "1 − correlation of probabilities, by image and by class (Huang et al., 2022)",
        relation_loss,
        of_logits=lambda s, t, _, temperature: relation_loss(s, t, temperature),
    ),
    Loss(
        "at",
        "distance of the normalised maps of squared activations (Zagoruyko & Komodakis, 2017)",
        attention_transfer,
        of_features=attention_transfer,
    ),
    Loss(
        "sp",
        "distance of the normalised similarities of the batch (Tung & Mori, 2019)",
        similarity_loss,
        of_features=similarity_loss,
    ),
    Loss(
        "rkd",
        "distances of pairs and angles of triplets of embeddings, 1 : 2 (Park et al., 2019)",
        relational_loss,
        of_features=relational_loss,
        stages="last",
    ),
    Loss(
        "fitnet",
        "half the squared difference behind a 1×1 convolution (Romero et al., 2015)",
        hint_loss,
        of_features=hint_loss,
        adapted=True,
    ),
    Loss(
        "ickd",
        "distance of the correlations of channels behind a 1×1 convolution (Liu et al., 2021)",
        channel_correlation,
        of_features=channel_correlation,
        adapted=True,
    ),
):
    LOSSES.add(_loss.name, _loss)
