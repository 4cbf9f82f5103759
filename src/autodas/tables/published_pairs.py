"""Published accuracies by teacher, student and method, as tables of pairs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from autodas.core.errors import FileProblem
from autodas.core.places import data_file, expanded
from autodas.tables.cells import Sheet, read_sheet
from autodas.tables.labels import NO_TEACHER
from autodas.tables.pairs import PairTable

__all__ = ["PUBLISHED_PAIRS", "published_pairs"]

PUBLISHED_PAIRS = "kd_teacher_student_method.csv"
"""A file of this kind, looked for in the folder that ``AUTODAS_DATA`` names."""
COLUMNS = ("source", "dataset", "teacher", "student", "method", "top1")
TEACHER, VANILLA = "teacher", "student_vanilla"  # "methods" that are none


def published_pairs(path: Path | str | None = None) -> list[PairTable]:
    """One table for each source, data set and method of distillation.

    The file has a row per number, with the columns ``source, dataset, teacher, student, method,
    top1``. The method ``teacher`` is the teacher's own accuracy, ``student_vanilla`` the student's
    without one, which each table holds under ``none``. Each student has a few of the teachers:
    where there is no number, accuracies are NaN.

    Args:
        path: The file; by default ``PUBLISHED_PAIRS`` in the folder that ``AUTODAS_DATA`` names.

    Raises:
        MissingData: it is not here; the message says how to provide it.
        FileProblem: a column is missing, a cell is not what it should be, or two rows contradict.
    """
    sheet = read_sheet(data_file(PUBLISHED_PAIRS) if path is None else expanded(Path(path)))
    missing = [name for name in COLUMNS if name not in sheet.columns]
    if missing:
        raise FileProblem(sheet.path, f"column {missing[0]} is missing; expected are {COLUMNS}")
    numbers = _numbers(sheet)
    groups = dict.fromkeys((source, data) for source, data, *_ in numbers)
    return [
        _table(source, data, method, numbers)
        for source, data in groups
        for method in dict.fromkeys(m for s, d, m, _, _ in numbers if (s, d) == (source, data))
        if method not in (TEACHER, VANILLA)
    ]


Key = tuple[str, str, str, str, str]  # source, data set, method, student, teacher


def _numbers(sheet: Sheet) -> dict[Key, float]:
    found: dict[Key, float] = {}
    for row, value in enumerate(sheet.percentages("top1")):
        source, data, teacher, student, method = (
            sheet.rows[row][name].strip() for name in COLUMNS[:-1]
        )
        # A teacher's accuracy is no student's, and a student alone has no teacher.
        student = "" if method == TEACHER else student
        teacher = "" if method == VANILLA else teacher
        if np.isnan(value):
            raise sheet.problem(row, "top1", "the cell is empty")
        key = (source, data, method, student, teacher)
        if found.setdefault(key, float(value)) != value:
            raise sheet.problem(row, "top1", f"an earlier row says {found[key]:g} of the same")
    return found


def _table(source: str, data: str, method: str, numbers: Mapping[Key, float]) -> PairTable:
    pairs = [(a, t) for s, d, m, a, t in numbers if (s, d, m) == (source, data, method)]
    students = tuple(dict.fromkeys(student for student, _ in pairs))
    teachers = tuple(dict.fromkeys(teacher for _, teacher in pairs))
    accuracy = np.full((len(students), len(teachers) + 1, 1), np.nan)
    for row, student in enumerate(students):
        for column, teacher in enumerate(teachers):
            key = (source, data, method, student, teacher)
            accuracy[row, column, 0] = numbers.get(key, np.nan)
        accuracy[row, -1, 0] = numbers.get((source, data, VANILLA, student, ""), np.nan)
    own = {t: numbers.get((source, data, TEACHER, "", t)) for t in teachers}
    facts = {name: {"name": name, "accuracy": value} for name, value in own.items()}
    return PairTable(
        f"{source} {data} {method}",
        students,
        (*teachers, NO_TEACHER),
        accuracy,
        (0,),
        facts,
        meta={"source": source, "dataset": data, "method": method},
    )
