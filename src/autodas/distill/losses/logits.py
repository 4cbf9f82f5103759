"""Losses on logits. All take ``(B, K)`` logits of student and teacher, and give a scalar."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["decoupled_loss", "relation_loss", "soft_target_loss"]

ALPHA, BETA = 1.0, 8.0  # Zhao et al., table 12: weights of target and other classes


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


def decoupled_loss(
    student: Tensor,
    teacher: Tensor,
    labels: Tensor,
    temperature: float,
    *,
    alpha: float = ALPHA,
    beta: float = BETA,
) -> Tensor:
    """DKD: T² · (α · TCKD + β · NCKD), averaged over the batch.

    TCKD = KL(b_t ‖ b_s) of the binary distributions (p, 1 − p) of the labelled class, and NCKD =
    KL(p̂_t ‖ p̂_s) of the softmax over all other classes (Zhao et al., "Decoupled Knowledge
    Distillation", CVPR 2022, equations 3 to 7). KD is TCKD + (1 − p_t) · NCKD.

    Args:
        student: ``(B, K)`` logits, K ≥ 2.
        teacher: ``(B, K)`` logits.
        labels: ``(B,)`` int64.
        temperature: T > 0.
        alpha: Weight of TCKD.
        beta: Weight of NCKD.
    """
    mine, theirs = (_decoupled(z / temperature, labels) for z in (student, teacher))
    target = F.kl_div(mine[0], theirs[0], reduction="batchmean", log_target=True)
    others = F.kl_div(mine[1], theirs[1], reduction="batchmean", log_target=True)
    return (alpha * target + beta * others) * temperature**2


def _decoupled(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """``(B, 2)`` log (p, 1 − p) of the labelled class, ``(B, K − 1)`` log softmax of the others."""
    count, classes = logits.shape
    is_target = F.one_hot(labels, classes).bool()
    others = logits[~is_target].view(count, classes - 1)
    # In logarithms throughout: 1 − p would round to 0 for a confident teacher.
    both = torch.stack([logits[is_target], others.logsumexp(dim=1)], dim=1)
    return F.log_softmax(both, dim=1), F.log_softmax(others, dim=1)


def relation_loss(
    student: Tensor, teacher: Tensor, temperature: float, *, inter: float = 1.0, intra: float = 1.0
) -> Tensor:
    """DIST: T² · (β · mean_i (1 − ρ(rows i)) + γ · mean_k (1 − ρ(columns k))).

    ρ is Pearson's correlation of the probabilities softmax(z / T): between classes for each image
    (inter) and between images for each class (intra) (Huang et al., "Knowledge Distillation from
    A Stronger Teacher", NeurIPS 2022, equations 6 to 10). The factor T² is that of the soft
    targets.

    Args:
        student: ``(B, K)`` logits, B ≥ 2 and K ≥ 2.
        teacher: ``(B, K)`` logits.
        temperature: T > 0.
        inter: β.
        intra: γ.
    """
    mine, theirs = (F.softmax(z / temperature, dim=1) for z in (student, teacher))
    rows = (1.0 - _pearson(mine, theirs)).mean()
    columns = (1.0 - _pearson(mine.T, theirs.T)).mean()
    return (inter * rows + intra * columns) * temperature**2


def _pearson(a: Tensor, b: Tensor) -> Tensor:
    """Correlation of each row of ``a`` with the same row of ``b``; 0 for a constant row."""
    a, b = (x - x.mean(dim=1, keepdim=True) for x in (a, b))
    return F.cosine_similarity(a, b, dim=1, eps=1e-8)
