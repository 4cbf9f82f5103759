"""What each term of a formula contributes, and how a score moves with size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from autodas.core.results import Ok
from autodas.expressions import in_words
from autodas.fitness import TauAgainst, correlate
from autodas.scores import Subjects
from autodas.scores.terms import Term, formula_of
from autodas.steps.explain.parts import MOST_SHAPLEY, parts_of, sees_teacher, shapley, values_of

__all__ = ["contributions", "moves_with_size"]

Floats = npt.NDArray[np.float64]

FIFTHS = 5


def contributions(terms: Sequence[Term], subjects: Subjects, truth: Floats) -> list[dict[str, Any]]:
    """What each term is worth alone, what the rest is worth without it, and where it comes from.

    Worth is Kendall's τ with the truth, 0 for what is constant; up to eight terms have Shapley
    values, which add up to the τ of the whole.

    Args:
        terms: Summands, see :func:`~autodas.steps.explain.parts.summands`.
        subjects: With the statistics they need.
        truth: ``(A,)`` accuracies, or the score itself.

    Returns:
        One entry per term; none if one of them has no values.
    """
    found = [values_of(term, subjects) for term in terms]
    values = [each.value for each in found if isinstance(each, Ok)]
    if len(values) < len(terms):
        return []
    agree = TauAgainst(truth)

    def worth(total: Floats) -> float:
        tau = agree(total)
        return tau.value if isinstance(tau, Ok) else 0.0  # a constant ranks nothing

    whole = np.sum(values, axis=0) if values else np.zeros(len(truth))
    shares = shapley(values, worth) if 1 < len(values) <= MOST_SHAPLEY else None
    told = []
    for number, term in enumerate(terms):
        parts, why = parts_of(term, subjects, truth)
        told.append(
            {
                "text": formula_of([term]),
                "words": in_words(term.expression),
                "weight": term.weight,
                "sees_teacher": sees_teacher(term),
                "spread": float(np.std(values[number])),
                "tau_alone": worth(values[number]),
                "tau_without": worth(whole - values[number]) if len(terms) > 1 else 0.0,
                "shapley": None if shares is None else shares[number],
                "parts": [asdict(part) for part in parts],
                "no_parts": why,
            }
        )
    return told


def moves_with_size(values: Floats, subjects: Subjects) -> dict[str, Any]:
    """How the score moves with size: rank correlations, and its median in fifths of #params."""
    sizes: Mapping[str, Any] = {
        "params": subjects.columns["params"].data,
        "macs": subjects.columns["macs"].data,
        "depth": subjects.depth,
    }
    found: dict[str, Any] = {}
    for name, size in sizes.items():
        tau, rho = (correlate(values, size, measure) for measure in ("kendall", "spearman"))
        found[name] = {
            "tau": tau.value.value if isinstance(tau, Ok) else None,
            "rho": rho.value.value if isinstance(rho, Ok) else None,
        }
    order = np.argsort(sizes["params"], kind="stable")
    found["fifths"] = [
        {
            "params": float(np.median(sizes["params"][part])),
            "score": float(np.median(values[part])),
        }
        for part in np.array_split(order, FIFTHS)
        if len(part)
    ]
    return found
