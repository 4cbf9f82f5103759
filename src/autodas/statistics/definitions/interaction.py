"""Statistics of student and teacher together, and the teacher's own, per student stage.

Stages correspond by relative depth (:mod:`autodas.statistics.side_by_side`). All comparisons go
through objects whose shape does not depend on the architecture (B × B Grams, 4 × 4 attention
grids, K × K class Grams, logits), so a CNN can teach a transformer.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from autodas.statistics.catalog import statistic
from autodas.statistics.definitions.intrinsic import (
    ATTENTION_MAP,
    CLASS_GRAM,
    LOGITS,
    PROJECTED_GRAM,
    SAMPLE_GRAM,
)
from autodas.statistics.need import Unmeasurable
from autodas.statistics.passes import views
from autodas.statistics.passes.probe import Probe
from autodas.statistics.side_by_side import (
    FORWARD,
    both_logits,
    classifier_comparison,
    compare,
    comparison,
    stage_comparison,
    teacher_views,
)

TINY = 1e-12
ROUNDINGS = 16  # units in the last place, as sums of many products have them


# --- the teacher alone, one value per student stage ------------------------------------------


@statistic(SAMPLE_GRAM, needs=FORWARD, origin="teacher")
def teacher_sample_gram(probe: Probe) -> list[Tensor]:
    """B × B inner products of the samples' features at the teacher's corresponding stages."""
    return teacher_views(probe, views.sample_gram)


@statistic(PROJECTED_GRAM, needs=FORWARD, origin="teacher")
def teacher_projected_gram(probe: Probe) -> list[Tensor]:
    """16 × 16 second moments of the teacher's projected channels at corresponding stages."""
    return teacher_views(probe, views.projected_gram)


@statistic(ATTENTION_MAP, needs=FORWARD, origin="teacher")
def teacher_attention(probe: Probe) -> list[Tensor]:
    """B × 16 distributions of the teacher's activation energy at corresponding stages."""
    return teacher_views(probe, views.attention_map)


@statistic(LOGITS, origin="teacher")
def teacher_logits(probe: Probe) -> list[Tensor]:
    """B × K outputs of the teacher before the softmax."""
    return [probe.teacher.logits]


@statistic(CLASS_GRAM, origin="teacher", reference="Dong et al., CVPR 2023 (DisWOT)")
def teacher_class_gradient_gram(probe: Probe) -> list[Tensor]:
    """K × K inner products of the classes' rows in the teacher's last weight gradient."""
    gradient = _teacher_class_gradient(probe)
    return [gradient @ gradient.T]


# --- both together ----------------------------------------------------------------------------


@stage_comparison(version=2, reference="Kornblith et al., ICML 2019, eq. 4")
def cka(probe: Probe) -> list[float]:
    """Linear centred kernel alignment of the sample Grams at every stage, in [0, 1].

    A stage that tells no samples apart has 0.
    """
    return compare(probe, views.sample_gram, _cosine, _centred)


@stage_comparison()
def gram_cosine(probe: Probe) -> list[float]:
    """Cosine similarity of the sample Grams at every stage, without centring, in [−1, 1]."""
    return compare(probe, views.sample_gram, _cosine)


@stage_comparison(reference="Tung & Mori, ICCV 2019, eq. 4 (SP); DisWOT's relation similarity")
def gram_distance(probe: Probe) -> list[float]:
    """Mean squared distance of row-normalised sample Grams at every stage, in [0, 4 / B]."""
    return compare(probe, views.sample_gram, lambda s, t: (s - t).square().mean((1, 2)), _unit_rows)


@stage_comparison(
    version=2,
    reference="Kriegeskorte et al., Front. Syst. Neurosci. 2008 (representational similarity)",
)
def relation_correlation(probe: Probe) -> list[float]:
    """Pearson correlation of the samples' pairwise cosine similarities, in [−1, 1].

    A stage where all pairs are equally similar has 0.
    """
    return compare(probe, views.sample_gram, _cosine, _centred_relations)


@stage_comparison()
def channel_gram_distance(probe: Probe) -> list[float]:
    """Mean squared distance of normalised channel Grams after projection to 16, per stage."""
    return compare(probe, views.projected_gram, lambda s, t: (s - t).square().mean(1), _unit)


@stage_comparison()
def attention_cosine(probe: Probe) -> list[float]:
    """Mean cosine similarity of spatial attention maps at every stage, in [0, 1]."""
    return compare(
        probe, views.attention_map, lambda s, t: F.cosine_similarity(s, t, dim=2).mean(1)
    )


