"""The figures of a report, each a function from results to inline SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from autodas.reports.sentences import is_proxy
from autodas.reports.spell import count, label, number
from autodas.reports.svg import INK, MUTED, PAPER, SERIES, Drawing

__all__ = ["MOST_POINTS", "budget", "forest", "scatter", "search_curve", "students", "training"]

Row = Mapping[str, Any]
Floats = npt.NDArray[np.float64]

MOST_POINTS = 1500
"""More points than this are thinned out: they would weigh megabytes and show no more."""


def search_curve(history: Sequence[Row]) -> str:
    """Fitness, elite ratio and diversity over the generations."""
    generations = [row["generation"] for row in history]
    with Drawing("search-curve", height=4.0, rows=2, ratios=(3, 2), share="x") as drawing:
        fitness, shares = drawing.panels
        fitness.plot(generations, _floats(history, "best"), color=SERIES[0], label="best")
        fitness.plot(
            generations, _floats(history, "median"), color=MUTED, ls="--", lw=1.3, label="median"
        )
        fitness.set_ylabel("fitness (mean τ)")
        fitness.legend(loc="lower right", ncols=2)
        shares.plot(
            generations, _floats(history, "elite_ratio"), color=SERIES[1], label="elite ratio"
        )
        shares.plot(
            generations, _floats(history, "diversity"), color=SERIES[2], label="diversity", ls="-."
        )
        shares.set_ylim(0, 1.05)
        shares.set_xlabel("generation")
        shares.xaxis.set_major_locator(MaxNLocator(integer=True))
        shares.legend(loc="upper right", ncols=2)
        first, last = history[0]["best"], history[-1]["best"]
        return drawing.svg(
            "Search curve",
            f"Best fitness rises from {number(first)} to {number(last)} in "
            f"{len(history)} generations.",
        )


def _floats(rows: Sequence[Row], key: str) -> list[float]:
    return [math.nan if row.get(key) is None else float(row[key]) for row in rows]


def scatter(entry: Row, rows: Sequence[Row], name: str) -> str | None:
    """Accuracy against the score and, beside it, against the number of parameters.

    Args:
        entry: Score, size and accuracy of every architecture.
        rows: The table of the same family, for the correlation above each panel.
        name: Unique on the page.
    """
    if entry.get("score") is None:
        return None
    # NumPy reads None, a missing accuracy, as NaN, which is not drawn.
    accuracy = np.asarray(entry["accuracy"], dtype=float)
    unseen = np.asarray([part == "report" for part in entry["part"]])
    by_score = {"score" if is_proxy(row) else row["score"]: row["tau"] for row in rows}
    with Drawing(name, height=3.7, columns=2, share="y") as drawing:
        for axes, key, text in zip(
            drawing.panels, ("score", "params"), ("the formula", "#params"), strict=True
        ):
            values = np.asarray(entry[key], dtype=float)
            _cloud(axes, values, accuracy, unseen)
            axes.set_title(f"{text}: τ = {number(by_score.get(key))}")
            axes.set_xlabel("score" if key == "score" else "parameters")
            if key == "params":
                axes.set_xscale("log")
                _plain_log(axes)
            elif values.min() > 0 and values.max() > 30 * np.median(values):
                axes.set_xscale("log")
            elif _is_heavy_tailed(values):
                axes.set_xscale("symlog", linthresh=float(np.median(np.abs(values))) or 1.0)
        drawing.panels[0].set_ylabel("accuracy, %")
        drawing.panels[0].legend(loc="lower right", handletextpad=0.2)
        return drawing.svg(
            f"Score and size against accuracy on {entry['space']}",
            f"Two scatter plots over {len(accuracy)} architectures: accuracy against the proxy's "
            f"score on the left, against the number of parameters on the right.",
        )


def _cloud(axes: Axes, x: Floats, y: Floats, unseen: npt.NDArray[np.bool_]) -> None:
    shown = (
        (~unseen, MUTED, 11, 0.45, "search and validation"),
        (unseen, SERIES[0], 22, 0.9, "unseen"),
    )
    for chosen, colour, size, alpha, text in shown:
        axes.scatter(
            x[chosen], y[chosen], s=size, color=colour, alpha=alpha, linewidths=0, label=text
        )


def _is_heavy_tailed(values: Floats) -> bool:
    """Whether a few values would squeeze all others into a corner."""
    low, middle, high = np.quantile(values, [0.0, 0.5, 1.0])
    spread = float(np.subtract(*np.quantile(values, [0.9, 0.1])))
    return spread > 0 and max(high - middle, middle - low) > 8 * spread


def _plain_log(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _short(value: float) -> str:
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g} {suffix}"
    return f"{value:g}"


def forest(rows: Sequence[Row], name: str) -> str | None:
    """τ with its interval for every score of one family, #params as the line to beat."""
    ranked = [row for row in rows if row["tau"] is not None]
    if not ranked:
        return None
    ranked = sorted(ranked, key=lambda row: row["tau"])
    with Drawing(name, height=0.62 + 0.3 * len(ranked)) as drawing:
        (axes,) = drawing.panels
        for position, row in enumerate(ranked):
            colour = SERIES[0] if is_proxy(row) else INK
            ends = [math.nan if row[key] is None else row[key] for key in ("tau_low", "tau_high")]
            axes.plot(ends, [position] * 2, color=colour, lw=2.2)
            axes.plot(row["tau"], position, "o", color=colour, ms=7, mec=PAPER, mew=1)
        for row in ranked:
            if row["score"] == "params":
                axes.axvline(row["tau"], color=SERIES[1], lw=1.4, ls=(0, (4, 3)), zorder=0)
        axes.axvline(0, color=MUTED, lw=0.8)
        axes.set_yticks(range(len(ranked)), [label(row["score"]) for row in ranked], color=INK)
        axes.tick_params(axis="y", labelcolor=INK, length=0)
        axes.grid(axis="y", visible=False)
        axes.set_ylim(-0.6, len(ranked) - 0.4)
        axes.set_xlabel("Kendall τ with 95 % interval; dashed: #params")
        best = ranked[-1]
        return drawing.svg(
            "Rank correlation of every score",
            f"Highest: {label(best['score'])} with {number(best['tau'])}. The table below has all "
            "values.",
        )


