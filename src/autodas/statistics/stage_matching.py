"""Which teacher stage a student stage is compared with.

Stage i of n (counted from 0) has relative depth (i + 1) / n. A student stage is matched with the
teacher stage of nearest relative depth; of two equally near ones, the deeper. The last stages
therefore always correspond, and networks with the same number of stages correspond one to one.

Every student stage gets a teacher stage here, also in a student that has more of them, because a
statistic has one number per student stage. A training loss pairs stages instead and leaves those
without a partner out (``distill/losses/shapes.py``): a student of 4 stages and a teacher of 3 make
4 comparisons here and 3 pairs there.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from autodas.core.errors import InvalidInput

__all__ = ["match_stages"]


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
