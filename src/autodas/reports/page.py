"""The page: what goes where, rendered by one template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autodas import __version__
from autodas.core.errors import FileProblem
from autodas.core.files import refuse_linked_folders, write_bytes, write_text
from autodas.core.looks import looks_of, said
from autodas.reports import sentences, spell
from autodas.reports.chosen import accuracies_by_way, chosen_student, is_taught, learnt_from
from autodas.reports.classes import classes_of
from autodas.reports.environment import DAMAGE, page_text
from autodas.reports.explained import ablations, collapses, explained, graph_uri
from autodas.reports.figures import contest as figures_contest
from autodas.reports.figures import regret as figures_regret
from autodas.reports.figures import scores as figures
from autodas.reports.figures import students as figures_students
from autodas.reports.figures import teachers as figures_teachers
from autodas.reports.figures.ablation import write_ablation
from autodas.reports.figures.pdf import collecting
from autodas.reports.figures.svg import formula_svg, inline, write_figures
from autodas.reports.finalists import finalists_of
from autodas.reports.read import Run, read_run
from autodas.reports.spell import broken

__all__ = ["build", "render"]

FILE = "report.html"
MOST_STUDENTS = 10
Unique = Callable[[str], str]


def build(path: Path, *, pdf: bool = False) -> Path:
    """Write ``report.html`` into a run directory, and its figures into ``figures``.

    Args:
        path: Run directory of run, discover, benchmark, search, distill or demo.
        pdf: Write the figures as PDF, too.

    Returns:
        The file that was written. It loads nothing else.

    Raises:
        FileProblem: the folder holds no finished run, or its results are damaged.
    """
    run = read_run(path)
    refuse_linked_folders(path, ["figures"])
    target = path / FILE
    with collecting(pdf) as drawn:
        page = render(run)
    write_text(target, page)
    write_figures(page, path / "figures")
    for name, figure in drawn.items():
        write_bytes(path / "figures" / f"{name}.pdf", figure)
    if run.command == "ablate":
        write_ablation(path)
    return target


def render(run: Run) -> str:
    """The page as text.

    Raises:
        FileProblem: the results lack something that their step always writes.
    """
    try:
        return page_text("report.html.j2", _context(run))
    except DAMAGE as error:
        why = f"is not what {run.command!r} writes ({type(error).__name__}: {error})"
        raise FileProblem(run.path / "results.json", why) from error


def _context(run: Run) -> dict[str, Any]:
    names = Counter[str]()

    def unique(kind: str) -> str:
        names[kind] += 1
        return f"{kind}-{names[kind]}"

    return {
        "run": run,
        "version": __version__,
        "title": _title(run),
        "asked": sentences.asked(run),
        "chosen": sentences.chosen(run),
        "looks": list(dict.fromkeys(said(each) for s in run.steps for each in looks_of(s.path))),
        "why": [str(sentence) for sentence in run.results.get("why") or []],
        "findings": sentences.gained(run),
        "cost": sentences.cost(run),
        "tiles": list(_tiles(run)),
        "gain": sentences.gain(run),
        "proxies": [_proxy(step, unique("formula")) for step in run.of("discover")],
        "ablations": [a for step in run.of("ablate") for a in ablations(step, unique)],
        "explained": [explained(step, unique) for step in run.of("explain")],
        "collapses": [c for step in run.of("discover", "explain") for c in collapses(step, unique)],
        "families": [
            f
            for step in run.of("discover", "benchmark")
            for f in _families(step, unique, _chosen(run))
        ],
        "teachers": [_teachers(step, unique("teachers")) for step in run.of("teachers")],
        "searches": [_search(step, unique("budget")) for step in run.of("search")],
        "contests": list(_contests(run, unique)),
        "distilled": [_distilled(step, unique) for step in run.of("distill")],
        "costs": [cost for step in run.steps for cost in _costs(step)],
    }


def _title(run: Run) -> str:
    titles = {
        "demo": "Discover, search and distil",
        "run": "A student was found and distilled",
        "discover": "A proxy was discovered",
        "ablate": "What each part of discovery is worth",
        "benchmark": "Scores compared",
        "explain": "A score explained",
        "search": "Students were searched",
        "distill": "A student was distilled",
        "teachers": "Teachers compared",
    }
    return titles[run.command]


@dataclass(frozen=True)
class Tile:
    """One number that stands for a result, with what to compare it with."""

    name: str
    value: str
    beside: str


def _tiles(run: Run) -> Iterator[Tile]:
    for step in run.of("discover"):
        for row in filter(sentences.is_proxy, step.results["rows"]):
            delta = row.get("delta_params")
            size = None if delta is None or row["tau"] is None else row["tau"] - delta
            yield Tile(
                f"Kendall τ on {row['space']}",
                spell.number(row["tau"]),
                f"#params alone {spell.number(size)}",
            )
    for step in run.of("distill"):
        student, teacher = step.results["students"][0], step.results.get("teacher_accuracy")
        beside = [] if is_taught(student) else ["from labels alone"]
        if teacher is not None or is_taught(student):
            beside.append(f"teacher {spell.percent(teacher)}")
        yield Tile(
            f"student’s accuracy on {step.results['space']}",
            spell.percent(student["accuracy"]),
            ", ".join(beside),
        )


def _proxy(step: Run, name: str) -> dict[str, Any]:
    proxy, history = step.results["proxy"], step.results.get("history") or []
    drawn = formula_svg(proxy["latex"], name) if proxy.get("latex") else None
    return {
        **proxy,
        "svg": inline(drawn),
        "lines": broken(proxy["text"]),
        "graph": graph_uri(step),
        "curve": inline(figures.search_curve(history)) if len(history) > 1 else None,
        "evaluations": step.results.get("evaluations"),
        "distinct": step.results.get("distinct"),
        "failures": step.results.get("failures") or {},
    }


def _chosen(run: Run) -> dict[str, set[str]]:
    """Space -> architectures that a search or a distillation of the run chose."""
    found: dict[str, set[str]] = {}
    for step in run.of("search", "distill"):
        # The first of a distillation is the chosen one, whatever was searched before.
        found.setdefault(step.results["space"], set()).add(chosen_student(step.results)["arch"])
    return found


def _families(
    step: Run, unique: Unique, chosen: Mapping[str, set[str]]
) -> Iterator[dict[str, Any]]:
    """Everything about one pair of a table and a target."""
    rows = step.results["rows"]
    pairs = {_key(p): p for p in step.results.get("pairs") or []}
    clouds = {(s["space"], s["target"]): s for s in step.results.get("scatter") or []}
    for key in dict.fromkeys(_key(row) for row in rows):
        mine = [row for row in rows if _key(row) == key]
        space, target = mine[0]["space"], mine[0]["target"]
        cloud = None
        if (space, target) in clouds:
            marks = chosen.get(space, set())
            cloud = figures.scatter(clouds[space, target], mine, unique("scatter"), marks)
        yield {
            "space": space,
            "table": mine[0].get("table"),
            "target": target,
            "pair": pairs.get(key, pairs.get((space, target), {})),
            "n": max(row["n"] for row in mine),
            # Only discovery knows what it has not seen; a benchmark compares on what it is given.
            "which": "unseen architectures" if step.command == "discover" else "architectures",
            "rows": sorted(mine, key=lambda row: -2 if row["tau"] is None else row["tau"])[::-1],
            "timed": any(row.get("seconds_per_arch") is not None for row in mine),
            "costs": any(row.get("cost") is not None for row in mine),
            "weighted": any(row.get("weighted_tau") is not None for row in mine),
            "stable": [row for row in mine if row.get("stability")],
            "scatter": inline(cloud),
            "forest": inline(figures.forest(mine, unique("forest"))),
            "regret": inline(figures_regret.regret(mine, unique("regret"))),
            "lost": [row for row in mine if row.get("regret")],
            "topped": [row for row in mine if row.get("top")],
        }


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    """What tells two families apart: a table may hold several spaces' worth of targets."""
    return str(row.get("table") or row["space"]), row["target"]