@stage_comparison()
def attention_kl(probe: Probe) -> list[float]:
    """Mean KL divergence of spatial attention, teacher against student, in nats, ≥ 0."""
    return compare(probe, views.attention_map, _kl)


@stage_comparison(reference="Zagoruyko & Komodakis, ICLR 2017, eq. 2 (AT)")
def attention_distance(probe: Probe) -> list[float]:
    """Mean distance of l2-normalised spatial attention maps at every stage, in [0, √2]."""
    return compare(probe, views.attention_map, lambda s, t: (s - t).norm(dim=2).mean(1), _unit_rows)


@comparison(reference="Hinton et al., 2015")
def logit_kl(probe: Probe) -> list[float]:
    """Mean KL divergence of the outputs, teacher against student, at temperature 1, in nats."""
    student, teacher = both_logits(probe)
    return [float(_kl(student.softmax(1), teacher.softmax(1)))]


@comparison(reference="Hinton et al., 2015")
def logit_kl_t4(probe: Probe) -> list[float]:
    """Mean KL divergence of the outputs, teacher against student, at temperature 4, times 16."""
    student, teacher = both_logits(probe)
    return [16 * float(_kl((student / 4).softmax(1), (teacher / 4).softmax(1)))]


@comparison()
def logit_cosine(probe: Probe) -> list[float]:
    """Mean cosine similarity of the outputs, each centred over classes, in [−1, 1]."""
    student, teacher = both_logits(probe)
    student = student - student.mean(1, keepdim=True)
    teacher = teacher - teacher.mean(1, keepdim=True)
    return [float(F.cosine_similarity(student, teacher, dim=1).mean())]


@classifier_comparison(reference="Dong et al., CVPR 2023 (DisWOT), semantic similarity")
def class_gradient_distance(probe: Probe) -> list[float]:
    """Mean squared distance of row-normalised class-gradient Grams of student and teacher."""
    both_logits(probe)
    student = probe.logit_gradients.T @ probe.classifier_input
    teacher = _teacher_class_gradient(probe)
    grams = [F.normalize(g @ g.T, dim=1) for g in (student, teacher)]
    return [float((grams[0] - grams[1]).square().mean())]


def _teacher_class_gradient(probe: Probe) -> Tensor:
    """``(K, D)``, if the teacher knows the classes of the batch."""
    classes = probe.teacher.logits.shape[1]
    if (largest := int(probe.labels.max())) >= classes:
        raise Unmeasurable(f"labels go up to {largest}, but the teacher has {classes} classes")
    return probe.teacher.class_gradient


def _unit(stack: Tensor) -> Tensor:
    """``(L, n)``: the entries of each matrix as a vector of length 1."""
    return F.normalize(stack.flatten(1), dim=1)


def _unit_rows(stack: Tensor) -> Tensor:
    return F.normalize(stack, dim=2)


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    return (_unit(a) * _unit(b)).sum(1)


def _centred(grams: Tensor) -> Tensor:
    rows = grams - grams.mean(1, keepdim=True)
    return _more_than_rounding(rows - rows.mean(2, keepdim=True), grams)


def _centred_relations(grams: Tensor) -> Tensor:
    """``(L, B·(B − 1) / 2)``: cosine similarities of all pairs of samples, minus their mean."""
    scale = grams.diagonal(dim1=1, dim2=2).clamp_min(TINY).sqrt()
    cosines = grams / scale[:, :, None] / scale[:, None, :]
    rows, columns = grams.shape[1:]
    first, second = torch.triu_indices(rows, columns, offset=1, device=grams.device)
    pairs = cosines[:, first, second]
    return _more_than_rounding(pairs - pairs.mean(1, keepdim=True), pairs)


def _more_than_rounding(centred: Tensor, before: Tensor) -> Tensor:
    """What is left without the mean, zero where that is no more than errors of rounding."""
    left, whole = (each.flatten(1).norm(dim=1) for each in (centred, before))
    nothing = left <= ROUNDINGS * torch.finfo(before.dtype).eps * whole
    return centred.masked_fill(nothing.view(-1, *(1,) * (centred.ndim - 1)), 0.0)


def _kl(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean over rows of KL(teacher ‖ student) between distributions along the last axis."""
    return (teacher * (teacher.clamp_min(TINY) / student.clamp_min(TINY)).log()).sum(-1).mean(-1)
