"""Short trainings as rivals: how architectures rank after a fraction of every training.

Nothing is trained here: a table of labels that has short trainings (``autodas label --rungs 1/9``)
says what they reached on a validation part, and what each of them costs.

Names: ``early:1/9`` for the cross-entropy after a ninth of a training, ``early:accuracy@1/9``,
``early:kd_loss@1/9`` and ``early:agreement@1/9`` for what else was measured then.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from autodas.core.errors import UnknownName
from autodas.core.results import Failed, Ok, Result
from autodas.scores.score import Values
from autodas.tables import Table, Training
from autodas.tables.rungs import fidelity_of
from autodas.tables.table import RUNG_COLUMNS

__all__ = ["PREFIX", "Early", "after", "get_early"]

PREFIX = "early:"
USUAL = "cross_entropy"
HIGHER_IS_BETTER = ("accuracy", "agreement")
SIGNS = {name: 1.0 if name in HIGHER_IS_BETTER else -1.0 for name in RUNG_COLUMNS}


@dataclass(frozen=True)
class Early:
    """Ranks by what was measured after a short training.

    Attributes:
        measure: One of :data:`~autodas.tables.table.RUNG_COLUMNS`.
        fidelity: Fraction of a full training.
    """

    measure: str
    fidelity: Fraction

    @property
    def name(self) -> str:
        """What it is called in tables and commands."""
        of = "" if self.measure == USUAL else f"{self.measure}@"
        return f"{PREFIX}{of}{self.fidelity}"

    @property
    def leaves(self) -> frozenset[str]:
        """Statistics it needs: none, it looks at the table alone."""
        return frozenset()


def get_early(name: str) -> Early:
    """What is called ``early:RUNG`` or ``early:MEASURE@RUNG``.

    Raises:
        UnknownName: there is no such measure.
        InvalidInput: the rung is not a number in (0, 1).
    """
    measure, at, rung = name.removeprefix(PREFIX).rpartition("@")
    measure = measure if at else USUAL
    if measure not in SIGNS:
        raise UnknownName("measure of short trainings", measure, SIGNS)
    return Early(measure, fidelity_of(rung))


def after(table: Table, early: Early) -> Result[tuple[Values, float]]:
    """``(A,)`` what the distilled short trainings reached, higher is better, and what one costs.

    Of each architecture the first seed that has one; NaN where there is none. The cost is in full
    trainings. Without such short trainings, the reason names the rungs that there are.
    """
    usual = table.target().name
    mine = (each for each in table.rungs if each.target == usual)
    rungs = {each.fidelity: each for each in mine if each.training is Training.DISTILLED}
    found = rungs.get(early.fidelity)
    if found is None:
        there = ", ".join(map(str, rungs)) or "none"
        return Failed(
            f"no rung {early.fidelity}, the table has {there}; "
            f"autodas label --rungs {early.fidelity} makes it"
        )
    each_seed: Values = getattr(found, early.measure)
    first = np.isfinite(each_seed).argmax(axis=1)
    values = np.take_along_axis(each_seed, first[:, np.newaxis], axis=1)[:, 0]
    return Ok((SIGNS[early.measure] * values, float(found.cost)))
