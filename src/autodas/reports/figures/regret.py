"""Regret against the budget: what choosing with a score costs in accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autodas.reports.figures.scores import plain_log
from autodas.reports.figures.svg import INK, MUTED, PAPER, SERIES, Drawing
from autodas.reports.sentences import is_proxy
from autodas.reports.spell import count, label, number

__all__ = ["MOST_SCORES", "regret", "shown_scores"]

Row = Mapping[str, Any]

MOST_SCORES = 4
"""More lines than this, beside those of the largest and of random ones, cannot be told apart."""


def shown_scores(rows: Sequence[Row]) -> list[Row]:
    """Proxies first, then the scores that rank best, as many as a figure can show."""
    able = [row for row in rows if row.get("regret") and row["tau"] is not None]
    return sorted(able, key=lambda row: (not is_proxy(row), -row["tau"]))[:MOST_SCORES]


def regret(rows: Sequence[Row], name: str) -> str | None:
    """Points of accuracy lost under each budget, beside the largest that fits and random ones."""
    chosen = shown_scores(rows)
    if not chosen:
        return None
    with Drawing(name, height=3.2) as drawing:
        (axes,) = drawing.panels
        budgets = chosen[0]["regret"]
        lines: list[tuple[str, list[tuple[float, float]], dict[str, Any]]] = [
            (
                text,
                [(b["budget"], b["oracle"] - b[key]) for b in budgets],
                {"color": colour, "ls": (0, (4, 3)), "lw": 1.4},
            )
            for text, key, colour in (
                ("random one that fits", "random", MUTED),
                ("largest that fits", "largest", INK),
            )
        ]
        lines += [
            (
                label(row["score"]),
                [(each["budget"], each["regret"]) for each in row["regret"]],
                {"color": colour, "marker": "o", "mec": PAPER},
            )
            for row, colour in zip(chosen, SERIES, strict=False)
        ]
        for text, points, style in lines:
            (line,) = axes.plot(*zip(*points, strict=True), label=text, **style)
            if "marker" in style:
                drawing.add_tooltips(line, [f"{text}: {number(lost)} points" for _, lost in points])
        axes.set_xscale("log")
        plain_log(axes)
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        axes.set_xlabel("budget, parameters")
        axes.set_ylabel("regret, points")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
        least = min(chosen, key=lambda row: row["regret"][0]["regret"])
        return drawing.svg(
            "Regret against budget",
            f"Accuracy lost against the best that fits, in points. Within "
            f"{count(budgets[0]['budget'])} parameters {label(least['score'])} loses "
            f"{number(least['regret'][0]['regret'])}, the largest that fits "
            f"{number(budgets[0]['oracle'] - budgets[0]['largest'])}.",
        )