def _teachers(step: Run, name: str) -> dict[str, Any]:
    results = step.results
    return {**results, "figure": inline(figures_teachers.regret(results["teachers"], name))}


def _search(step: Run, name: str) -> dict[str, Any]:
    results = step.results
    students, chosen = results["students"], chosen_student(results)
    shown = students if results.get("pareto") else students[:MOST_STUDENTS]
    if chosen["arch"] not in [student["arch"] for student in shown]:
        shown = [*shown, chosen]
    return {
        **results,
        "chosen": chosen,
        "shown": shown,
        "memory": any("memory" in student for student in shown),
        "latency": any("latency" in student for student in shown),
        "figure": inline(figures_students.budget(results, name)),
    }


def _contests(run: Run, unique: Unique) -> Iterator[dict[str, Any]]:
    """What is to be said of finalists, but for sentences that stand at the top of the page."""
    said = run.results.get("why") or []
    for step in run.of("search"):
        contest = step.results.get("contest")
        if not contest:
            continue
        finalists = finalists_of(contest)
        rungs = [
            {**rung, "seconds": sum(each["seconds"] or 0.0 for each in rung["results"])}
            for rung in contest["rungs"]
        ]
        why = [sentence for sentence in step.results["why"] if sentence not in said]
        if rungs or why:
            yield {
                **contest,
                "space": step.results["space"],
                "why": why,
                "finalists": finalists,
                "rungs": rungs,
                "figure": inline(figures_contest.contest(finalists, rungs, unique("finalists"))),
            }


def _distilled(step: Run, unique: Unique) -> dict[str, Any]:
    students = [
        {
            **student,
            "learnt_from": learnt_from(student, step.results),
            "ways": [way and sum(way) / len(way) for way in accuracies_by_way(student)],
        }
        for student in step.results["students"]
    ]
    return {
        **step.results,
        "students": students,
        "figure": inline(figures_students.students(step.results, unique("students"))),
        "training": inline(figures_students.training(step.results, unique("training"))),
        "classes": classes_of(step.results, unique),
    }


def _costs(step: Run) -> Iterator[dict[str, Any]]:
    """Seconds by step and by part of a step."""
    results = step.results
    seconds = results.get("seconds")
    spans = seconds if isinstance(seconds, Mapping) else {"total": seconds}
    name = " · ".join([step.command, *([results["space"]] if "space" in results else [])])
    yield {
        "name": name,
        "seconds": spans.get("total"),
        "parts": {part: value for part, value in spans.items() if part != "total"},
        "networks": results.get("networks_measured"),
    }
