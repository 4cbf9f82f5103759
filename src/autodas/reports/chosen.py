"""Which student a search has chosen, and how a student was trained, as results tell it.

Results of older versions do not tell: there the first of the best was chosen, and learnt from the
teacher.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["accuracies_by_way", "chosen_student", "is_taught", "learnt_from"]

NO_TEACHER = "none"  # what a distillation calls it
Row = Mapping[str, Any]


def chosen_student(search: Row) -> Row:
    """The student that is to be trained, which short trainings may have chosen.

    Args:
        search: Results of a search.
    """
    found: Row = search.get("chosen") or search["students"][0]
    return found


def is_taught(student: Row) -> bool:
    """Whether a student of a search or a distillation learns from the teacher."""
    return bool(student.get("taught", True))


def learnt_from(student: Row, distillation: Row) -> str:
    """The name of its teacher, or ``labels alone``."""
    teacher = str(distillation.get("teacher", "a teacher"))
    return teacher if is_taught(student) and teacher != NO_TEACHER else "labels alone"


def accuracies_by_way(student: Row) -> tuple[Sequence[float], Sequence[float]]:
    """Accuracies of trainings with the teacher, and of those without; empty if there are none.

    Args:
        student: Of a distillation.
    """
    with_teacher = student.get("with_teacher", student["accuracies"])
    return with_teacher or [], student.get("vanilla") or []
