"""Short trainings that a table of labels holds, as columns that a formula may read."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.core.values import SCALAR, Column, Layout
from autodas.statistics.short import is_short, price_of, short_training_of
from autodas.tables import Table, Training

__all__ = ["numbers", "refuse_short", "short_trainings"]


def short_trainings(table: Table, names: Iterable[str]) -> dict[str, Column]:
    """Short trainings of a table as columns, of the first seed of each architecture.

    Those with the teacher of the usual target, whichever target is looked at: short trainings are
    never of the images of the labels.

    Raises:
        InvalidInput: the table does not hold one, or not of all its architectures.
    """
    usual = table.target().name
    found = {}
    for name in names:
        measure, fidelity = short_training_of(name)
        rungs = [r for r in table.rungs if (r.target, r.fidelity) == (usual, fidelity)]
        rungs = [rung for rung in rungs if rung.training is Training.DISTILLED]
        each_seed = getattr(rungs[0], measure) if rungs else np.full((len(table), 1), np.nan)
        known = np.isfinite(each_seed)
        if not known.any(axis=1).all():
            raise InvalidInput(
                f"table {table.name} has {name} of {int(known.any(axis=1).sum())} of its "
                f"{len(table)} architectures; autodas label --rungs {fidelity} makes it"
            )
        first = known.argmax(axis=1)[:, np.newaxis]
        found[name] = numbers(np.take_along_axis(each_seed, first, axis=1)[:, 0])
    return found


def numbers(values: npt.ArrayLike) -> Column:
    """``(A,)`` one number for each architecture."""
    numbers = np.asarray(values, dtype=float)
    layout = Layout.of_segments([[()]] * len(numbers), [[1.0]] * len(numbers))
    return Column(SCALAR, numbers, layout)


def refuse_short(names: Iterable[str]) -> None:
    """Refuse to measure what only a training shows.

    Raises:
        InvalidInput: a short training is among the names.
    """
    short = [name for name in names if is_short(name)]
    if short:
        raise InvalidInput(
            f"{', '.join(short)}: a short training, {price_of(short)} of a full one for each "
            "student, which only tables of labels hold (autodas label --rungs); take a score "
            "without it and --trainings, which trains the best few for a while"
        )
