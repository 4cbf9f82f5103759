"""The honest table of pairs: what a score knows of teachers, of students, and of both.

A family of pairs gives nine rows for each score: three comparisons (teachers of one student,
students of one teacher, all pairs) on pairs of unseen students, of unseen teachers, and of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from autodas.core.results import Failed, Ok, Result
from autodas.fitness import COMPARISONS, Interval, PairIntervals, Row
from autodas.scores import Score
from autodas.scores.score import Values
from autodas.steps.benchmark.comparison import HIGHER_IS_BETTER, values_of
from autodas.steps.benchmark.early import Early, after
from autodas.workbench.pair_families import PairFamily, simple_rules

__all__ = ["WHOLE", "Parts", "described", "pair_rows", "pair_verdict"]

SIZE, TEACHER = "params", "teacher_accuracy"
Parts: TypeAlias = Mapping[str, npt.NDArray[np.intp]]
"""Name of a part -> rows of a family of pairs."""

WHOLE = "all"
"""The part of all pairs of a table."""


def pair_rows(
    family: PairFamily,
    scores: Sequence[Score | Early],
    parts: Parts,
    *,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Rows of scores and of what they have to beat: sizes, and what is stated of the teachers.

    Args:
        family: The pairs, with all accuracies.
        scores: The scores, short trainings that the table holds among them.
        parts: Name -> rows of the family that are looked at.
        seed: Of the resamples.
    """
    contenders = simple_rules(family)
    contenders = {each.name: _values(each, family) for each in scores} | contenders
    found = []
    for part, index in parts.items():
        measured = PairIntervals(
            family.truth[index], family.student[index], family.teacher[index], seed
        )
        beside = contenders[SIZE]
        for name, values in contenders.items():
            rows = _rows(measured, values, beside, index)
            found += [
                {
                    "score": name,
                    "space": family.space.name,
                    "table": family.table.name,
                    "target": _target(comparison, part),
                    "part": part,
                    "of": "pairs",
                    "sign": HIGHER_IS_BETTER,
                    **row,
                }
                for comparison, row in rows.items()
            ]
    return found


def _values(score: Score | Early, family: PairFamily) -> Result[Values]:
    if isinstance(score, Score):
        return values_of(score, family.subjects)
    reached = after(family.table, score)
    return reached if isinstance(reached, Failed) else Ok(reached.value[0])


def _target(comparison: str, part: str) -> str:
    return comparison if part == WHOLE else f"{comparison}, {part}"


def _rows(
    measured: PairIntervals,
    values: Result[Values],
    beside: Result[Values],
    index: npt.NDArray[np.intp],
) -> dict[str, dict[str, Any]]:
    """By comparison, all that the table of one teacher says too, as far as it has a meaning."""
    empty = dict.fromkeys(Row.__annotations__) | {"n": len(measured.goodness.known)}
    found: Result[Mapping[str, Interval]] | Failed = (
        values if isinstance(values, Failed) else measured.of(values.value[index])
    )
    if isinstance(found, Failed) or isinstance(values, Failed):
        why = found.reason if isinstance(found, Failed) else "no values"
        return {name: empty | {"failed": why} for name in COMPARISONS}
    differences: Mapping[str, tuple[Interval, float | None]] = {}
    if isinstance(beside, Ok):
        gained = measured.difference(values.value[index], beside.value[index])
        differences = gained.value if isinstance(gained, Ok) else {}
    return {
        name: empty
        | _ends("tau", found.value[name])
        | _beside(*differences.get(name, (None, None)))
        for name in COMPARISONS
    }


def _ends(name: str, found: Interval) -> dict[str, float | None]:
    ends = {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    return {key: value if np.isfinite(value) else None for key, value in ends.items()}


def _beside(difference: Interval | None, p: float | None) -> dict[str, Any]:
    if difference is None:
        return {}
    better, worse = difference.low > 0.0, difference.high < 0.0
    judged = "better" if better else "worse" if worse else "open"
    return _ends("delta_params", difference) | {"delta_params_p": p, "significance": judged}


def described(family: PairFamily, parts: Parts) -> list[dict[str, Any]]:
    """What a report says of the family, for each of its comparisons."""
    return [
        family.describe()
        | {"target": _target(comparison, part), "n_report": len(index)}
        | {"teachers": list(family.teachers)}
        for part, index in parts.items()
        for comparison in COMPARISONS
    ]


def pair_verdict(
    rows: Sequence[Mapping[str, Any]],
    name: str,
    part: str = "unseen students",
    called: str = "the proxy",
) -> list[str]:
    """For each comparison of a part: how good is a score beside what is stated?"""
    found = []
    tables = dict.fromkeys(r["table"] for r in rows if (r["part"], r["score"]) == (part, name))
    for table in tables:
        for comparison in COMPARISONS:
            mine = {
                row["score"]: row
                for row in rows
                if (row["table"], row["target"]) == (table, _target(comparison, part))
            }
            among = "" if part == WHOLE else f"{part}, "
            where = f"On {table}, {comparison} ({among}{mine[name]['n']} pairs)"
            found.append(_sentence(where, mine, name, called))
    return found


def _sentence(where: str, rows: Mapping[str, Mapping[str, Any]], name: str, called: str) -> str:
    row = rows[name]
    if row["tau"] is None:
        return f"{where}, {called} gives no ranking: {row.get('failed')}."
    others = [
        f"{rows[other]['tau']:.2f} for {said}"
        for other, said in ((SIZE, "#params"), (TEACHER, "the accuracy of the teacher"))
        if rows[other]["tau"] is not None
    ]
    low, high = row["tau_low"], row["tau_high"]
    within = "" if low is None or high is None else f" (95 % interval {low:.2f} to {high:.2f})"
    return f"{where}, {called} reaches τ {row['tau']:.2f}{within}: {', '.join(others)}."
