"""Tables of pairs as arrays: what every student reached with every teacher, and which were seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from autodas.core.digest import digest
from autodas.core.errors import InvalidInput
from autodas.tables.labels import NO_TEACHER
from autodas.tables.split import split
from autodas.tables.table import RUNG_COLUMNS, Floats, Table, frozen

__all__ = ["PairRung", "PairSplit", "PairTable", "is_pairs", "pairs_of", "split_pairs"]

Flags = npt.NDArray[np.bool_]
UNSEEN = 1 / 3  # of the teachers


@dataclass(frozen=True, eq=False)
class PairRung:
    """What all pairs had reached at one rung.

    Attributes:
        fidelity: Fraction of a full training.
        cost: In full trainings.
        accuracy: ``(A, T, S)`` on the validation part, in percent; NaN where there is none.
        cross_entropy: ``(A, T, S)`` on the validation part, in nats.
        calibrated_cross_entropy: ``(A, T, S)`` the same at the best temperature T ≥ 1.
        brier: ``(A, T, S)`` squared distance of the probabilities from the labels, in [0, 2].
        kd_loss: ``(A, T, S)`` distance from the teacher on the validation part; NaN without one. It
            has the scale of that teacher.
        agreement: ``(A, T, S)`` percentage of the validation part that student and teacher take for
            the same class; NaN without a teacher.
    """

    fidelity: Fraction
    cost: Fraction
    accuracy: Floats
    cross_entropy: Floats
    calibrated_cross_entropy: Floats
    brier: Floats
    kd_loss: Floats
    agreement: Floats

    def __post_init__(self) -> None:
        for name in RUNG_COLUMNS:
            object.__setattr__(self, name, frozen(getattr(self, name)))


@dataclass(frozen=True, eq=False)
class PairTable:
    """Accuracies of students by teacher.

    Attributes:
        name: Of the table.
        students: A architecture strings, or names.
        teachers: T names; ``"none"`` for labels alone, several joined by ``+``.
        accuracy: ``(A, T, S)`` top-1 in percent on the test part, by seed; NaN where unknown.
        seeds: S seeds.
        facts: Of each teacher what the table says of it, such as its own accuracy.
        rungs: Short trainings, the shortest first.
        meta: What else the table says.
    """

    name: str
    students: tuple[str, ...]
    teachers: tuple[str, ...]
    accuracy: Floats
    seeds: tuple[int, ...]
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rungs: tuple[PairRung, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "accuracy", frozen(self.accuracy))
        shape = (len(self.students), len(self.teachers), len(self.seeds))
        if self.accuracy.shape != shape:
            raise InvalidInput(
                f"table {self.name!r}: accuracies must have the shape (A, T, S) = {shape}, got "
                f"{self.accuracy.shape}"
            )

    @property
    def mean(self) -> Floats:
        """``(A, T)`` mean accuracy over the seeds that are there; NaN where there is none."""
        known = np.isfinite(self.accuracy)
        total = np.where(known, self.accuracy, 0.0).sum(axis=2)
        count = known.sum(axis=2)
        found: Floats = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        return found

    def of_teachers(self, kept: Sequence[int]) -> PairTable:
        """The same of some teachers, by their numbers."""
        rungs = tuple(
            replace(rung, **{name: getattr(rung, name)[:, kept] for name in RUNG_COLUMNS})
            for rung in self.rungs
        )
        teachers = tuple(self.teachers[t] for t in kept)
        return replace(self, teachers=teachers, accuracy=self.accuracy[:, kept], rungs=rungs)


def is_pairs(table: Table) -> bool:
    """Whether it is a table of pairs, whose targets are teachers."""
    return isinstance(table.meta.get("teachers"), list)


def pairs_of(table: Table) -> PairTable:
    """A table of pairs as arrays.

    Raises:
        InvalidInput: it has one teacher.
    """
    if not is_pairs(table):
        raise InvalidInput(
            f"table {table.name!r} is not a table of pairs; autodas label --teachers makes one"
        )
    said = {each["name"]: each for each in table.meta["teachers"]}
    teachers = tuple(name for name in said if name in table.targets)
    runs = {name: (table.targets[name].seeds, table.targets[name].per_seed) for name in teachers}
    seeds = tuple(sorted({seed for mine, _ in runs.values() for seed in mine}))

    def cube(parts: Mapping[str, tuple[Sequence[int], Floats | None]]) -> Floats:
        found = np.full((len(table), len(teachers), len(seeds)), np.nan)
        for name, (mine, values) in parts.items():
            if values is not None:
                found[:, teachers.index(name), [seeds.index(seed) for seed in mine]] = values
        return found

    rungs = []
    for fidelity in sorted({each.fidelity for each in table.rungs}):
        mine = [each for each in table.rungs if each.fidelity == fidelity]
        measured = {
            column: cube({each.target: (each.seeds, getattr(each, column)) for each in mine})
            for column in RUNG_COLUMNS
        }
        rungs.append(PairRung(fidelity, mine[0].cost, **measured))
    return PairTable(
        table.name,
        table.architectures,
        teachers,
        cube(runs),
        seeds,
        said,
        tuple(rungs),
        table.meta,
    )


@dataclass(frozen=True, eq=False)
class PairSplit:
    """Which pairs may be learnt from, and what is new in the others; ``(A, T)`` each.

    Every pair is in exactly one.

    Attributes:
        seen: Student and teacher may be learnt from.
        unseen_students: The teacher may, the student may not.
        unseen_teachers: The student may, the teacher may not.
        both_unseen: Neither may.
    """

    seen: Flags
    unseen_students: Flags
    unseen_teachers: Flags
    both_unseen: Flags


def split_pairs(table: PairTable, salt: str = "autodas") -> PairSplit:
    """Decide by digest which students and which teachers are kept unseen.

    Students as in any table: unseen are those of the part that is reported. Of the teachers, a
    third in the order of their digests, and those that have one of them as a member; learning from
    labels alone is always seen.

    Args:
        table: The pairs.
        salt: Changes the assignment.
    """
    students = np.zeros(len(table.students), dtype=bool)
    students[split(table.students, salt=salt).report] = True
    members = {name: _members(table, name) for name in table.teachers}
    alone = sorted({each for some in members.values() for each in some}, key=_order(salt))
    hidden = set(alone[len(alone) - round(UNSEEN * len(alone)) :])
    teachers = np.array([bool(hidden & set(members[name])) for name in table.teachers])
    new_student, new_teacher = students[:, None], teachers[None, :]
    return PairSplit(
        seen=~new_student & ~new_teacher,
        unseen_students=new_student & ~new_teacher,
        unseen_teachers=~new_student & new_teacher,
        both_unseen=new_student & new_teacher,
    )


def _members(table: PairTable, name: str) -> list[str]:
    if name == NO_TEACHER:
        return []
    listed = table.facts.get(name, {}).get("members")
    return [str(each.get("digest", each.get("name"))) for each in listed] if listed else [name]


def _order(salt: str) -> Any:  # noqa: ANN401 - a key of sorted
    return lambda name: digest("split of teachers", salt, name)
