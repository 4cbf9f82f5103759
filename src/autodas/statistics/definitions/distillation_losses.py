"""Losses of knowledge distillation, as distances between an untrained student and its teacher.

Losses on features want equal shapes. Here everything is compared through objects that have the
same shape for all architectures (B × B matrices, 4 × 4 maps), and where channels themselves are
compared, the larger side is averaged down to the smaller: nothing is learnt or drawn.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from autodas.statistics.need import Unmeasurable
from autodas.statistics.passes import views
from autodas.statistics.passes.probe import Probe
from autodas.statistics.side_by_side import (
    both_logits,
    classifier_comparison,
    compare,
    comparison,
    stage_comparison,
    teacher_views,
)

TINY = 1e-12
GAMMA, ORDER = 0.4, 2  # of correlation congruence's Gaussian kernel and its Taylor series
ANCHORS = 16  # samples whose angles are held in memory at a time
KEPT = 64  # samples of batches whose angles are all kept, for the next one to compare with


@stage_comparison(reference="Romero et al., ICLR 2015 (FitNets), eq. 3")
def hint_distance(probe: Probe) -> list[float]:
    """Mean squared difference of features at every stage, averaged to the smaller shape."""
    teacher = teacher_views(probe, views.spatial)
    pairs = zip(probe.viewed(views.spatial), teacher, strict=True)
    return [float(F.mse_loss(*smaller(student, other))) for student, other in pairs]


@stage_comparison(reference="Peng et al., ICCV 2019 (CCKD), eqs. 3 and 10")
def congruence_distance(probe: Probe) -> list[float]:
    """Mean squared difference of Gaussian kernels of the samples at every stage."""
    return compare(
        probe,
        views.sample_gram,
        lambda s, t: (s - t).square().mean((1, 2)),
        _congruence,
    )


@stage_comparison(reference="Park et al., CVPR 2019 (RKD), eqs. 5 to 7")
def pair_distance(probe: Probe) -> list[float]:
    """Huber distance of the samples' distances over their mean, at every stage."""
    return compare(
        probe,
        views.centred_gram,
        lambda s, t: F.smooth_l1_loss(s, t, reduction="none").mean((1, 2)),
        _spread,
    )


@stage_comparison(reference="Park et al., CVPR 2019 (RKD), eqs. 8 and 9")
def triplet_distance(probe: Probe) -> list[float]:
    """Huber distance of the cosines of the angles in all triplets of samples, at every stage."""
    if len(probe.images) > KEPT:
        return compare(probe, views.centred_gram, _triplets)
    # Stage by stage, since putting so many numbers side by side would take longer than comparing.
    kept = (views.centred_gram, _all_angles)
    pairs = zip(probe.viewed(*kept), teacher_views(probe, *kept), strict=True)
    return [float(F.smooth_l1_loss(student, other)) for student, other in pairs]


@stage_comparison(reference="Passalis & Tefas, ECCV 2018 (PKT), eqs. 4 to 7")
def probability_distance(probe: Probe) -> list[float]:
    """Mean KL divergence of the samples' neighbourhood probabilities, teacher against student."""
    return compare(probe, views.sample_gram, _neighbour_kl, _neighbours)


@stage_comparison(reference="Huang & Wang, arXiv:1707.01219 (NST), eq. 7")
def selectivity_distance(probe: Probe) -> list[float]:
    """Squared maximum mean discrepancy of channels' 4 × 4 maps, polynomial kernel, per stage."""
    return compare(probe, views.selectivity, lambda s, t: (s - t).square().sum((2, 3)).mean(1))


@comparison(reference="Lee et al., ECCV 2018 (KD-SVD), eq. 6")
def factor_distance(probe: Probe) -> list[float]:
    """Mean squared difference of kernels between spatial singular vectors of adjacent stages."""
    student = torch.stack(probe.viewed(views.spatial_factors))
    teacher = torch.stack(teacher_views(probe, views.spatial_factors))
    if len(student) < 2:
        raise Unmeasurable("the network has no two stages")
    kept = (views.spatial_factors, _unit_columns)
    units = torch.stack(probe.viewed(*kept)), torch.stack(teacher_views(probe, *kept))
    cosines = units[0].transpose(2, 3) @ units[1]
    # For each of the teacher's vectors, the most similar one of the student, with its sign.
    chosen = cosines.abs().argmax(2, keepdim=True)
    signs = cosines.gather(2, chosen).sign()
    aligned = student.gather(3, chosen.expand(-1, -1, student.shape[2], -1)) * signs
    return [float((_between_stages(aligned) - _between_stages(teacher)).square().mean())]


@classifier_comparison(reference="Sun et al., ECCV 2024 (Auto-DAS), proxy for S0")
def pooled_kl(probe: Probe) -> list[float]:
    """100 c · KL at temperature 8 of sigmoid(relu(last features)), c their mean cosine."""
    s, t = (v.relu().sigmoid() for v in _pooled(probe))
    divergence = 64 * F.kl_div((s / 8).log_softmax(1), (t / 8).softmax(1), reduction="batchmean")
    return [100 * float(divergence * _column_cosine(s, t))]


