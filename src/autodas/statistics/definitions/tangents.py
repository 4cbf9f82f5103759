"""How alike student and teacher would learn: gradients of both losses, and tangent kernels.

Both look at gradients at all weights of the student as it is. What a teacher teaches may pull
against the labels, and then the student follows neither; and two networks that start from a like
tangent kernel learn like functions of the images from like gradients.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from autodas.statistics.need import Need, Unmeasurable
from autodas.statistics.passes.probe import Probe
from autodas.statistics.side_by_side import FORWARD, both_logits, comparison

ROUNDING = 1e-6  # of single precision


@comparison(
    needs=FORWARD | {Need.BACKWARD, Need.DISTILLING},
    version=2,
    reference="Du et al., arXiv:1812.02224, sec. 3 (gradient cosine of two losses)",
)
def gradient_agreement(probe: Probe) -> list[float]:
    """Cosine between the gradients of the distillation loss and of the labels' loss, in [−1, 1].

    The distillation loss is the KL divergence at temperature 4, teacher against student. Where one
    of both has no gradient beside the other, nothing can be learnt from it, and the value is −1.
    """
    _, teacher = both_logits(probe)
    both = (probe.weight_gradients, probe.extra.distillation_gradients(teacher))
    labels, taught = (torch.cat([g.flatten() for g in each]).double() for each in both)
    lengths = [float(each.norm()) for each in (labels, taught)]
    if min(lengths) <= ROUNDING * max(lengths):
        return [-1.0]
    return [float(labels @ taught) / (lengths[0] * lengths[1])]


@comparison(
    needs=FORWARD | {Need.TANGENT},
    version=2,
    reference="Jacot et al., NeurIPS 2018, eq. 4; Cortes et al., JMLR 2012, def. 4 (alignment)",
)
def tangent_alignment(probe: Probe) -> list[float]:
    """Centred alignment of the tangent kernels of student and teacher, 8 images, in [0, 1].

    A student whose kernel tells no images apart has 0.
    """
    teacher = _centred(probe.teacher.tangent_kernel)
    if teacher is None:
        raise Unmeasurable("the teacher's tangent kernel tells no images apart")
    student = _centred(probe.extra.tangent_kernel)
    if student is None:
        return [0.0]
    return [float(F.cosine_similarity(student.flatten(), teacher.flatten(), dim=0))]


def _centred(kernel: Tensor) -> Tensor | None:
    """``(b, b)``, rows and columns of mean zero; None if nothing is left but rounding."""
    rows = kernel - kernel.mean(1, keepdim=True)
    centred: Tensor = rows - rows.mean(0, keepdim=True)
    nothing = centred.norm() <= ROUNDING * torch.linalg.norm(kernel)
    return None if bool(nothing) else centred
