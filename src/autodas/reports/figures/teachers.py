"""Teachers by students: what each way to teach loses, as shades of one colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autodas.reports.figures.svg import INK, SERIES, Drawing
from autodas.reports.spell import number

__all__ = ["regret", "regrets"]

Row = Mapping[str, Any]


def regrets(teachers: Sequence[Row]) -> list[list[float | None]]:
    """``(T, A)`` points that every way loses to the best one for each student, after the first
    short trainings, where all are compared alike; None where it was not tried.
    """
    reached = [[short.get("at_first") for short in each["short"]] for each in teachers]
    by_student = zip(*reached, strict=True)
    best = [max((v for v in some if v is not None), default=0.0) for some in by_student]
    return [
        [None if v is None else top - v for v, top in zip(mine, best, strict=True)]
        for mine in reached
    ]


def regret(teachers: Sequence[Row], name: str) -> str | None:
    """Rows are teachers, the best first; columns are students, numbered as in the table below."""
    lost = regrets(teachers)
    known = [v for row in lost for v in row if v is not None]
    if not known:
        return None
    most = max(*known, 1e-9)
    with Drawing(name, height=1.0 + 0.32 * len(lost)) as drawing:
        (axes,) = drawing.panels
        for y, row in enumerate(lost):
            for x, value in enumerate(row):
                if value is None:
                    continue
                axes.axvspan(
                    x - 0.48,
                    x + 0.48,
                    ymin=1 - (y + 0.96) / len(lost),
                    ymax=1 - (y + 0.04) / len(lost),
                    color=SERIES[0],
                    alpha=0.08 + 0.72 * value / most,
                    lw=0,
                )
                axes.text(x, y, number(value, 1), ha="center", va="center", color=INK)
        axes.set_xlim(-0.5, len(lost[0]) - 0.5)
        axes.set_ylim(len(lost) - 0.5, -0.5)
        axes.set_xticks(range(len(lost[0])), [str(x + 1) for x in range(len(lost[0]))])
        axes.set_yticks(range(len(lost)), [str(each["name"]) for each in teachers])
        axes.set_xlabel("student")
        axes.grid(visible=False)
        means = [[v for v in row if v is not None] for row in lost]
        least = min((sum(row) / len(row), y) for y, row in enumerate(means) if row)
        return drawing.svg(
            "What each way to teach loses",
            f"Points of accuracy lost against the best way for each of {len(lost[0])} students, "
            f"after the first short trainings. {teachers[least[1]]['name']} loses least on "
            f"average, {number(least[0], 1)}; the most that is lost is {number(most, 1)}.",
        )
