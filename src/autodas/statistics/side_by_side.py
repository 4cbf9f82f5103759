"""Student and teacher seen side by side, stage by stage or output by output.

Stage i of n (counted from 0) has relative depth (i + 1) / n. A student stage is matched with the
teacher stage of nearest relative depth; of two equally near ones, the deeper. The last stages
therefore always correspond, and networks with the same number of stages correspond one to one.

Every student stage gets a teacher stage here, also in a student that has more of them, because a
statistic has one number per student stage. A training loss pairs stages instead and leaves those
without a partner out (``distill/losses/shapes.py``): a student of 4 stages and a teacher of 3 make
4 comparisons here and 3 pairs there.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache, partial

import torch
from torch import Tensor

from autodas.core.errors import InvalidInput
from autodas.core.values import SCALAR, Kind, Type
from autodas.statistics.catalog import statistic
from autodas.statistics.need import Need, Unmeasurable
from autodas.statistics.passes.probe import Probe

__all__ = [
    "FORWARD",
    "both_logits",
    "classifier_comparison",
    "compare",
    "comparison",
    "match_stages",
    "stage_comparison",
    "teacher_views",
]

STAGE_VECTOR = Type(Kind.VECTOR, "stage")
FORWARD = frozenset({Need.FORWARD})

# What declares a comparison of student and teacher, with one number per stage or one in all.
stage_comparison = partial(statistic, STAGE_VECTOR, needs=FORWARD, origin="interaction")
comparison = partial(statistic, SCALAR, needs=FORWARD, origin="interaction")
classifier_comparison = partial(comparison, needs=FORWARD | {Need.CLASSIFIER})


@lru_cache(maxsize=1024)
def match_stages(student: int, teacher: int) -> tuple[int, ...]:
    """The teacher stage for each student stage.

    Args:
        student: Number of student stages.
        teacher: Number of teacher stages.

    Returns:
        ``student`` stage numbers in [0, ``teacher``), non-decreasing.

    Raises:
        InvalidInput: a network has no stages.
    """
    if student < 1 or teacher < 1:
        raise InvalidInput(
            f"both networks must have stages to compare, but got {student=}, {teacher=}"
        )

    def distance(i: int, j: int) -> tuple[Fraction, int]:
        # Fractions, because a tie must not depend on rounding.
        return abs(Fraction(i + 1, student) - Fraction(j + 1, teacher)), -j

    return tuple(min(range(teacher), key=lambda j: distance(i, j)) for i in range(student))


def both_logits(probe: Probe) -> tuple[Tensor, Tensor]:
    """``(B, K)`` of student and teacher, if they know the same classes."""
    student, teacher = probe.logits, probe.teacher.logits
    if student.shape != teacher.shape:
        raise Unmeasurable(
            f"the student has {student.shape[1]} classes, the teacher {teacher.shape[1]}"
        )
    return student, teacher


def teacher_views(probe: Probe, *views: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """A view, or one of a view, of the teacher's stage that corresponds to each student stage."""
    teacher = probe.teacher.viewed(*views)
    return [teacher[j] for j in match_stages(len(probe.stages), len(teacher))]


def compare(
    probe: Probe,
    view: Callable[[Tensor], Tensor],
    compare: Callable[[Tensor, Tensor], Tensor],
    made: Callable[[Tensor], Tensor] | None = None,
) -> list[float]:
    """Compare ``view`` of student and teacher at every stage.

    Args:
        probe: The student.
        view: Makes one matrix of a stage, of the same shape for every architecture.
        made: Of ``(L, …)`` such matrices, what is compared in place of them; it is kept for the
            next teacher, or the next student.
        compare: Two ``(L, …)`` stacks over the student's L stages -> ``(L,)``. All stages at
            once, because the matrices are so small that the calls would cost more than the sums.
    """
    kept = [view] if made is None else [view, _of_one(made)]
    student, teacher = torch.stack(probe.viewed(*kept)), torch.stack(teacher_views(probe, *kept))
    values: list[float] = compare(student, teacher).tolist()
    return values


@lru_cache(maxsize=64)
def _of_one(made: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The same of a single matrix; one object for each function, so that views of it are kept."""
    return lambda matrix: made(matrix[None])[0]
