"""Statistics that are short trainings: what a student has reached after a part of a training.

``early_accuracy_1_9`` is its accuracy after a ninth. Nothing measures them: a table of labels holds
them (``autodas label --rungs 1/9``). So they are not among the statistics that are listed, measured
and read by every discovery; a discovery reads those that it is asked to (``--early 1/9``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

__all__ = ["DRAWN", "MEASURES", "is_short", "price_of", "short_name", "short_training_of"]

DRAWN = ("accuracy", "cross_entropy", "kd_loss")
"""What a discovery reads of a short training; every table that holds some has these."""
MEASURES = (*DRAWN, "agreement")
"""What is measured of a short training, on a validation part."""
NAME = re.compile(rf"early_({'|'.join(MEASURES)})_([1-9][0-9]{{0,5}})_([1-9][0-9]{{0,5}})")


def short_name(measure: str, fidelity: Fraction) -> str:
    """What a measure after a fraction of a training, in (0, 1), is called in formulas."""
    return f"early_{measure}_{fidelity.numerator}_{fidelity.denominator}"


def is_short(name: str) -> bool:
    """Whether a statistic of this name is a short training."""
    found = NAME.fullmatch(name)
    if found is None:
        return False
    fidelity = Fraction(int(found[2]), int(found[3]))
    return fidelity < 1 and short_name(found[1], fidelity) == name


def short_training_of(name: str) -> tuple[str, Fraction]:
    """The measure, and the fraction of a training that it is measured after.

    Raises:
        ValueError: it is no short training.
    """
    found = NAME.fullmatch(name)
    if found is None or not is_short(name):
        raise ValueError(f"{name!r} is no short training")
    return found[1], Fraction(int(found[2]), int(found[3]))


def price_of(names: Iterable[str]) -> Fraction:
    """What a formula of these statistics costs for one student, in full trainings.

    All measures of one length are of one training; every length is a training of its own.
    """
    lengths = {short_training_of(name)[1] for name in names if is_short(name)}
    return sum(lengths, Fraction(0))
