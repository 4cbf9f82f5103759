"""Figures of students: within the budget, after training, and while they trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from autodas.reports.chosen import accuracies_by_way, chosen_student, is_taught
from autodas.reports.figures.scores import MOST_POINTS, short
from autodas.reports.figures.svg import INK, MUTED, PAPER, SERIES, Drawing
from autodas.reports.sentences import largest_called
from autodas.reports.spell import count, number

__all__ = ["budget", "students", "training"]

Row = Mapping[str, Any]


def budget(results: Row, name: str) -> str:
    """Every student within the budget by size and score, with those that were compared."""
    points = results["points"]
    step = max(1, math.ceil(len(points["params"]) / MOST_POINTS))
    with Drawing(name, height=3.4) as drawing:
        (axes,) = drawing.panels
        shown = list(zip(points["params"][::step], points["score"][::step], strict=True))
        cloud = axes.scatter(
            [size for size, _ in shown],
            [score for _, score in shown],
            s=9,
            color=MUTED,
            alpha=0.4,
            linewidths=0,
            label="within the budget",
        )
        drawing.add_tooltips(
            cloud, [f"{count(size)} parameters, score {score:.4g}" for size, score in shown]
        )
        if results.get("pareto") == "params":
            _front(axes, results["students"])
        marked = [("random", each, "s", SERIES[2]) for each in results.get("random", [])]
        largest = results["largest"]
        marked += [(_largest(largest), largest, "D", SERIES[1])]
        chosen, best = chosen_student(results), results["students"][0]
        if chosen["arch"] != best["arch"]:
            marked += [("best score", best, "^", SERIES[3])]
        marked += [("chosen", chosen, "o", SERIES[0])]
        for text, student, marker, colour in marked:
            style: dict[str, Any] = {"color": colour, "ms": 9, "mec": PAPER, "mew": 1.2}
            (point,) = axes.plot(student["params"], student["score"], marker, label=text, **style)
            drawing.add_tooltips(point, [_named(text, student)])
        limit = results.get("budgets", {}).get("max_params")
        if limit is not None:
            axes.axvline(limit, color=MUTED, lw=1.2, ls=(0, (4, 3)))
        axes.set_xlabel("parameters" + (" (dashed: budget)" if limit is not None else ""))
        axes.set_ylabel("score")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        _legend_once(axes)
        return drawing.svg(
            f"Students of {results['space']} within the budget",
            f"Score against parameters of {count(results['within_budget'])} students; the chosen "
            f"one has {count(chosen['params'])} parameters.",
        )


def _front(axes: Axes, front: Sequence[Row]) -> None:
    """The students that none beats in both score and size, as steps."""
    ordered = sorted((student["params"], student["score"]) for student in front)
    sizes, scores = zip(*ordered, strict=True)
    axes.step(sizes, scores, where="post", color=SERIES[0], lw=1.6, label="Pareto front")


def _named(text: str, student: Row) -> str:
    return f"{text}: {student['arch']}, {count(student['params'])} parameters, score " + (
        f"{student['score']:.4g}"
    )


def _legend_once(axes: Axes) -> None:
    handles, texts = axes.get_legend_handles_labels()
    once = dict(zip(reversed(texts), reversed(handles), strict=True))
    axes.legend(
        once.values(), once.keys(), loc="lower left", bbox_to_anchor=(0, 1), ncols=len(once)
    )


def students(results: Row, name: str) -> str:
    """Accuracy of every student: each training a dot, the mean a bar across."""
    trained = list(reversed(results["students"]))
    teacher = results.get("teacher_accuracy")
    with Drawing(name, height=0.75 + 0.36 * len(trained)) as drawing:
        (axes,) = drawing.panels
        for position, student in enumerate(trained):
            colour = SERIES[0] if student["role"] == "chosen" else INK
            for values, taught in zip(accuracies_by_way(student), (True, False), strict=True):
                # Its own way stands beside its name, the other one below.
                height = position - (0 if taught == is_taught(student) else 0.2)
                fill = colour if taught else PAPER
                axes.plot(values, [height] * len(values), "o", color=colour, mfc=fill, ms=5.5)
            axes.plot(student["accuracy"], position, "|", color=colour, ms=17, mew=2.4)
        if teacher is not None:
            axes.axvline(teacher, color=SERIES[1], lw=1.6, ls=(0, (4, 3)))
        axes.set_yticks(range(len(trained)), [_role(student) for student in trained])
        axes.tick_params(axis="y", labelcolor=INK, length=0)
        axes.grid(axis="y", visible=False)
        axes.set_ylim(-0.6, len(trained) - 0.4)
        axes.set_xlabel("test accuracy, %")
        _students_legend(axes, trained, teacher)
        means = ", ".join(f"{_role(s)} {number(s['accuracy'], 1)} %" for s in results["students"])
        return drawing.svg(f"Students of {results['space']} compared", f"Mean accuracy: {means}.")


def _students_legend(axes: Axes, trained: Sequence[Row], teacher: float | None) -> None:
    dot: dict[str, Any] = {"marker": "o", "ls": "", "color": INK, "ms": 5.5}
    handles = [
        Line2D([], [], label="mean", **{**dot, "marker": "|", "ms": 11, "mew": 2.4}),
    ]
    if any(accuracies_by_way(student)[0] for student in trained):
        handles.insert(0, Line2D([], [], label="distilled, one training", **dot))
    if any(accuracies_by_way(student)[1] for student in trained):
        handles.append(Line2D([], [], label="without teacher", **{**dot, "mfc": PAPER}))
    if teacher is not None:
        handles.append(Line2D([], [], color=SERIES[1], ls=(0, (4, 3)), label="teacher"))
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(handles))


def _role(student: Row) -> str:
    return _largest(student) if student["role"] == "largest" else str(student["role"])


def _largest(student: Row) -> str:
    return largest_called(student).removeprefix("the ")


def training(results: Row, name: str) -> str | None:
    """Loss over the epochs, the chosen student in colour; None if it was not followed."""
    curves = [
        (student["role"], [(r["epoch"], r["loss"]) for r in student.get("history") or []])
        for student in results["students"]
    ]
    curves = [(role, [p for p in points if p[1] is not None]) for role, points in curves]
    curves = [(role, points) for role, points in curves if len(points) > 1]
    if not curves:
        return None
    with Drawing(name, height=2.8) as drawing:
        (axes,) = drawing.panels
        for role, points in reversed(curves):
            chosen = role == "chosen"
            axes.plot(
                [epoch for epoch, _ in points],
                [loss for _, loss in points],
                color=SERIES[0] if chosen else MUTED,
                lw=2.2 if chosen else 1.1,
                label="chosen" if chosen else "others",
            )
        axes.set_xlabel("epoch")
        axes.set_ylabel("training loss")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _legend_once(axes)
        return drawing.svg(
            f"Training on {results['space']}",
            f"Training loss over the epochs of {len(curves)} students.",
        )
