"""The studies of an ablation as a table, for a terminal and for a Markdown page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autodas.steps.benchmark.page import write_between

__all__ = ["BEGIN", "END", "summary_table", "to_markdown", "write_ablation_page"]

BEGIN, END = "<!-- ablation:begin -->", "<!-- ablation:end -->"
NONE = "–"
Row = Mapping[str, Any]

HOW_TO_READ = """\
Each variant is discovered once per seed. τ is Kendall's τ-b of the proxy on the report part of a
table, which neither search nor selection has seen, as the mean over seeds with a 95 % t-interval
over seeds: it says how much depends on the luck of the search, not on which architectures are
compared. Δ is the difference to the first variant of the study, paired by seed; it is bold where
its interval leaves out 0. *Given size* is τ of what #params and MACs do not explain. *Search* and
*validation* are what the search itself saw: means over the tables, on the scale of its fitness. A
table marked *held out* had no part in the discovery. The sentence below each table takes the mean
over tables first."""


def write_ablation_page(results: Mapping[str, Any], path: Path) -> None:
    """Replace what stands between the markers of a page; without any, they come at its end.

    Args:
        results: What an ablation left in ``results.json``.
        path: The Markdown file; made if it does not exist.

    Raises:
        FileProblem: it cannot be read or written, or only one marker is there.
    """
    write_between(path, (BEGIN, END), to_markdown(results))


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
        difference = _interval(row, "delta", signed=True)
        low, high = row["delta_low"], row["delta_high"]
        if low is not None and high is not None and (low > 0 or high < 0):
            difference = f"**{difference}**"
        cells = [
            row["variant"],
            _where(row),
            _seeds(row),
            _interval(row, "tau"),
            difference,
            _number(row["tau_given_size"]),
            _number(row["search_tau"]),
            _number(row["validation_tau"]),
            _number(row["nodes"], 1),
            _number(row["evaluations"], 0),
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
            _interval(row, "tau"),
            _interval(row, "delta", signed=True),
            _number(row["tau_given_size"]),
            _number(row["nodes"], 1),
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in (header, *cells)
    ]


def _where(row: Row) -> str:
    if row["table"] is None:
        return NONE
    return f"{row['table']}:{row['target']}" + (", held out" if row["held_out"] else "")


def _seeds(row: Row) -> str:
    lost = len(row["failed"])
    return str(len(row["taus"])) + (f" ({lost} without ranking)" if lost else "")


def _number(value: float | None, digits: int = 2, *, signed: bool = False) -> str:
    if value is None:
        return NONE
    # A minus sign rather than a hyphen; and no minus zero.
    text = format(round(value, digits) + 0.0, f"{'+' if signed else ''}.{digits}f")
    return text.replace("-", "−")


def _interval(row: Row, name: str, *, signed: bool = False) -> str:
    value, low, high = (row[name + end] for end in ("", "_low", "_high"))
    if low is None or high is None:
        return _number(value, signed=signed)
    ends = f"{_number(low, signed=signed)}, {_number(high, signed=signed)}"
    return f"{_number(value, signed=signed)} [{ends}]"