def budget(results: Row, name: str) -> str:
    """Every student within the budget by size and score, with those that were compared."""
    points = results["points"]
    step = max(1, math.ceil(len(points["params"]) / MOST_POINTS))
    with Drawing(name, height=3.4) as drawing:
        (axes,) = drawing.panels
        axes.scatter(
            points["params"][::step],
            points["score"][::step],
            s=9,
            color=MUTED,
            alpha=0.4,
            linewidths=0,
            label="within the budget",
        )
        marked = [("random", each, "s", SERIES[2]) for each in results.get("random", [])]
        marked += [("largest that fits", results["largest"], "D", SERIES[1])]
        marked += [("chosen", results["students"][0], "o", SERIES[0])]
        for text, student, marker, colour in marked:
            axes.plot(
                student["params"],
                student["score"],
                marker,
                color=colour,
                ms=9,
                mec=PAPER,
                mew=1.2,
                label=text,
            )
        limit = results.get("budgets", {}).get("max_params")
        if limit is not None:
            axes.axvline(limit, color=MUTED, lw=1.2, ls=(0, (4, 3)))
        axes.set_xlabel("parameters" + (" (dashed: budget)" if limit is not None else ""))
        axes.set_ylabel("score")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
        _legend_once(axes)
        return drawing.svg(
            f"Students of {results['space']} within the budget",
            f"Score against parameters of {count(results['within_budget'])} students; the chosen "
            f"one has {count(results['students'][0]['params'])} parameters.",
        )


def _legend_once(axes: Axes) -> None:
    handles, texts = axes.get_legend_handles_labels()
    once = dict(zip(reversed(texts), reversed(handles), strict=True))
    axes.legend(
        once.values(), once.keys(), loc="lower left", bbox_to_anchor=(0, 1), ncols=len(once)
    )


def students(results: Row, name: str) -> str:
    """Accuracy of every student: each training a dot, the mean a bar across."""
    trained = list(reversed(results["students"]))
    teacher = results.get("teacher_accuracy")
    with Drawing(name, height=0.75 + 0.36 * len(trained)) as drawing:
        (axes,) = drawing.panels
        for position, student in enumerate(trained):
            colour = SERIES[0] if student["role"] == "chosen" else INK
            for key, fill, height in (("vanilla", PAPER, -0.2), ("accuracies", colour, 0.0)):
                values = student.get(key) or []
                axes.plot(
                    values, [position + height] * len(values), "o", color=colour, mfc=fill, ms=5.5
                )
            axes.plot(student["accuracy"], position, "|", color=colour, ms=17, mew=2.4)
        if teacher is not None:
            axes.axvline(teacher, color=SERIES[1], lw=1.6, ls=(0, (4, 3)))
        axes.set_yticks(range(len(trained)), [_role(student) for student in trained])
        axes.tick_params(axis="y", labelcolor=INK, length=0)
        axes.grid(axis="y", visible=False)
        axes.set_ylim(-0.6, len(trained) - 0.4)
        axes.set_xlabel("test accuracy, %")
        _students_legend(axes, trained, teacher)
        means = ", ".join(f"{_role(s)} {number(s['accuracy'], 1)} %" for s in results["students"])
        return drawing.svg(f"Students of {results['space']} compared", f"Mean accuracy: {means}.")


def _students_legend(axes: Axes, trained: Sequence[Row], teacher: float | None) -> None:
    dot: dict[str, Any] = {"marker": "o", "ls": "", "color": INK, "ms": 5.5}
    handles = [
        Line2D([], [], label="distilled, one training", **dot),
        Line2D([], [], label="mean", **{**dot, "marker": "|", "ms": 11, "mew": 2.4}),
    ]
    if any(student.get("vanilla") for student in trained):
        handles.append(Line2D([], [], label="without teacher", **{**dot, "mfc": PAPER}))
    if teacher is not None:
        handles.append(Line2D([], [], color=SERIES[1], ls=(0, (4, 3)), label="teacher"))
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(handles))


def _role(student: Row) -> str:
    return {"largest": "largest that fits"}.get(student["role"], str(student["role"]))


def training(results: Row, name: str) -> str | None:
    """Loss over the epochs, the chosen student in colour; None if it was not followed."""
    curves = [
        (student["role"], [(r["epoch"], r["loss"]) for r in student.get("history") or []])
        for student in results["students"]
    ]
    curves = [(role, [p for p in points if p[1] is not None]) for role, points in curves]
    curves = [(role, points) for role, points in curves if len(points) > 1]
    if not curves:
        return None
    with Drawing(name, height=2.8) as drawing:
        (axes,) = drawing.panels
        for role, points in reversed(curves):
            chosen = role == "chosen"
            axes.plot(
                [epoch for epoch, _ in points],
                [loss for _, loss in points],
                color=SERIES[0] if chosen else MUTED,
                lw=2.2 if chosen else 1.1,
                label="chosen" if chosen else "others",
            )
        axes.set_xlabel("epoch")
        axes.set_ylabel("training loss")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _legend_once(axes)
        return drawing.svg(
            f"Training on {results['space']}",
            f"Training loss over the epochs of {len(curves)} students.",
        )
