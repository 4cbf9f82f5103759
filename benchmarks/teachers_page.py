"""What ``benchmarks teachers`` writes into a page: a table of regrets."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- teachers: begin -->", "<!-- teachers: end -->"


def write_page(results: Mapping[str, Any], page: Path) -> None:
    """Put the tables between the marks of a page."""
    whole = "\n\n".join([BEGIN, *_parts(results), END])
    page.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: whole, page.read_text(), flags=re.DOTALL))


def _parts(results: Mapping[str, Any]) -> list[str]:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    tables = list(results["students"])
    sizes = ", ".join(
        f"{name} {results['students'][name]} students × {results['ways'][name]} ways"
        for name in tables
    )
    head = ["chosen by", "all", "without softened teachers", *tables]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    for name, found in results["regret"].items():
        without = results["without softened teachers"][name]
        cells = [found["all"], without, *(found[table] for table in tables)]
        lines.append(f"| {name} | " + " | ".join(map(_cell, cells)) + " |")
    parts = [
        f"`python -m benchmarks teachers`, {today}, {os.cpu_count()} cores ({sizes}): mean regret "
        "in points, with 95 % intervals over students; contests at three trainings, the final one "
        "included.",
        "\n".join(lines),
    ]
    parts += [
        f"Of the differences between all pairs of {name}, {said['ways']:.0f} % are those between "
        f"ways to teach, {said['students']:.0f} % those between students, and {said['rest']:.0f} % "
        "the rest: what suits one student and not another, and noise."
        for name, said in results["shares"].items()
    ]
    parts += [_beside(data, said) for data, said in results["beside the most accurate"].items()]
    if "published" in results:
        said = results["published"]
        parts.append(
            "In published matrices the more accurate of two teachers gives the better student in "
            f"{said['the more accurate teacher is better']:g} of {said['comparisons']} "
            f"comparisons; taking it loses {said['regret of the more accurate']:.2f} points, "
            f"taking either at random {said['regret of either at random']:.2f}."
        )
    return parts


def _beside(data: str, said: Mapping[str, Any]) -> str:
    usual, crossed = said["best by all trainings"], said["best by others"]
    return (
        f"On {data} the contest by accuracy, then calibrated, loses {_of(usual)}. If the best way "
        "is found by one training and all are judged by the other, which flatters nobody, "
        f"{_of(crossed)}."
    )


def _of(said: Mapping[str, Any]) -> str:
    share, low, high = said["share"]
    return (
        f"{said['contest'][0]:.2f} of the most accurate teacher's {said['most accurate'][0]:.2f} "
        f"points, {share:.0f} % ({low:.0f} to {high:.0f} %)"
    )


def _cell(found: Sequence[float]) -> str:
    mean, low, high = found
    return f"{mean:.2f} ({low:.2f} to {high:.2f})"
