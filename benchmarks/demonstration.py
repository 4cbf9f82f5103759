"""Write what the demonstration has found into the README, between its marks.

autodas demo --out runs/demo
python -m benchmarks.demonstration runs/demo README.md
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autodas.core.errors import InvalidInput
from autodas.core.files import write_text
from autodas.core.seals import read_checked_json
from autodas.reports.spell import interval, label, number

__all__ = ["BEGIN", "END", "block", "main", "placed"]

BEGIN, END = "<!-- demonstration: begin -->", "<!-- demonstration: end -->"


def block(run: Path) -> str:
    """Tables, formula and sentences of a demonstration, as Markdown.

    Args:
        run: Its run directory.
    """
    demo = read_checked_json(run / "results.json")
    found = read_checked_json(run / demo["discover"] / "results.json")
    searched, trained = (
        [read_checked_json(run / each / "results.json") for each in demo[step]]
        for step in ("search", "distill")
    )
    most = [each["budgets"]["max_params"] for each in searched]
    return "\n".join(
        [
            *_ranking(found),
            "",
            *(f"* {sentence}" for sentence in found["verdict"]),
            "",
            "```",
            found["proxy"]["text"],
            "```",
            "",
            "Then it chooses a student within a budget, by short trainings of some that the proxy",
            "or their size puts first, and trains it beside the largest that fits and three",
            f"random ones, each with {trained[0]['seeds']} seeds:",
            "",
            *_students(list(zip(trained, most, strict=True))),
            "",
            *(f"* {sentence}" for each in trained for sentence in each["verdict"]),
        ]
    )


def _ranking(found: Mapping[str, Any]) -> list[str]:
    """Kendall's τ of each score on each table."""
    pairs = found["pairs"]
    heads = [f"{pair['table']}, {pair['n_report']} unseen" for pair in pairs]
    columns = [
        {row["score"]: row for row in found["rows"] if row["table"] == pair["table"]}
        for pair in pairs
    ]
    best = [max(row["tau"] for row in column.values() if "tau" in row) for column in columns]
    lines = _head("Kendall τ with distilled accuracy [95 %]", heads)
    for score in columns[0]:
        cells = []
        for column, most in zip(columns, best, strict=True):
            row = column[score]
            tau = number(row.get("tau"))
            bold = "**" if row.get("tau") == most else ""
            cells.append(f"{bold}{tau}{bold} {interval(row, 'tau')}".strip())
        lines.append(_line(label(score), cells))
    return lines


def _students(trained: Sequence[tuple[Mapping[str, Any], float]]) -> list[str]:
    """Accuracies of the students that were trained, with the largest number of parameters."""
    heads = [f"{each['space']}, at most {most:,.0f}" for each, most in trained]
    cells: dict[str, list[str]] = {}
    for results, _ in trained:
        shown = {each["role"]: each for each in results["students"]}
        for role, name in (("chosen", "chosen student"), ("largest", "largest that fits")):
            student = shown[role]
            text = f"{student['accuracy']:.2f} ({student['params']:,})"
            cells.setdefault(name, []).append(text)
        random = [each["accuracy"] for role, each in shown.items() if role.startswith("random")]
        cells.setdefault("random students, mean", []).append(f"{np.mean(random):.2f}")
        cells.setdefault("teacher", []).append(f"{results['teacher_accuracy']:.2f}")
    lines = _head("distilled accuracy, % (parameters)", heads)
    return lines + [_line(name, each) for name, each in cells.items()]


def _head(first: str, others: Sequence[str]) -> list[str]:
    return [_line(first, others), "|" + "---|" * (1 + len(others))]


def _line(first: str, others: Sequence[str]) -> str:
    return f"| {first} | {' | '.join(others)} |"


def placed(page: str, text: str) -> str:
    """``page`` with ``text`` between the marks.

    Raises:
        InvalidInput: the page does not have each mark once, in order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise InvalidInput(f"a page has {BEGIN} and {END} once each, in this order")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main(arguments: Sequence[str]) -> int:
    """Write; the exit status."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    run, page = map(Path, arguments)
    try:
        write_text(page, placed(page.read_text(encoding="utf-8"), block(run)))
    except (InvalidInput, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
