"""What a score knows of teachers and what of students, and where its statistics differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok, Result
from autodas.core.values import SCALAR, Kind, reduced
from autodas.expressions import Call, Expression, Leaf
from autodas.fitness import COMPARISONS, PairIntervals, variance_shares
from autodas.scores.score import Values
from autodas.statistics import STATISTICS
from autodas.steps.explain.config import ExplainConfig
from autodas.workbench.pair_families import PairFamily, simple_rules

__all__ = ["of_pairs", "pairs_in_words", "pairs_sentence", "refuse_for_pairs"]


def refuse_for_pairs(config: ExplainConfig) -> None:
    """Refuse options that say nothing about pairs.

    Raises:
        InvalidInput: one is given.
    """
    if config.other_teacher is not None:
        raise InvalidInput(
            f"other_teacher is for tables of one teacher; leave it out, or name one teacher of "
            f"{config.table}, as in {config.table}:TEACHER"
        )


def of_pairs(
    family: PairFamily, name: str, values: Values, leaves: Iterable[str], seed: int
) -> dict[str, Any]:
    """The three correlations of a score beside simple rules, and shares of variances.

    Args:
        family: All pairs of a table.
        name: Of the score.
        values: ``(P,)`` its values.
        leaves: Statistics that it reads.
        seed: Of the resamples.
    """
    measured = PairIntervals(family.truth, family.student, family.teacher, seed)
    compared: dict[str, Result[Values]] = {name: Ok(values), **simple_rules(family)}
    spread: dict[str, Result[Values]] = {"accuracy": Ok(family.truth), name: Ok(values)}
    evaluator = family.subjects.evaluator
    for leaf in sorted(leaves):
        spread[leaf] = evaluator.evaluate(_mean_of(leaf), allow_constant=True)
    return {
        "students": len(np.unique(family.student)),
        "teachers": list(family.teachers),
        "correlations": [_correlations(each, found, measured) for each, found in compared.items()],
        "variance": [_shares(each, found, family) for each, found in spread.items()],
    }


def _mean_of(leaf: str) -> Expression:
    """One number of a statistic: the mean of its entries, then of layers or stages."""
    found: Expression = Leaf(leaf)
    type_ = STATISTICS.get(leaf).type
    if type_.kind not in (Kind.VECTOR, Kind.SCALAR):
        found = Call("mean", (found,))
        type_ = reduced(type_)
    return found if type_ == SCALAR else Call("layers_mean", (found,))


def _correlations(name: str, values: Result[Values], measured: PairIntervals) -> dict[str, Any]:
    found = values if isinstance(values, Failed) else measured.of(values.value)
    if isinstance(found, Failed):
        return {"name": name, "failed": found.reason}
    ends = {
        each: {"tau": interval.value, "low": interval.low, "high": interval.high}
        for each, interval in found.value.items()
    }
    return {"name": name, "failed": None, **ends}


def _shares(name: str, values: Result[Values], family: PairFamily) -> dict[str, Any]:
    found = (
        values
        if isinstance(values, Failed)
        else variance_shares(values.value, family.student, family.teacher)
    )
    if isinstance(found, Failed):
        return {"name": name, "failed": found.reason}
    students, teachers = found.value
    return {"name": name, "failed": None, "students": students, "teachers": teachers}


def pairs_sentence(found: Mapping[str, Any]) -> str:
    """How good the score is, in one sentence."""
    mine = found["correlations"][0]
    if mine["failed"] is not None:
        return f"It orders no pairs: {mine['failed']}."
    parts = [f"τ {mine[comparison]['tau']:+.2f} among {comparison}" for comparison in COMPARISONS]
    return f"With accuracy it has {', '.join(parts)}."


def pairs_in_words(found: Mapping[str, Any]) -> list[str]:
    """What it is beside simple rules, and where numbers differ, a line each."""
    lines = [_beside(found["correlations"], comparison) for comparison in COMPARISONS]
    for each in found["variance"]:
        if each["failed"] is None:
            lines.append(
                f"of the variance of {each['name']}, {each['teachers']:.2%} lies between teachers "
                f"and {each['students']:.2%} between students"
            )
    return lines


def _beside(correlations: Iterable[Mapping[str, Any]], comparison: str) -> str:
    told = [
        f"{each['name']} {own['tau']:+.2f} ({own['low']:+.2f} to {own['high']:+.2f})"
        for each in correlations
        if (own := each.get(comparison)) is not None
    ]
    return f"{comparison}, τ (95 % interval): {', '.join(told)}"