@classifier_comparison(reference="Sun et al., ECCV 2024 (Auto-DAS), proxy for NAS-Bench-201")
def pooled_product(probe: Probe) -> list[float]:
    """100 c · mean product of softmax over samples of mish(last features)², c their mean cosine."""
    s, t = (F.mish(v).square().softmax(0) for v in _pooled(probe))
    return [100 * float((s * t).mean() * _column_cosine(s, t))]


@comparison(reference="Sun et al., ECCV 2024 (Auto-DAS), proxy for NAS-Bench-101")
def square_logit_distance(probe: Probe) -> list[float]:
    """100 c · mean |s² − t²| of the logits, c the mean cosine of the squares over samples."""
    s, t = (v.double().square() for v in both_logits(probe))
    return [100 * float((s - t).abs().mean() * _column_cosine(s, t))]


@comparison(reference="Sun et al., ECCV 2024 (Auto-DAS), proxy for AutoFormer and PiT")
def sample_softmax_kl(probe: Probe) -> list[float]:
    """Mean KL divergence over classes of softmax over samples of sigmoid(logits), in nats."""
    s, t = (v.double().sigmoid().softmax(0) for v in both_logits(probe))
    return [float(F.kl_div(s.log_softmax(1), t.softmax(1), reduction="batchmean"))]


def smaller(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two ``(B, …)`` tensors averaged to the smaller of both sizes along every further axis."""
    size = tuple(map(min, a.shape[1:], b.shape[1:]))
    return _averaged(a, size), _averaged(b, size)


def _averaged(value: Tensor, size: tuple[int, ...]) -> Tensor:
    if value.shape[1:] == size:
        return value
    if len(size) == 1:
        return F.adaptive_avg_pool1d(value, size[0])
    return F.adaptive_avg_pool3d(value[:, None], list(size))[:, 0]  # type: ignore[arg-type]


def _pooled(probe: Probe) -> tuple[Tensor, Tensor]:
    """``(B, D)`` what the classifiers of student and teacher see, D the smaller width."""
    return smaller(probe.classifier_input.double(), probe.teacher.classifier_input.double())


def _column_cosine(s: Tensor, t: Tensor) -> Tensor:
    return F.cosine_similarity(s, t, dim=0).mean()


def _cosines(grams: Tensor) -> Tensor:
    scale = grams.diagonal(dim1=1, dim2=2).clamp_min(TINY).sqrt()
    return grams / scale[:, :, None] / scale[:, None, :]


def _congruence(grams: Tensor) -> Tensor:
    """Taylor series of exp(−γ ‖x − y‖²) of samples scaled to length 1."""
    cosines, factor = _cosines(grams), math.exp(-2 * GAMMA)
    terms = [(2 * GAMMA) ** p / math.factorial(p) * cosines**p for p in range(ORDER + 1)]
    return factor * torch.stack(terms).sum(0)


def _distances(grams: Tensor) -> Tensor:
    squares = grams.diagonal(dim1=-2, dim2=-1)
    between = squares[..., :, None] + squares[..., None, :] - 2 * grams
    return between.clamp_min(0).sqrt()


def _spread(grams: Tensor) -> Tensor:
    distances = _distances(grams)
    pairs = max(1, grams.shape[1] * (grams.shape[1] - 1))
    return distances / (distances.sum((1, 2), keepdim=True) / pairs).clamp_min(TINY)


def _triplets(student: Tensor, teacher: Tensor) -> Tensor:
    batch, total = student.shape[1], student.new_zeros(len(student))
    for start in range(0, batch, ANCHORS):
        s, t = (_angles(grams, slice(start, start + ANCHORS)) for grams in (student, teacher))
        total += F.smooth_l1_loss(s, t, reduction="none").sum((1, 2, 3))
    return total / batch**3


def _all_angles(gram: Tensor) -> Tensor:
    """``(B, B, B)``: the angles at all samples of one stage."""
    return _angles(gram[None], slice(None))[0]


def _angles(grams: Tensor, anchors: slice) -> Tensor:
    """``(L, anchors, B, B)``: cosine of the angle at j between the directions to i and to k."""
    at, own = grams[:, anchors], grams.diagonal(dim1=1, dim2=2)[:, anchors]
    products = grams[:, None] - at[:, :, :, None] - at[:, :, None, :] + own[:, :, None, None]
    lengths = _distances(grams)[:, anchors]
    inverse = torch.where(lengths > 0, 1 / lengths, 0.0)  # a sample has no direction to itself
    return products * inverse[:, :, :, None] * inverse[:, :, None, :]


def _neighbours(grams: Tensor) -> Tensor:
    """How likely each sample is another's neighbour; rows sum to 1."""
    close = (_cosines(grams) + 1) / 2
    return close / close.sum(2, keepdim=True)


def _neighbour_kl(student: Tensor, teacher: Tensor) -> Tensor:
    return (teacher * ((teacher + TINY) / (student + TINY)).log()).sum(2).mean(1)


def _unit_columns(factors: Tensor) -> Tensor:
    return F.normalize(factors, dim=1)


def _between_stages(factors: Tensor) -> Tensor:
    """Radial basis kernel, entry by entry, of the factors of each stage and the one before."""
    after, before = factors[1:, :, :, :, None], factors[:-1, :, :, None, :]
    return (-(after - before).square() / 8).exp()
