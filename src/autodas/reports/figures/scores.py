"""Figures of scores: how they rank architectures, and how a search found them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from autodas.reports.figures.svg import INK, MUTED, PAPER, SERIES, Drawing
from autodas.reports.sentences import is_proxy
from autodas.reports.spell import count, label, number

__all__ = ["MOST_POINTS", "forest", "plain_log", "scatter", "search_curve", "short"]

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


def scatter(entry: Row, rows: Sequence[Row], name: str, chosen: Collection[str] = ()) -> str | None:
    """Accuracy against the score and, beside it, against the number of parameters.

    Args:
        entry: Score, size and accuracy of every architecture.
        rows: The table of the same family, for the correlation above each panel.
        name: Unique on the page.
        chosen: Architectures to mark.
    """
    if entry.get("score") is None:
        return None
    # NumPy reads None, a missing accuracy, as NaN, which is not drawn.
    accuracy = np.asarray(entry["accuracy"], dtype=float)
    marked = np.asarray([text in chosen for text in entry["architectures"]])
    by_score = {"score" if is_proxy(row) else row["score"]: row["tau"] for row in rows}
    with Drawing(name, height=3.7, columns=2, share="y") as drawing:
        for axes, key, text in zip(
            drawing.panels, ("score", "params"), ("the formula", "#params"), strict=True
        ):
            values = np.asarray(entry[key], dtype=float)
            _cloud(drawing, axes, values, accuracy, entry)
            if marked.any():
                _rings(axes, values[marked], accuracy[marked])
            axes.set_title(f"{text}: τ = {number(by_score.get(key))}")
            axes.set_xlabel("score" if key == "score" else "parameters")
            if key == "params":
                axes.set_xscale("log")
                plain_log(axes)
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


def _cloud(drawing: Drawing, axes: Axes, x: Floats, y: Floats, entry: Row) -> None:
    unseen = np.asarray([part == "report" for part in entry["part"]])
    shown = (
        (~unseen, MUTED, 11, 0.45, "search and validation"),
        (unseen, SERIES[0], 22, 0.9, "unseen"),
    )
    for part, colour, size, alpha, text in shown:
        here = np.flatnonzero(part & np.isfinite(y))
        if not len(here):
            continue
        points = axes.scatter(
            x[here], y[here], s=size, color=colour, alpha=alpha, linewidths=0, label=text
        )
        drawing.add_tooltips(points, [_tip(entry, int(i)) for i in here])


def _tip(entry: Row, i: int) -> str:
    return (
        f"{entry['architectures'][i]}: {number(entry['accuracy'][i], 1)} %, "
        f"score {entry['score'][i]:.4g}, {count(entry['params'][i])} parameters"
    )


def _rings(axes: Axes, x: Floats, y: Floats) -> None:
    axes.scatter(
        x, y, s=110, facecolors="none", edgecolors=SERIES[1], linewidths=1.8, label="chosen"
    )


def _is_heavy_tailed(values: Floats) -> bool:
    """Whether a few values would squeeze all others into a corner."""
    low, middle, high = np.quantile(values, [0.0, 0.5, 1.0])
    spread = float(np.subtract(*np.quantile(values, [0.9, 0.1])))
    return spread > 0 and max(high - middle, middle - low) > 8 * spread


def plain_log(axes: Axes) -> None:
    """Numbers instead of powers of ten on a logarithmic axis."""
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def short(value: float) -> str:
    """``12 k``, ``3.4 M``: for axes."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g} {suffix}"
    return f"{value:g}"


def forest(
    rows: Sequence[Row], name: str, axis: str = "Kendall τ with 95 % interval; dashed: #params"
) -> str | None:
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
        axes.set_xlabel(axis)
        best = ranked[-1]
        return drawing.svg(
            "Rank correlation of every score",
            f"Highest: {label(best['score'])} with {number(best['tau'])}. The table below has all "
            "values.",
        )
