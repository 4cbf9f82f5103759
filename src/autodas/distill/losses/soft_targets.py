"""What a student is trained on: the labels, and the teacher's opinion."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

__all__ = ["distillation_loss", "soft_target_loss"]


def soft_target_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T² · KL(softmax(teacher / T) ‖ softmax(student / T)), averaged over the batch.

    The factor T² keeps the size of the gradient independent of the temperature (Hinton,
    Vinyals & Dean, 2015, section 2). For large T it tends to half the mean squared difference of
    the centred logits, summed over classes and divided by K.

    Args:
        student: ``(B, K)`` logits.
        teacher: ``(B, K)`` logits.
        temperature: T > 0.
    """
    divergence = F.kl_div(
        F.log_softmax(student / temperature, dim=1),
        F.log_softmax(teacher / temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return divergence * temperature**2


def distillation_loss(
    student: Tensor,
    teacher: Tensor | None,
    labels: Tensor,
    *,
    temperature: float = 4.0,
    kd_weight: float = 0.9,
    ce_weight: float = 0.1,
) -> Tensor:
    """``ce_weight`` · cross-entropy + ``kd_weight`` · soft-target loss.

    Without a teacher the loss is plain cross-entropy of weight 1.

    Args:
        student: ``(B, K)`` logits.
        teacher: ``(B, K)`` logits, or None.
        labels: ``(B,)`` int64.
        temperature: T > 0.
        kd_weight: Weight of the teacher's opinion, at least 0.
        ce_weight: Weight of the labels, at least 0.
    """
    if teacher is None:
        return F.cross_entropy(student, labels)
    loss = kd_weight * soft_target_loss(student, teacher, temperature)
    if ce_weight > 0:
        loss = loss + ce_weight * F.cross_entropy(student, labels)
    return loss
