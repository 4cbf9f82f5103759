"""What ``benchmarks finalists`` writes into a page: two tables and a figure."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- finalists: begin -->", "<!-- finalists: end -->"
FIGURE = Path("figures") / "finalists.svg"
COST = 2.0  # the default of autodas run: with the final training, three
DRAWN = (
    "#params",
    "proxy:general",
    "random + halving",
    "#params + halving",
    "general + halving",
    "both in turn + halving",
    "Hyperband (Optuna)",
    "forest",
)


def write_page(results: Mapping[str, Any], page: Path) -> None:
    """Put the tables between the marks of a page, and the figure beside it."""
    text = page.read_text()
    whole = "\n\n".join([BEGIN, *_tables(results), END])
    page.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: whole, text, flags=re.DOTALL))
    _draw(results["choosers"], page.parent / FIGURE)


def _tables(results: Mapping[str, Any]) -> list[str]:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    choosers, deciders = results["choosers"], results["deciders"]
    costs = list(next(iter(choosers.values())))
    return [
        f"`python -m benchmarks finalists`, {today}, {os.cpu_count()} cores: mean regret in points "
        f"over four tables and four budgets, {results['seeds']} draws of what is random, with 95 % "
        "intervals, against what choosing costs in full trainings, the final one not included.",
        _table(["chosen by", *(f"{cost:g}" for cost in costs)], choosers, costs),
        f"By table, at {COST:g} trainings:",
        _table(["chosen by", *_names(choosers)], choosers, None),
        f"What decides a rung among the finalists of both in turn, at {COST:g} trainings:",
        _table(["decided by", "all", *_names(choosers)], deciders, None, whole=True),
    ]


def _names(group: Mapping[str, Any]) -> list[str]:
    return [name for name in next(iter(group.values()))[COST] if name != "all"]


def _table(
    head: Sequence[str],
    group: Mapping[str, Any],
    costs: Sequence[float] | None,
    *,
    whole: bool = False,
) -> str:
    names = ["all", *_names(group)] if whole else _names(group)
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    for name, found in group.items():
        cells = [found[c]["all"] for c in costs] if costs else [found[COST][n] for n in names]
        lines.append(f"| {name} | " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(lines)


def _cell(found: Sequence[float]) -> str:
    mean, low, high = found
    return f"{mean:.2f}" if high - low < 5e-3 else f"{mean:.2f} ± {(high - low) / 2:.2f}"


def _draw(choosers: Mapping[str, Any], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "autodas", "svg.fonttype": "none"})
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name in (each for each in DRAWN if each in choosers):
        costs = list(choosers[name])
        mean, low, high = zip(*(choosers[name][cost]["all"] for cost in costs), strict=True)
        (line,) = axes.plot(costs, mean, marker="o", markersize=4, label=name)
        axes.fill_between(costs, low, high, alpha=0.15, color=line.get_color(), linewidth=0)
    axes.set_xscale("symlog", linthresh=0.5)
    axes.set_xticks(costs, [f"{cost:g}" for cost in costs])
    axes.set(
        xlabel="what choosing costs, in full trainings of one student",
        ylabel="points lost to the best student that fits",
        ylim=(0, None),
    )
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
