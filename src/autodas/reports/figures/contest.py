"""The contest of finalists: how their order changed from rung to rung, and who won."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from autodas.reports.figures.svg import INK, MUTED, PAPER, SERIES, Drawing
from autodas.reports.finalists import Finalist, Trial
from autodas.reports.spell import count, number

__all__ = ["contest"]

MOST_NAMED = 40
"""More finalists than this cannot be named beside their lines."""
TALLEST = 11.0

Row = Mapping[str, Any]


def contest(finalists: Sequence[Finalist], rungs: Sequence[Row], name: str) -> str | None:
    """Ranks of the finalists on every rung, joined by lines; with one rung, its cross-entropies.

    Args:
        finalists: Those that came furthest first.
        rungs: Of the contest, as results tell them.
        name: Unique on the page.

    Returns:
        None if nothing was tried.
    """
    if not rungs:
        return None
    with Drawing(name, height=min(TALLEST, 1.0 + 0.27 * len(finalists))) as drawing:
        (axes,) = drawing.panels
        if len(rungs) == 1:
            _one_rung(drawing, axes, finalists)
        else:
            _ranks(drawing, axes, finalists, rungs)
        _legend(axes, finalists)
        return drawing.svg("Finalists", _description(finalists, rungs))


def _one_rung(drawing: Drawing, axes: Axes, finalists: Sequence[Finalist]) -> None:
    for height, finalist in enumerate(finalists):
        (trial,) = finalist.trials
        if trial.cross_entropy is None:
            # No value: at the right edge, whatever the others have.
            failed: dict[str, Any] = {
                "transform": axes.get_yaxis_transform(),
                "color": MUTED,
                "clip_on": False,
            }
            (point,) = axes.plot([1.0], [height], "x", ms=7, mew=2, **failed)
        else:
            (point,) = axes.plot([trial.cross_entropy], [height], **_style(finalist))
        drawing.add_tooltips(point, [_tip(finalist, trial)])
    named = [(i, each) for i, each in enumerate(finalists) if _is_named(each, finalists)]
    axes.set_yticks([i for i, _ in named], [each.name for _, each in named])
    for text, (_, finalist) in zip(axes.get_yticklabels(), named, strict=True):
        text.set_color(_colour(finalist, INK))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.set_ylim(len(finalists) - 0.4, -0.6)
    axes.set_xlabel("calibrated cross-entropy on the validation part (lower is better)")


def _ranks(
    drawing: Drawing, axes: Axes, finalists: Sequence[Finalist], rungs: Sequence[Row]
) -> None:
    heights = _heights(finalists, len(rungs))
    for finalist in reversed(finalists):  # the best last, on top of the others
        places = [heights[finalist.name, rung] for rung in finalist.rungs]
        (line,) = axes.plot(finalist.rungs, places, **_style(finalist), clip_on=False)
        drawing.add_tooltips(line, [_tip(finalist, trial) for trial in finalist.trials])
        if finalist.trials and finalist.trials[-1].rank is None:
            at = (finalist.rungs[-1], places[-1])
            axes.plot(*at, "x", color=INK, ms=9, mew=2, zorder=5, clip_on=False)
        if finalist.trials and _is_named(finalist, finalists):
            axes.annotate(
                finalist.name,
                (finalist.rungs[-1], places[-1]),
                xytext=(9, 0),
                textcoords="offset points",
                va="center",
                color=_colour(finalist, MUTED),
                weight="bold" if finalist.winner else "normal",
            )
    axes.set_xticks(range(len(rungs)), [_rung(rung) for rung in rungs])
    axes.set_xlim(-0.15, len(rungs) - 0.3)  # room for names
    axes.set_ylim(max(heights.values()) + 0.6, 0.4)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.set_ylabel("rank by cross-entropy")
    axes.grid(axis="y", visible=False)


def _heights(finalists: Sequence[Finalist], rungs: int) -> dict[tuple[str, int], int]:
    """Finalist and rung -> rank; failures stand below all that did not fail."""
    heights: dict[tuple[str, int], int] = {}
    for rung in range(rungs):
        found = ((each.name, each.at(rung)) for each in finalists)
        tried = [(trial.rank is None, trial.rank or 0, name) for name, trial in found if trial]
        tried.sort(key=lambda each: each[:2])
        heights |= {(name, rung): rank for rank, (_, _, name) in enumerate(tried, start=1)}
    return heights


def _rung(rung: Row) -> str:
    times = len(rung["results"])
    what = f"{rung['fidelity']} of a training"
    if rung.get("again") or rung.get("duel"):
        what = "both seeds" if rung.get("again") else "whole training"
    return f"{what}\n{count(times)} tried"


def _is_named(finalist: Finalist, finalists: Sequence[Finalist]) -> bool:
    return len(finalists) <= MOST_NAMED or finalist.winner or finalist.first


def _colour(finalist: Finalist, other: str) -> str:
    if finalist.winner:
        return SERIES[0]
    return SERIES[1] if finalist.first else other


def _style(finalist: Finalist) -> dict[str, Any]:
    colour = _colour(finalist, MUTED)
    return {
        "color": colour,
        "marker": "o",
        "mfc": colour if finalist.teacher else PAPER,
        "ms": 8,
        "mew": 1.6,
        "lw": 2.4 if finalist.winner or finalist.first else 1.1,
        "zorder": 4 if finalist.winner else 3 if finalist.first else 2,
    }


def _tip(finalist: Finalist, trial: Trial) -> str:
    return f"{finalist.name}: {finalist.words}, {trial.words}"


def _legend(axes: Axes, finalists: Sequence[Finalist]) -> None:
    dot: dict[str, Any] = {"marker": "o", "ls": "", "ms": 7, "mew": 1.6}
    same = any(each.winner and each.first for each in finalists)
    handles = [
        Line2D(
            [], [], color=SERIES[0], label="winner, as by the score" if same else "winner", **dot
        )
    ]
    if not same:
        handles.append(Line2D([], [], color=SERIES[1], label="by the score alone", **dot))
    handles.append(Line2D([], [], color=MUTED, label="with teacher", **dot))
    if not all(each.teacher for each in finalists):
        handles.append(Line2D([], [], color=MUTED, mfc=PAPER, label="labels alone", **dot))
    if any(trial.rank is None for each in finalists for trial in each.trials):
        handles.append(Line2D([], [], color=INK, label="failed", **{**dot, "marker": "x"}))
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=len(handles),
        columnspacing=1.4,
        handletextpad=0.3,
    )


def _description(finalists: Sequence[Finalist], rungs: Sequence[Row]) -> str:
    tried = ", then ".join(f"{count(len(rung['results']))} tried" for rung in rungs)
    (winner,) = (each for each in finalists if each.winner)
    (first,) = (each for each in finalists if each.first)
    text = f"{tried}. Winner: {_told(winner)}."
    return text if first is winner else f"{text} By the score alone: {_told(first)}."


def _told(finalist: Finalist) -> str:
    last = finalist.trials[-1]
    if last.rank is None:
        return f"{finalist.name}, which failed"
    return (
        f"{finalist.name}, cross-entropy {number(last.cross_entropy, 3)} on its last rung, number "
        f"{last.rank} there"
    )
