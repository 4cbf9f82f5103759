"""Predictors on a family: taught by some of its accuracies, asked for others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from autodas.core.digest import digest
from autodas.core.results import Failed, Ok, Result
from autodas.scores.closed_forms import closed_forms
from autodas.scores.predictor import STUDENT_SCORES, Predictor, Sees, predict
from autodas.scores.score import SCORES, Values
from autodas.workbench.families import Family

__all__ = ["FOLDS", "Predicted", "encodings", "folds", "predicted"]

Index = npt.NDArray[np.intp]
FOLDS = 5


@dataclass(frozen=True, eq=False)
class Predicted:
    """Predictions of accuracies that the predictor has not seen.

    Attributes:
        values: ``(len(rows),)`` predicted accuracies; of several folds, their deviations from the
            mean accuracy learnt from.
        trained_on: Accuracies learnt from; of several folds, the fewest.
        cross_validated: Whether every fold was predicted from the others; else the rows were
            predicted from the rest of the table.
    """

    values: Values
    trained_on: int
    cross_validated: bool


def encodings(family: Family, sees: Sees = "encoding") -> Values:
    """``(A, F)`` what predictors see of the architectures.

    Scores that have no values on the family are left out.
    """
    space = family.space
    if sees == "shapes":
        return np.column_stack(list(closed_forms(family.subjects).values()))
    if sees == "scores":
        return np.column_stack(_ranks(family))
    each = [space.decode(text) for text in family.table.architectures]
    looks = {"encoding": [space.features], "graph": [space.graph_features]}
    found = [
        np.stack([look(architecture) for architecture in each])
        for look in looks.get(sees, [space.features, space.graph_features])
    ]
    return np.column_stack([*found, *(_ranks(family) if sees == "all" else [])])


def _ranks(family: Family) -> list[Values]:
    """Ranks by scores, which span orders of magnitude: their order goes with accuracy."""
    values = [SCORES.get(name).compute(family.subjects) for name in STUDENT_SCORES]
    known = [each.value for each in values if isinstance(each, Ok)]
    return [rankdata(each) / len(each) for each in known]


def folds(family: Family, rows: Index) -> Index:
    """``(len(rows),)`` the fold of each row, by digest; equivalent architectures share one."""
    table = family.table
    keys = table.architectures if table.groups is None else table.groups
    return np.array(
        [int(digest("fold", keys[row])[:13], 16) % FOLDS for row in rows], dtype=np.intp
    )


def predicted(
    family: Family, predictor: Predictor, features: Values, *, part: str, rows: Index, seed: int
) -> Result[Predicted]:
    """Predictions for one part of a family.

    The report part is predicted from search and validation part, as a proxy is judged there. All
    else is predicted in five folds, each from the other four.

    Args:
        family: Space and accuracies.
        predictor: How to learn.
        features: Of :func:`encodings`.
        part: ``search``, ``validation``, ``report`` or ``all``.
        rows: The rows of that part.
        seed: Of what the predictor draws.
    """
    if part == "report":
        learn = np.concatenate([family.split.search, family.split.validation])
        found = predict(predictor, features, family.truth, learn, rows, seed=seed)
        if isinstance(found, Failed):
            return found
        return Ok(Predicted(*found.value, cross_validated=False))
    fold = folds(family, rows)
    values, fewest = np.empty(len(rows)), len(rows)
    for number in np.unique(fold):
        out = fold == number
        found = predict(predictor, features, family.truth, rows[~out], rows[out], seed=seed)
        if isinstance(found, Failed):
            return found
        accuracies, trained_on = found.value
        # A fold that is worse than the rest is predicted from better ones, and without any signal
        # its predictions are too high just because of that: folds are compared by deviations.
        values[out] = accuracies - np.nanmean(family.truth[rows[~out]])
        fewest = min(fewest, trained_on)
    return Ok(Predicted(values, fewest, cross_validated=True))
