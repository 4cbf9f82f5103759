"""A table of pairs as one family, whose members are students beside a teacher each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from autodas.backends import Jobs
from autodas.core.errors import InvalidInput
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed, Ok, Result
from autodas.scores import SCORES, Subjects
from autodas.scores.score import Values
from autodas.spaces import Space
from autodas.statistics import STATISTICS, Store
from autodas.tables import Part, Split, Table, Target, Training, split
from autodas.tables.labels import NO_TEACHER
from autodas.tables.pairs import PairTable, is_pairs, pairs_of, split_pairs
from autodas.tables.table import RUNG_COLUMNS, RungLabels
from autodas.workbench.families import (
    DEFAULT_TARGET,
    SIZES,
    Family,
    as_labelled,
    parse_pair,
    parted,
    remade_teachers,
)
from autodas.workbench.ground_truth import space_of
from autodas.workbench.measuring import MeasuredSpace, measure_beside
from autodas.workbench.protocol import Protocol
from autodas.workbench.ways import refuse_twins, way_of

__all__ = ["ALL_PAIRS", "PairFamily", "asks_for_pairs", "load_pairs", "simple_rules", "taught"]

Index = npt.NDArray[np.intp]
ALL_PAIRS = "pairs"
"""Target of a family of pairs."""


@dataclass(frozen=True, eq=False)
class PairFamily(Family):
    """All pairs of a table, P of them; what of a family is by architecture is by pair here.

    Attributes:
        student: ``(P,)`` number of the student of each pair.
        teacher: ``(P,)`` number of its teacher.
        teachers: Names, T of them; learning from labels alone is none of them.
        facts: Of each teacher what the table says of it.
        unseen: What is new in the pairs that nothing is learnt from -> ``(n,)`` their rows:
            ``unseen students`` (the report part), ``unseen teachers`` and ``both unseen``.
    """

    student: Index
    teacher: Index
    teachers: tuple[str, ...]
    facts: Mapping[str, Mapping[str, Any]]
    unseen: Mapping[str, Index]

    @property
    def owners(self) -> Index:
        """``(2, P)`` numbers of student and teacher."""
        return np.stack([self.student, self.teacher])


def asks_for_pairs(pair: str, table: Table) -> bool:
    """Whether all pairs are meant, by ``TABLE`` or ``TABLE:pairs``, or students of one teacher."""
    return is_pairs(table) and parse_pair(pair)[1] in (DEFAULT_TARGET, ALL_PAIRS)


def load_pairs(
    name: str,
    leaves: Iterable[str],
    protocol: Protocol,
    *,
    space: str | None = None,
    cache: Path | None = None,
    jobs: Jobs = 1,
    limit: int | None = None,
    sample: int | None = None,
    split_seed: int = 0,
    memory: int | None = None,
    progress: Progress = Silent(),
) -> PairFamily:
    """Read a table of pairs and measure every student beside every teacher.

    A student is run once. Which students and which teachers are kept unseen is decided by digest,
    as of :func:`autodas.tables.pairs.split_pairs`; of the others, students are parted into those
    that are searched and those that are chosen on.

    Args are those of :func:`autodas.workbench.families.load_family`, of students in the place of
    architectures, but for ``name``, of the table alone; the teachers are those of the table.

    Raises:
        InvalidInput: as of :func:`taught`.
    """
    table, _ = parted(name, space, limit=limit, sample=sample)
    students, names = space_of(table, space), tuple(dict.fromkeys([*SIZES, *leaves]))
    pairs, told, measured = _measured(
        table, students, names, protocol, cache=cache, jobs=jobs, progress=progress
    )
    subjects = _subjects(students, pairs, measured.store, memory)
    parts, unseen = _parts(pairs, split_seed)
    flat = _flat(table, pairs, subjects.architectures)
    student, teacher = _owners(pairs)
    return PairFamily(
        students,
        flat,
        ALL_PAIRS,
        flat.targets[ALL_PAIRS].values,
        parts,
        subjects,
        protocol,
        measured.networks,
        measured.seconds,
        student=student,
        teacher=teacher,
        teachers=pairs.teachers,
        facts={each: dict(pairs.facts[each]) for each in pairs.teachers},
        unseen=unseen,
        remade=told,
    )


def _measured(
    table: Table,
    students: Space,
    names: Sequence[str],
    protocol: Protocol,
    *,
    cache: Path | None,
    jobs: Jobs,
    progress: Progress,
) -> tuple[PairTable, tuple[str, ...], MeasuredSpace]:
    """The pairs, what to know of their teachers, and the statistics of every pair.

    What looks at students alone is known without the teachers, whose files few people have.
    """
    alone = all(STATISTICS.get(each).alone for each in names)
    pairs, protocols = taught(table, protocol, alone=alone)
    teachers, told = pairs.teachers, tuple[str, ...]()
    if not alone:
        told = remade_teachers(table, pairs.teachers, progress)
        teachers = tuple(str(each.teacher) for each in protocols)
        for each in teachers:
            refuse_twins(way_of(each))
    where = replace(protocol, data=protocols[0].data)
    measured = measure_beside(
        students, pairs.students, names, where, teachers, cache=cache, jobs=jobs, progress=progress
    )
    return pairs, told, measured


def simple_rules(family: PairFamily) -> dict[str, Result[Values]]:
    """``(P,)`` what is known of pairs without measuring anything beside a teacher, by name."""
    members = [family.facts[name].get("members", ()) for name in family.teachers]
    stated = [[each.get("accuracy") for each in some] for some in members]
    known = [float(np.mean(each)) if each and None not in each else np.nan for each in stated]
    accuracy = np.asarray(known)[family.teacher]
    found: dict[str, Result[Values]] = {
        name: SCORES.get(name).compute(family.subjects) for name in ("params", "depth")
    }
    teacher, both = "teacher_accuracy", "params_and_teacher_accuracy"
    if not np.isfinite(accuracy).all():
        missing = Failed("the table does not state the accuracy of every teacher")
        return {**found, teacher: missing, both: missing}
    together = rankdata(family.sizes[0]) + rankdata(accuracy)
    return {**found, teacher: Ok(accuracy), both: Ok(together)}


def _owners(pairs: PairTable) -> tuple[Index, Index]:
    """``(P,)`` numbers of the student and of the teacher of each pair, students first."""
    students, teachers = len(pairs.students), len(pairs.teachers)
    return np.repeat(np.arange(students), teachers), np.tile(np.arange(teachers), students)


def taught(
    table: Table, protocol: Protocol, *, alone: bool = False
) -> tuple[PairTable, list[Protocol]]:
    """The pairs of a table that have a teacher, and for each teacher what they are measured with.

    Args:
        table: The pairs.
        protocol: What is asked for.
        alone: Whether only students are looked at, so that teachers may be mere names.

    Raises:
        InvalidInput: a teacher is asked for, those of the table cannot be had, or there are not two
            of them.
    """
    name = table.name
    for option, given in (
        ("--teacher", protocol.teacher),
        ("--more-teachers", " ".join(protocol.more_teachers)),
    ):
        if given:
            raise InvalidInput(
                f"table {name!r} has a teacher for every pair; leave out {option} {given}, or "
                f"name one column of the table, {name}:TEACHER"
            )
    pairs = _with_teachers(pairs_of(table))
    protocols = [as_labelled(protocol, table, teacher) for teacher in pairs.teachers]
    for teacher, each in zip(pairs.teachers, protocols, strict=True):
        if each.teacher is None and not alone:
            other = f", or taught on other data than {protocol.data!r}" if protocol.data else ""
            raise InvalidInput(
                f"table {name!r} does not say who its teacher {teacher!r} is{other}; its header "
                "lists the 'members' of every teacher"
            )
    return pairs, protocols


def _with_teachers(pairs: PairTable) -> PairTable:
    """The table without learning from labels alone, which nothing can be compared with."""
    kept = [t for t, name in enumerate(pairs.teachers) if name != NO_TEACHER]
    if len(kept) < 2:
        raise InvalidInput(f"table {pairs.name!r} has fewer than two teachers to tell apart")
    return pairs.of_teachers(kept)


def _subjects(space: Space, pairs: PairTable, store: Store, memory: int | None) -> Subjects:
    depth = [float(space.depth(space.decode(text))) for text in pairs.students]
    subjects = Subjects(
        tuple(f"{text} beside {name}" for text in pairs.students for name in pairs.teachers),
        np.repeat(depth, len(pairs.teachers)),
        store.columns,
        store.missing,
        space.name,
        space.precision == "double",
    )
    return subjects if memory is None else subjects.within(memory)


def _parts(pairs: PairTable, seed: int) -> tuple[Split, dict[str, Index]]:
    salt = "autodas" if seed == 0 else f"autodas {seed}"
    found = split_pairs(pairs, salt)
    by_student = split(pairs.students, salt=salt)
    rows = {}
    for name in ("search", "validation"):
        mine = np.zeros(found.seen.shape, dtype=bool)
        mine[getattr(by_student, name)] = True
        rows[name] = np.flatnonzero(mine & found.seen)
    unseen = {
        "unseen students": np.flatnonzero(found.unseen_students),
        "unseen teachers": np.flatnonzero(found.unseen_teachers),
        "both unseen": np.flatnonzero(found.both_unseen),
    }
    return Split(rows["search"], rows["validation"], unseen["unseen students"]), unseen


def _flat(table: Table, pairs: PairTable, called: tuple[str, ...]) -> Table:
    """The pairs as the rows of a table with one target; those of a student belong together."""
    runs = pairs.accuracy.reshape(len(called), -1)
    target = Target(
        ALL_PAIRS,
        str(table.meta.get("dataset", "unknown")),
        Training.DISTILLED,
        Part(table.meta.get("part", "test")),
        pairs.mean.ravel(),
        pairs.seeds,
        runs,
    )
    rungs = [
        RungLabels(
            ALL_PAIRS,
            Training.DISTILLED,
            rung.fidelity,
            rung.cost,
            pairs.seeds,
            **{name: getattr(rung, name).reshape(len(called), -1) for name in RUNG_COLUMNS},
        )
        for rung in pairs.rungs
    ]
    return Table(
        table.name,
        table.space,
        called,
        {ALL_PAIRS: target},
        table.source,
        table.digest,
        rungs=tuple(rungs),
        groups=tuple(text for text in pairs.students for _ in pairs.teachers),
    )
