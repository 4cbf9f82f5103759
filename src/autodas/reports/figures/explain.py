"""Figures of an explanation: how a score moves with size, and what carries it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autodas.reports.figures.scores import plain_log
from autodas.reports.figures.svg import INK, MUTED, PAPER, SERIES, Drawing
from autodas.reports.spell import count, number

__all__ = ["score_against_size", "score_under_changes", "term_by_part"]

Row = Mapping[str, Any]


def score_against_size(results: Row, name: str) -> str:
    """Score against the number of parameters, and the median in each fifth."""
    points, moves = results["points"], results["size"]
    params, scores = (np.asarray(points[key], dtype=float) for key in ("params", "score"))
    with Drawing(name, height=3.3) as drawing:
        (axes,) = drawing.panels
        cloud = axes.scatter(params, scores, s=20, color=SERIES[0], alpha=0.6, linewidths=0)
        texts = zip(points["architectures"], params, scores, strict=True)
        drawing.add_tooltips(
            cloud, [f"{a}: {count(p)} parameters, score {s:.4g}" for a, p, s in texts]
        )
        fifths = moves["fifths"]
        axes.plot(
            [fifth["params"] for fifth in fifths],
            [fifth["score"] for fifth in fifths],
            "-s",
            color=SERIES[1],
            mec=PAPER,
            label="median of each fifth",
        )
        axes.set_xscale("log")
        plain_log(axes)
        axes.set_xlabel("parameters")
        axes.set_ylabel("score")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1))
        return drawing.svg(
            "Score against size",
            f"Kendall τ of the score with the number of parameters: "
            f"{number(moves['params']['tau'])}.",
        )


def term_by_part(term: Row, name: str) -> str | None:
    """How well one term ranks from each part of the network alone, and without it."""
    shown = [part for part in term["parts"] if part["alone"] is not None]
    if len(shown) < 2:
        return None
    with Drawing(name, height=0.9 + 0.34 * len(shown)) as drawing:
        (axes,) = drawing.panels
        for position, part in enumerate(reversed(shown)):
            axes.plot([0, part["alone"]], [position] * 2, color=SERIES[0], lw=2.2)
            axes.plot(part["alone"], position, "o", color=SERIES[0], ms=7, mec=PAPER)
            if part["without"] is not None:
                axes.plot(part["without"], position, "o", color=INK, mfc=PAPER, ms=6)
        axes.axvline(0, color=MUTED, lw=0.8)
        _names(drawing, [part["name"] for part in reversed(shown)])
        axes.set_xlabel("Kendall τ of the term from this part alone (filled), without it (open)")
        best = max(shown, key=lambda part: abs(part["alone"]))
        return drawing.svg(
            "Where in the network a term comes from",
            f"Strongest alone: {best['name']} with {number(best['alone'])}.",
        )


def score_under_changes(collapse: Row, name: str) -> str | None:
    """Agreement of the score with itself under every change."""
    shown = [variant for variant in collapse["variants"] if variant["tau"] is not None]
    if not shown:
        return None
    with Drawing(name, height=0.9 + 0.32 * len(shown)) as drawing:
        (axes,) = drawing.panels
        for position, variant in enumerate(reversed(shown)):
            axes.plot([0, variant["tau"]], [position] * 2, color=SERIES[0], lw=2.2)
            axes.plot(variant["tau"], position, "o", color=SERIES[0], ms=7, mec=PAPER)
        axes.axvline(0, color=MUTED, lw=0.8)
        axes.axvline(1, color=SERIES[1], lw=1.4, ls=(0, (4, 3)))
        _names(drawing, [variant["name"] for variant in reversed(shown)])
        axes.set_xlabel("Kendall τ with the original score; dashed: the same order")
        said = ", ".join(f"{each['name']} {number(each['tau'])}" for each in shown)
        return drawing.svg("The same score under changes", f"τ with the original: {said}.")


def _names(drawing: Drawing, texts: Sequence[str]) -> None:
    (axes,) = drawing.panels
    axes.set_yticks(range(len(texts)), list(texts), color=INK)
    axes.tick_params(axis="y", labelcolor=INK, length=0)
    axes.grid(axis="y", visible=False)
    axes.set_ylim(-0.6, len(texts) - 0.4)
