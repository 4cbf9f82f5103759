"""What a discovery may ask of a score: the ways to say how good it is on one family."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.core.plugins import load_plugins
from autodas.core.results import Failed, Ok, Result
from autodas.fitness.correlation import TauAgainst, correlate, usable
from autodas.fitness.top import gain_of_top, top_of_list

__all__ = ["MEASURES", "Judge", "check_measure", "is_odd", "judge_of"]

Floats = npt.NDArray[np.float64]
Judge: TypeAlias = Callable[[npt.ArrayLike], Result[float]]

MEASURES = {
    "tau": "Kendall's τ-b",
    "rho": "Spearman's ρ",
    "weighted-tau": "weighted τ: agreement about the best counts most",
    "top-k": "nDCG of the ten architectures of highest score",
    "regret": "share of what ten random architectures lose that the ten of highest score gain back",
}


def is_odd(measure: str) -> bool:
    """Whether a score turned over has minus the goodness."""
    return measure in ("tau", "rho")


def check_measure(measure: str) -> None:
    """Refuse what names no measure.

    Raises:
        InvalidInput: it is neither known nor a function of a module that can be imported.
    """
    if measure not in MEASURES:
        _own(measure)


def judge_of(measure: str, truth: npt.ArrayLike) -> Judge:
    """The goodness of scores against one truth.

    Args:
        measure: One of :data:`MEASURES`, or ``module:function``: a function of scores and
            accuracies, both ``(n,)`` and finite, that gives a number, higher meaning better.
        truth: ``(A,)`` accuracies; NaN where unknown.

    Raises:
        InvalidInput: as of :func:`check_measure`.
    """
    values = np.asarray(truth, dtype=np.float64)
    if measure == "tau":
        return TauAgainst(values)
    if measure in ("rho", "weighted-tau"):
        kind = "spearman" if measure == "rho" else "weighted_kendall"

        def correlated(score: npt.ArrayLike) -> Result[float]:
            found = correlate(score, values, kind)  # type: ignore[arg-type]  # one of both
            return Ok(found.value.value) if isinstance(found, Ok) else found

        return correlated
    if measure == "top-k":

        def topped(score: npt.ArrayLike) -> Result[float]:
            found = top_of_list(score, values)
            return Ok(found.value.ndcg) if isinstance(found, Ok) else found

        return topped
    if measure == "regret":
        return lambda score: gain_of_top(score, values)
    return _judged_by(_own(measure), measure, values)


def _own(measure: str) -> Callable[[Floats, Floats], float]:
    module, colon, name = measure.partition(":")
    if not (colon and name.isidentifier() and all(p.isidentifier() for p in module.split("."))):
        raise InvalidInput(
            f"fitness must be one of {', '.join(MEASURES)} or module:function, got {measure!r}"
        )
    load_plugins([module])
    found = getattr(importlib.import_module(module), name, None)
    if not callable(found):
        raise InvalidInput(f"fitness {measure!r}: {module} has no function {name!r}")
    return found  # type: ignore[no-any-return]


def _judged_by(function: Callable[[Floats, Floats], float], name: str, truth: Floats) -> Judge:
    def judged(score: npt.ArrayLike) -> Result[float]:
        pairs = usable(score, truth)
        if isinstance(pairs, Failed):
            return pairs
        try:
            value = float(function(*(each.copy() for each in pairs.value)))
        except Exception as error:
            # What is the user's own may raise anything: one line, the traceback chained.
            why = f"{type(error).__name__}: {error}".splitlines()[0]
            raise InvalidInput(f"fitness {name!r} fails ({why})") from error
        return Ok(value) if math.isfinite(value) else Failed(f"fitness {name} is not finite")

    return judged
