"""The studies of an ablation as a table, for a terminal and for a Markdown page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autodas.steps.benchmark.page import interval, number

__all__ = ["MARKERS", "summary_table", "to_markdown"]

MARKERS = ("<!-- ablation:begin -->", "<!-- ablation:end -->")
NONE = "–"
Row = Mapping[str, Any]

HOW_TO_READ = """\
Each variant is discovered once per seed. τ is Kendall's τ-b of the proxy on the report part of a
table, which neither search nor selection has seen, as the mean over seeds with a 95 % t-interval
over seeds: it says how much depends on the luck of the search, not on which architectures are
compared. Δ is the difference to the first variant of the study, paired by seed, with an interval
over seeds and architectures; it is bold where there are at least 20 architectures,
its interval leaves out 0 and at most 5 % of all that is bold is expected to be so by chance
(Benjamini & Hochberg, 1995). *Given size* is τ of what #params and MACs do not explain. *Search*
and *validation* are what the search itself saw: means over the tables, on the scale of its fitness.
A table marked *held out* had no part in the discovery. The sentence below each table takes the mean
over tables first."""


def to_markdown(results: Mapping[str, Any]) -> str:
    """One table for each study, with the command, the date and the machine."""
    machine = results["machine"]
    parts = [
        f"`{results['asked']}` ({results['date']}; {machine['cores']} cores, "
        f"{machine['gib']:.0f} GiB)",
        HOW_TO_READ,
    ]
    for (study, about), said in zip(results["studies"].items(), results["verdict"], strict=True):
        mine = [row for row in results["rows"] if row["study"] == study]
        parts += [f"### {study}: {about}", _table(mine), said]
    return "\n\n".join(parts)


def _table(rows: Sequence[Row]) -> str:
    lines = [
        "| variant | table | seeds | τ | Δ | given size | search | validation | nodes "
        "| evaluations |",
        "|" + "---|" * 10,
    ]
    for row in rows:
        difference = _difference(row)
        if row["significance"] != "open":
            difference = f"**{difference}**"
        cells = [
            row["variant"],
            _where(row),
            _seeds(row),
            interval(row, "tau"),
            difference,
            number(row["tau_given_size"]),
            number(row["search_tau"]),
            number(row["validation_tau"]),
            number(row["nodes"], 1),
            number(row["evaluations"], 0),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def summary_table(rows: Sequence[Row]) -> list[str]:
    """The rows as lines for a terminal."""
    header = ("study", "variant", "table", "tau", "difference", "given size", "nodes")
    cells = [
        (
            row["study"],
            row["variant"],
            _where(row),
            interval(row, "tau"),
            _difference(row),
            number(row["tau_given_size"]),
            number(row["nodes"], 1),
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in (header, *cells)
    ]


def _difference(row: Row) -> str:
    alone = row["delta"] is not None and row["delta_low"] is None
    return interval(row, "delta", signed=True) + (" (one seed, no interval)" if alone else "")


def _where(row: Row) -> str:
    if row["table"] is None:
        return NONE
    return f"{row['table']}:{row['target']}" + (", held out" if row["held_out"] else "")


def _seeds(row: Row) -> str:
    lost = len(row["failed"])
    return str(len(row["taus"])) + (f" ({lost} without ranking)" if lost else "")
