"""TransNAS-Bench-101: what architectures are worth for seven tasks, and published scores.

Duan et al., CVPR 2021; the scores are those of NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS
2022).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from autodas.core.errors import FileProblem, InvalidInput
from autodas.tables.cells import Sheet, unique
from autodas.tables.nasbench import nasbench201_class, published_scores, spread_over
from autodas.tables.table import Part, Table, Target, Training

__all__ = ["TASKS", "read_transnas", "transnas_micro_class"]

TASKS = {
    "class_scene": 1,
    "class_object": 1,
    "jigsaw": 1,
    "room_layout": 100,
    "segmentsemantic": 1,
    "autoencoder": 100,
    "normal": 100,
}
"""Tasks, and by what their numbers are multiplied: accuracies are percentages, similarities of
images (SSIM) lie below 1, and so does the loss of room layouts, whose sign is turned."""

_NUMBERS = re.compile(r"\((\d)" + r", *(\d)" * 5 + r"\)")
_MICRO = re.compile(r"64-41414-(\d)_(\d)(\d)_(\d)(\d)(\d)")
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")  # as NAS-Bench-201 says it


def read_transnas(sheet: Sheet, space: str | None) -> Table:
    """The columns ``task``, ``arch``, ``val_accuracy`` and published scores.

    The rows of one architecture, one per task, become one row of the table: the targets are the
    tasks and the scores ``<task>/<score>``.
    """
    tasks, texts = sheet.text("task"), sheet.text("arch")
    for row, task in enumerate(tasks):
        if task not in TASKS:
            known = ", ".join(("cifar10", *TASKS))
            raise sheet.problem(row, "task", f"{task[:60]!r} is none of {known}")
    name = space or _space_of(sheet, texts)
    names = sheet.architectures(texts, "arch", name)
    lines = [f"line {line}" for line in sheet.lines]
    unique(sheet.path, [f"{t} {a}" for t, a in zip(tasks, names, strict=True)], lines)
    architectures, spread = spread_over(tasks, names)
    values, scores = sheet.numbers("val_accuracy"), published_scores(sheet)
    return Table(
        name=sheet.path.stem,
        space=name,
        architectures=architectures,
        targets={
            task: Target(
                task, task, Training.VANILLA, Part.VALIDATION, TASKS[task] * spread(task, values)
            )
            for task in dict.fromkeys(tasks)
        },
        source=str(sheet.path),
        digest=sheet.digest,
        groups=_groups(sheet, architectures) if name == "transnas-micro" else None,
        published={
            f"{task}/{score}": spread(task, each)
            for task in dict.fromkeys(tasks)
            for score, each in scores.items()
        },
    )


def _space_of(sheet: Sheet, texts: Sequence[str]) -> str:
    """The space whose numbers these are: only in cells is nothing on one of the first four places,
    and only modules have a fourth kind.

    Raises:
        FileProblem: they may be of either.
    """
    digits = ["".join(found.groups()) for text in texts if (found := _NUMBERS.fullmatch(text))]
    if any("4" in each for each in digits):
        return "transnas-macro"
    if any("0" in each[:4] for each in digits):
        return "transnas-micro"
    raise FileProblem(
        sheet.path,
        "its architectures may be of transnas-macro or of transnas-micro; say which with --space",
    )


def _groups(sheet: Sheet, architectures: Sequence[str]) -> tuple[str, ...]:
    try:
        return tuple(map(transnas_micro_class, architectures))
    except InvalidInput as error:
        raise FileProblem(sheet.path, str(error)) from None


def transnas_micro_class(architecture: str) -> str:
    """Text shared by cells that compute the same function where nothing changes its shape.

    As of NAS-Bench-201 (:func:`~autodas.tables.nasbench.nasbench201_class`). In three cells of ten
    a skip from the input is a convolution that halves the resolution, so that some cells of one
    class differ there: for a split that only means to keep alike networks together.

    Raises:
        InvalidInput: the text is not a cell.
    """
    found = _NUMBERS.fullmatch(architecture) or _MICRO.fullmatch(architecture)
    digits = "".join(found.groups()) if found else "9"
    if max(digits) >= str(len(OPERATIONS)):
        raise InvalidInput(f"{architecture[:60]!r} is not a cell of TransNAS-Bench-101")
    a, b, c, d, e, f = (OPERATIONS[int(digit)] for digit in digits)
    return nasbench201_class(f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|")
