"""The figure of an ablation: what every variant of every study reaches, on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from autodas.core.errors import FileProblem
from autodas.core.seals import read_checked_json
from autodas.reports.figures.svg import INK, PAPER, SERIES, Drawing, write_figures
from autodas.reports.spell import number

__all__ = ["ablation", "write_ablation"]

NAME = "ablation"
Row = Mapping[str, Any]
Pair = tuple[str, str]


def write_ablation(path: Path) -> Path | None:
    """Write ``ablation.svg`` into the run directory of an ablation.

    Returns:
        The file; it stands alone, in the light colours of the report. None if no variant has a
        ranking.

    Raises:
        FileProblem: the folder holds no finished ablation.
    """
    results = read_checked_json(path / "results.json")
    try:
        drawn = ablation(results["rows"])
    except (KeyError, TypeError, ValueError) as error:
        why = f"is not what an ablation writes ({type(error).__name__}: {error})"
        raise FileProblem(path / "results.json", why) from error
    if drawn is None:
        return None
    (file,) = write_figures(drawn, path)
    return file


def ablation(rows: Sequence[Row]) -> str | None:
    """τ with its interval over seeds: a panel for each study, a colour for each table.

    Args:
        rows: Those of the results of an ablation.
    """
    known = [row for row in rows if row["tau"] is not None]
    if not known:
        return None
    pairs = list(dict.fromkeys((row["table"], row["target"]) for row in known))
    studies = {
        study: list(dict.fromkeys(row["variant"] for row in known if row["study"] == study))
        for study in dict.fromkeys(row["study"] for row in known)
    }
    count = sum(map(len, studies.values()))
    with Drawing(
        NAME,
        height=0.9 + 0.32 * count + 0.3 * len(studies),
        rows=len(studies),
        ratios=tuple(float(len(variants)) for variants in studies.values()),
        share="x",
    ) as drawing:
        for axes, (study, variants) in zip(drawing.panels, studies.items(), strict=True):
            mine = [row for row in known if row["study"] == study]
            _panel(drawing, axes, mine, variants, pairs)
            axes.set_title(study)
        drawing.panels[-1].set_xlabel("Kendall τ on unseen architectures, 95 % interval over seeds")
        drawing.figure.legend(
            handles=_legend(pairs, any(row["held_out"] for row in known)),
            loc="outside upper right",
            ncols=len(pairs) + 1,
        )
        return drawing.svg(
            "Studies of an ablation",
            f"{len(studies)} studies with {count} variants; the tables of the report have all "
            "values.",
        )


def _panel(
    drawing: Drawing,
    axes: Axes,
    rows: Sequence[Row],
    variants: Sequence[str],
    pairs: Sequence[Pair],
) -> None:
    for row in rows:
        place = pairs.index((row["table"], row["target"]))
        colour = SERIES[place % len(SERIES)]
        # Tables side by side within the line of a variant.
        shift = 0.5 * ((place + 0.5) / len(pairs) - 0.5)
        height = variants.index(row["variant"]) + shift
        if row["tau_low"] is not None:
            axes.plot([row["tau_low"], row["tau_high"]], [height] * 2, color=colour, lw=2)
        inside = PAPER if row["held_out"] else colour
        (point,) = axes.plot(row["tau"], height, "o", color=colour, mfc=inside, ms=6.5, mew=1.4)
        where = f"{row['table']}:{row['target']}" + (", held out" if row["held_out"] else "")
        drawing.add_tooltips(point, [f"{row['variant']} on {where}: τ {number(row['tau'])}"])
    axes.set_yticks(range(len(variants)), variants, color=INK)
    axes.tick_params(axis="y", labelcolor=INK, length=0)
    axes.grid(axis="y", visible=False)
    axes.set_ylim(len(variants) - 0.5, -0.5)


def _legend(pairs: Sequence[Pair], held_out: bool) -> list[Line2D]:
    style: dict[str, Any] = {"marker": "o", "ls": "", "ms": 6.5, "mew": 1.4}
    found = [
        Line2D([], [], color=SERIES[i % len(SERIES)], label=f"{table}:{target}", **style)
        for i, (table, target) in enumerate(pairs)
    ]
    if held_out:
        found.append(Line2D([], [], color=INK, mfc=PAPER, label="held out", **style))
    return found
