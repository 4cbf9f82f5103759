"""Student and teacher seen side by side, stage by stage or output by output."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from autodas.core.values import Kind, Type
from autodas.statistics.need import Need
from autodas.statistics.passes.probe import Probe
from autodas.statistics.stage_matching import match_stages
from autodas.statistics.unmeasurable import Unmeasurable

__all__ = ["FORWARD", "STAGE_VECTOR", "both_logits", "compare", "teacher_views"]

STAGE_VECTOR = Type(Kind.VECTOR, "stage")
FORWARD = frozenset({Need.FORWARD})


def both_logits(probe: Probe) -> tuple[Tensor, Tensor]:
    """``(B, K)`` of student and teacher, if they know the same classes."""
    student, teacher = probe.logits, probe.teacher.logits
    if student.shape != teacher.shape:
        raise Unmeasurable(
            f"the student has {student.shape[1]} classes, the teacher {teacher.shape[1]}"
        )
    return student, teacher


def teacher_views(probe: Probe, view: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """``view`` of the teacher's stage that corresponds to each student stage."""
    teacher = probe.teacher.viewed(view)
    return [teacher[j] for j in match_stages(len(probe.stages), len(teacher))]


def compare(
    probe: Probe,
    view: Callable[[Tensor], Tensor],
    compare: Callable[[Tensor, Tensor], Tensor],
) -> list[float]:
    """Compare ``view`` of student and teacher at every stage.

    Args:
        probe: The student.
        view: Makes one matrix of a stage, of the same shape for every architecture.
        compare: Two ``(L, …)`` stacks over the student's L stages -> ``(L,)``. All stages at
            once, because the matrices are so small that the calls would cost more than the sums.
    """
    student, teacher = torch.stack(probe.viewed(view)), torch.stack(teacher_views(probe, view))
    values: list[float] = compare(student, teacher).tolist()
    return values
