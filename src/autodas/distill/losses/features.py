"""Losses on the features of one stage of the student and the matching one of the teacher.

Features are ``(B, C, H, W)`` maps or ``(B, N, D)`` tokens, whatever the network; see
:mod:`autodas.distill.losses.stages` for how the two are brought together.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from autodas.distill.losses.stages import as_map, pooled, same_size

__all__ = [
    "attention_transfer",
    "channel_correlation",
    "hint_loss",
    "relational_loss",
    "similarity_loss",
]

EPS = 1e-12


def attention_transfer(student: Tensor, teacher: Tensor) -> Tensor:
    """AT: ‖Q_s / ‖Q_s‖ − Q_t / ‖Q_t‖‖² / (H · W), averaged over the batch.

    Q = vec(Σ_c A_c²) is the map of squared activations summed over channels (Zagoruyko &
    Komodakis, "Paying More Attention to Attention", ICLR 2017, equation 2 with p = 2 and the
    squared norm of the authors' implementation, divided by the number of positions). Channels
    need not agree; of two sizes the larger map is averaged down to the smaller.

    Args:
        student: Features of the student.
        teacher: Features of the teacher.
    """
    mine, theirs = same_size(as_map(student).square(), as_map(teacher).square())
    maps = [F.normalize(x.sum(dim=1).flatten(1), dim=1, eps=EPS) for x in (mine, theirs)]
    return (maps[0] - maps[1]).square().mean()


def similarity_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """SP: ‖G_t − G_s‖²_F / B².

    G is Q Qᵀ with rows of unit length, Q ``(B, C·H·W)`` the flattened features: which images of
    the batch are alike (Tung & Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019,
    equations 1 to 4). Nothing needs to agree but the batch.

    Args:
        student: Features of the student.
        teacher: Features of the teacher.
    """
    grams = [F.normalize(x.flatten(1) @ x.flatten(1).T, dim=1, eps=EPS) for x in (student, teacher)]
    return (grams[0] - grams[1]).square().mean()


def relational_loss(
    student: Tensor, teacher: Tensor, *, distance: float = 1.0, angle: float = 2.0
) -> Tensor:
    """RKD: distance · L_D + angle · L_A, Huber losses (δ = 1) over all pairs and all triplets.

    L_D compares the distances of all pairs of embeddings, each divided by their mean over pairs;
    L_A compares the cosines of the angles of all triplets (Park et al., "Relational Knowledge
    Distillation", CVPR 2019, equations 4 to 9; the ratio 1 : 2 is theirs). The embedding is the
    mean over positions. Memory grows with B³.

    Args:
        student: Features of the student.
        teacher: Features of the teacher.
        distance: Weight of L_D.
        angle: Weight of L_A.
    """
    mine, theirs = pooled(student), pooled(teacher)
    pairs = F.smooth_l1_loss(_distances(mine), _distances(theirs))
    return distance * pairs + angle * F.smooth_l1_loss(_angles(mine), _angles(theirs))


def _distances(x: Tensor) -> Tensor:
    """``(B, B)`` Euclidean distances, divided by the mean of those between different images."""
    squared = (x.unsqueeze(0) - x.unsqueeze(1)).square().sum(dim=2)
    # The root of zero has no gradient; the diagonal stays zero without one.
    apart = squared > 0
    distances = torch.where(apart, squared.clamp_min(EPS).sqrt(), torch.zeros_like(squared))
    return distances / (distances.sum() / max(1, len(x) * (len(x) - 1))).clamp_min(EPS)


def _angles(x: Tensor) -> Tensor:
    """``(B, B, B)``: cosine of the angle at image j between images i and k, at [j, i, k]."""
    directions = F.normalize(x.unsqueeze(0) - x.unsqueeze(1), dim=2, eps=EPS)
    return torch.bmm(directions, directions.transpose(1, 2))


def hint_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """FitNet: ½ (r(u_s) − u_t)², averaged over all elements.

    Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015, equation 3; the regressor r is
    the adapter, a 1×1 convolution that is trained with the student.

    Args:
        student: Features of the student behind its adapter, ``(B, C_t, H, W)``.
        teacher: Features of the teacher.
    """
    mine, theirs = same_size(as_map(student), as_map(teacher))
    return 0.5 * (mine - theirs).square().mean()


def channel_correlation(student: Tensor, teacher: Tensor) -> Tensor:
    """ICKD: ‖G_t − G_s‖²_F / C_t², averaged over the batch.

    G ``(C, C)`` holds the inner products of the channels of one image, each channel flattened and
    of unit length (Liu et al., "Exploring Inter-Channel Correlation for Diversity-preserved
    Knowledge Distillation", ICCV 2021, equations 1 to 4). The adapter brings the student to the
    teacher's number of channels; sizes need not agree.

    Args:
        student: Features of the student behind its adapter, ``(B, C_t, H, W)``.
        teacher: Features of the teacher.
    """
    grams = []
    for features in (student, teacher):
        channels = F.normalize(as_map(features).flatten(2), dim=2, eps=EPS)
        grams.append(channels @ channels.transpose(1, 2))
    return (grams[0] - grams[1]).square().mean()
