"""Several runs on one page: what they were asked, what they found, and where they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.ticker import MaxNLocator

from autodas import __version__
from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.files import write_text
from autodas.core.toml import leaves, parse_toml
from autodas.reports import sentences
from autodas.reports.chosen import learnt_from
from autodas.reports.environment import DAMAGE, page_text
from autodas.reports.figures.scores import forest
from autodas.reports.figures.svg import SERIES, Drawing, inline
from autodas.reports.read import Run, read_run
from autodas.reports.spell import broken

__all__ = ["compare", "render_comparison"]

Row = Mapping[str, Any]


def compare(paths: Sequence[Path], target: Path) -> Path:
    """Write a page that compares runs.

    Args:
        paths: Run directories, at least two.
        target: The file to write.

    Raises:
        InvalidInput: there are fewer than two.
        FileProblem: a folder holds no finished run, or its results are damaged.
    """
    if len(set(paths)) < 2:
        raise InvalidInput("a comparison needs at least two different run directories")
    write_text(target, render_comparison([read_run(path) for path in paths]))
    return target


def render_comparison(runs: Sequence[Run]) -> str:
    """The page as text.

    Raises:
        FileProblem: the results of a run lack something that their step always writes.
    """
    labels = _labels(runs)
    sides = []
    for run, label in zip(runs, labels, strict=True):
        try:
            sides.append(_side(run, label))
        except DAMAGE as error:
            why = f"is not what {run.command!r} writes ({type(error).__name__}: {error})"
            raise FileProblem(run.path / "results.json", why) from error
    try:
        return page_text("compare.html.j2", _context(sides))
    except DAMAGE as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise InvalidInput(f"these runs cannot be compared: {why}") from error


def _context(sides: Sequence[Side]) -> dict[str, Any]:
    return {
        "version": __version__,
        "title": "Runs compared",
        "sides": sides,
        "families": list(_families(sides)),
        "curves": _curves(sides),
        "students": [{"run": s.label, **each} for s in sides for each in s.students],
        "differences": _differences(sides),
    }


@dataclass(frozen=True)
class Side:
    """One run of a comparison.

    Attributes:
        label: What the page calls it.
        run: The run.
        asked, chosen, gain: Sentences.
        rows: Honest rows of all its steps, each with ``run``.
        formulas: Formulas it found or explained, over several lines.
        collapse: Sentences of its collapse checks.
        students: Distilled students.
        histories: Search curves.
        seconds: What it took; None if it does not say.
        networks: Networks it measured.
    """

    label: str
    run: Run
    asked: str
    chosen: str
    gain: str
    rows: Sequence[Row]
    formulas: Sequence[str]
    collapse: Sequence[str]
    students: Sequence[Row]
    histories: Sequence[Sequence[Row]]
    seconds: float | None
    networks: int


def _labels(runs: Sequence[Run]) -> list[str]:
    """Folder names, with as much of the path before them as tells them apart."""
    parts = [run.path.resolve().parts for run in runs]
    for length in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(part[-length:]) for part in parts]
        if max(Counter(labels).values()) == 1:
            return labels
    return [str(run.path) for run in runs]


def _side(run: Run, label: str) -> Side:
    seconds = run.results.get("seconds")
    proxies = [step.results["proxy"] for step in run.of("discover")]
    formulas = [broken(proxy["text"]) for proxy in proxies]
    formulas += [
        broken(step.results["formula"]["text"])
        for step in run.of("explain")
        if step.results["formula"] is not None
    ]
    return Side(
        label,
        run,
        sentences.asked(run),
        sentences.chosen(run),
        sentences.gain(run),
        [
            {**row, "run": label}
            for step in run.of("discover", "benchmark")
            for row in step.results["rows"]
        ],
        formulas,
        [text for step in run.of("discover") for text in _collapse(step.results)],
        [
            {
                "space": step.results["space"],
                "learnt_from": learnt_from(student, step.results),
                **student,
            }
            for step in run.of("distill")
            for student in step.results["students"]
        ],
        [step.results["history"] for step in run.of("discover") if step.results.get("history")],
        seconds.get("total") if isinstance(seconds, Mapping) else seconds,
        sum(int(step.results.get("networks_measured") or 0) for step in run.steps),
    )


def _collapse(results: Row) -> list[str]:
    found = results.get("collapse")
    if isinstance(found, Mapping):
        found = [found] if "sentence" in found else list(found.values())
    return [check["sentence"] for check in found or []]


def _families(sides: Sequence[Side]) -> Iterator[dict[str, Any]]:
    """One table per ground truth that some run has ranked: proxies, and scores that differ."""
    rows = [row for side in sides for row in side.rows]
    keys = dict.fromkeys(map(_key, rows))
    for number, (table, target) in enumerate(keys, start=1):
        mine = [row for row in rows if _key(row) == (table, target)]
        shown = _distinct(mine)
        named = [{**row, "score": _name(row, mine)} for row in shown]
        yield {
            "name": f"{table}, {target}",
            "rows": sorted(shown, key=lambda r: -2 if r["tau"] is None else r["tau"])[::-1],
            "forest": inline(forest(named, f"compared-{number}")),
        }


def _key(row: Row) -> tuple[str, str]:
    return str(row.get("table") or row["space"]), row["target"]


def _distinct(rows: Sequence[Row]) -> list[Row]:
    """Rows without repetitions: #params on the same architectures is the same in all runs."""
    seen: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        which = row["run"] if sentences.is_proxy(row) else ""
        seen.setdefault((row["score"], which, row["n"], row["tau"]), row)
    return list(seen.values())


def _name(row: Row, rows: Sequence[Row]) -> str:
    alone = sum(other["score"] == row["score"] for other in _distinct(rows)) == 1
    return row["score"] if alone else f"{row['score']}: {row['run']}"


def _curves(sides: Sequence[Side]) -> Any:  # noqa: ANN401 - markup or nothing
    curves = [(side.label, history) for side in sides for history in side.histories]
    curves = [(label, history) for label, history in curves if len(history) > 1][: len(SERIES)]
    if len(curves) < 2:
        return None
    with Drawing("curves", height=3.2) as drawing:
        (axes,) = drawing.panels
        for (label, history), colour in zip(curves, SERIES, strict=False):
            axes.plot(
                [row["generation"] for row in history],
                [row["best"] for row in history],
                color=colour,
                label=label,
            )
        axes.set_xlabel("generation")
        axes.set_ylabel("best fitness")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        last = ", ".join(f"{label} {history[-1]['best']:.3f}" for label, history in curves)
        return inline(drawing.svg("Search curves", f"Best fitness at the end: {last}."))


def _differences(sides: Sequence[Side]) -> list[dict[str, Any]]:
    """Options in which the configurations differ, by option."""
    configs = [dict(leaves(_toml(side.run))) for side in sides]
    keys = dict.fromkeys(key for config in configs for key in config)
    found = []
    for key in keys:
        values = [config.get(key) for config in configs]
        if any(value != values[0] for value in values):
            found.append({"key": key, "values": ["–" if v is None else str(v) for v in values]})
    return found


def _toml(run: Run) -> dict[str, Any]:
    try:
        return parse_toml(run.config.encode(), run.path / "config.toml")
    except FileProblem:
        return {}  # shown as having no options; the results are what is compared
