"""A family: one space with its ground truth and everything scores can see of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodas.backends import Jobs
from autodas.core.digest import digest
from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.plugins import is_reference, is_trusted
from autodas.core.progress import Progress, Silent
from autodas.core.tasks import CLASSIFICATION, OF_TARGET, Task
from autodas.core.values import Column
from autodas.networks import Cost
from autodas.scores import Subjects
from autodas.scores.score import Values
from autodas.spaces import SPACES, Space
from autodas.statistics import STATISTICS
from autodas.statistics.short import is_short
from autodas.tables import Split, Table, label_noise, split
from autodas.tables.pairs import is_pairs
from autodas.teachers import FEATURES
from autodas.workbench.early import numbers, refuse_short, short_trainings
from autodas.workbench.ground_truth import space_of, table_among
from autodas.workbench.measuring import measure_space
from autodas.workbench.protocol import Protocol
from autodas.workbench.ways import TOGETHER, digests_of

__all__ = [
    "Family",
    "as_labelled",
    "load_family",
    "parse_pair",
    "parted",
    "remade_teachers",
    "split_of",
    "subjects_of",
    "with_labels",
]

SIZES = ("params", "macs")
DEFAULT_TARGET = "distilled"
FEWEST_VALIDATION = 6
"""Architectures that a proxy is chosen on, however few there are to search on."""


@dataclass(frozen=True, eq=False)
class Family:
    """One (space, table, target) with the statistics of its architectures.

    Attributes:
        space: The space.
        table: The ground truth.
        target: Name of the column of the table that is to be predicted.
        truth: ``(A,)`` accuracies in percent, NaN where unknown.
        split: Which architectures discovery sees, which select, which report.
        subjects: What scores see.
        protocol: What they were measured with, as far as it was asked for or the table says.
        networks: Networks that had to be run for it; the others were cached.
        seconds: Network seconds of those.
        remade: Sentences about teachers that are other networks now than when the table was made.
    """

    space: Space
    table: Table
    target: str
    truth: Values
    split: Split
    subjects: Subjects
    protocol: Protocol
    networks: int
    seconds: float
    remade: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.table.name}:{self.target}"

    @property
    def sizes(self) -> tuple[Values, Values]:
        """``(A,)`` parameters and MACs."""
        params, macs = (self.subjects.columns[name].data for name in SIZES)
        return np.asarray(params, dtype=np.float64), np.asarray(macs, dtype=np.float64)

    def describe(self) -> dict[str, Any]:
        """What a report says of it."""
        noise = label_noise(self.table.target(self.target))
        return {
            "space": self.space.name,
            "table": self.table.name,
            "target": self.target,
            "n_search": len(self.split.search),
            "n_validation": len(self.split.validation),
            "n_report": len(self.split.report),
            "label_tau": None if noise is None else noise.tau,
            "label_rho": None if noise is None else noise.rho,
            "remade_teachers": list(self.remade),
        }


def parse_pair(text: str) -> tuple[str, str]:
    """Table and target of ``TABLE`` or ``TABLE:TARGET``; the target is ``distilled`` by default."""
    table, _, target = text.partition(":")
    if not table:
        raise InvalidInput(f"a table is written NAME or NAME:TARGET, got {text!r}")
    return table, target or DEFAULT_TARGET


def load_family(
    pair: str,
    leaves: Iterable[str],
    protocol: Protocol,
    *,
    space: str | None = None,
    cache: Path | None = None,
    jobs: Jobs = 1,
    limit: int | None = None,
    sample: int | None = None,
    labels: int | None = None,
    split_seed: int = 0,
    memory: int | None = None,
    progress: Progress = Silent(),
) -> Family:
    """Read a table and measure its architectures.

    Args:
        pair: ``TABLE`` or ``TABLE:TARGET``.
        leaves: Statistics to measure; sizes are always added.
        protocol: Batch, teacher and initialisation; what it leaves open, the table may say.
        space: Of the architectures, if the table itself does not say.
        cache: Folder of the statistics cache.
        jobs: Processes, or workers.
        limit: As of :func:`parted`.
        sample: The same.
        labels: The same.
        split_seed: The same.
        memory: Bytes of statistics to keep in memory, the rest on disk; None for all.
        progress: Hears of every architecture.
    """
    name, target = parse_pair(pair)
    table, parts = parted(
        name, space, limit=limit, sample=sample, labels=labels, split_seed=split_seed
    )
    leaves, truth = tuple(leaves), table.target(target).values
    short = [leaf for leaf in leaves if is_short(leaf)]
    measured = [leaf for leaf in leaves if not is_short(leaf)]
    students, asked = space_of(table, space), protocol
    protocol = as_labelled(asked, table, target)
    told: tuple[str, ...] = ()
    if protocol.teacher != asked.teacher and any(not STATISTICS.get(n).alone for n in measured):
        told = remade_teachers(table, [target], progress)
    subjects, networks, seconds = subjects_of(
        students, table.architectures, measured, protocol, cache=cache, jobs=jobs, progress=progress
    )
    columns = {**subjects.columns, **short_trainings(table, short)}
    subjects = replace(subjects, columns=columns)
    if memory is not None:
        subjects = subjects.within(memory)
    return Family(
        students, table, target, truth, parts, subjects, protocol, networks, seconds, remade=told
    )


def parted(
    name: str,
    space: str | None = None,
    *,
    limit: int | None = None,
    sample: int | None = None,
    labels: int | None = None,
    split_seed: int = 0,
) -> tuple[Table, Split]:
    """A table as far as it is asked for, and its parts.

    Args:
        name: Of the table.
        space: Of the architectures, if the table itself does not say.
        limit: Only its first rows.
        sample: Only so many rows, those whose digests are smallest.
        labels: Only so many rows of the search part, as :func:`with_labels` says.
        split_seed: Which split, as of :func:`split_of`.
    """
    table = table_among(name, space)
    if limit is not None:
        table = table.limit(limit)
    if sample is not None:
        table = sampled(table, sample)
    parts = split_of(table, split_seed)
    return table, parts if labels is None else with_labels(parts, table.architectures, labels)


def split_of(table: Table, seed: int = 0) -> Split:
    """The parts of a table; every seed has its own, 0 those that are published."""
    salt = "autodas" if seed == 0 else f"autodas {seed}"
    return split(table.architectures, salt=salt, groups=table.groups)


def as_labelled(protocol: Protocol, table: Table, target: str | None = None) -> Protocol:
    """The protocol, with the data, the teacher and the task that the students were trained with.

    Labels of our own say both in their header, and in a table of pairs every target has a teacher
    of its own. What is asked for wins: other data bring their own teacher, since that of the table
    was not trained on them.
    """
    if protocol.task == OF_TARGET:
        protocol = replace(protocol, task=_task_of(table, target))
    data = table.meta.get("dataset")
    if not isinstance(data, str) or protocol.data not in (None, data):
        return protocol
    protocol = replace(protocol, data=data)
    if protocol.teacher is None and (names := _taught_by(table, target)):
        protocol = replace(protocol, teacher=TOGETHER.join(names))
    return protocol


def _task_of(table: Table, target: str | None) -> Task:
    """What a target holds measurements of, where networks of the space have a head for it."""
    tasks = SPACES.get(table.space).tasks if table.space in SPACES else ()
    return next((task for task in tasks if task == target), CLASSIFICATION)


def remade_teachers(
    table: Table, targets: Iterable[str], progress: Progress = Silent()
) -> tuple[str, ...]:
    """What to know of teachers of a table that are other networks by now, a sentence each.

    Statistics then look at networks that have taught none of the table's students. Training a
    teacher again on another processor is enough for it.

    Args:
        table: Its header tells the digests of the teachers.
        targets: Whose teachers are meant.
        progress: Is told as well.
    """
    then = {each["name"]: each.get("digest") for t in targets for each in _said_of(table, t)}
    try:
        now = digests_of(_not_code(name, table.name) for name in then)
    except FileProblem as error:
        why = f"it taught in table {table.name!r}, and more than the student is asked for"
        raise FileProblem(error.path, f"{error.why}; {why}") from error
    told = tuple(
        f"The teacher {name} is another network (digest {now[name][:12]}) than the one that has "
        f"taught the students of {table.name} ({digest[:12]}): statistics look at the new one."
        for name, digest in then.items()
        if isinstance(digest, str) and digest != now[name]
    )
    for sentence in told:
        progress.note(sentence)
    return told


def _taught_by(table: Table, target: str | None) -> list[str]:
    """Names of the teachers of a target; none if the table does not say, or there were none."""
    return [_not_code(each["name"], table.name) for each in _said_of(table, target)]


def _said_of(table: Table, target: str | None) -> list[Mapping[str, Any]]:
    """What a table says of each teacher of a target that it names."""
    members: Sequence[object] = [table.meta.get("teacher")]
    if is_pairs(table):
        said = {each.get("name"): each.get("members", ()) for each in table.meta["teachers"]}
        members = said.get(target, ())
    found = [each for each in members if isinstance(each, Mapping)]
    return [each for each in found if isinstance(each.get("name"), str)]


def _not_code(teacher: str, table: str) -> str:
    """A teacher that a table names. What a file names is not called: the user has to name it, too.

    Raises:
        InvalidInput: it is made by a function, and nobody asked for its module.
    """
    made_by = teacher.removeprefix(FEATURES)
    if is_reference(made_by) and not is_trusted(made_by.partition(":")[0]):
        raise InvalidInput(
            f"table {table!r} was made with the teacher {teacher[:200]!r}, which is code; if you "
            "trust it, name it with --teacher"
        )
    return teacher


def sampled(table: Table, rows: int) -> Table:
    """``rows`` rows of a table, chosen by their digests, in the order of the table.

    Raises:
        InvalidInput: fewer than one row is asked for.
    """
    if rows < 1:
        raise InvalidInput(f"a sample must be at least 1 row, got {rows}")
    keys = [digest("sample", text) for text in table.architectures]
    return table.subset(sorted(sorted(range(len(table)), key=lambda row: keys[row])[:rows]))


def with_labels(parts: Split, architectures: Sequence[str], labels: int) -> Split:
    """A split whose search part is cut to ``labels`` rows, as if no more had been trained.

    Those with the smallest digests stay, so that fewer labels are a subset of more. The validation
    part shrinks in the same proportion, to ``FEWEST_VALIDATION`` rows at the least; the report part
    is kept, so that results with different numbers of labels are comparable.

    Args:
        parts: The whole split.
        architectures: All rows of the table.
        labels: Rows that are left of the search part, at most.
    """
    if labels >= len(parts.search):
        return parts
    share = labels / len(parts.search)
    validation = max(FEWEST_VALIDATION, round(share * len(parts.validation)))
    keys = [digest("labels", text) for text in architectures]

    def first(rows: npt.NDArray[np.intp], count: int) -> npt.NDArray[np.intp]:
        chosen = sorted(rows.tolist(), key=lambda row: keys[row])[:count]
        return np.sort(np.asarray(chosen, dtype=np.intp))

    return Split(first(parts.search, labels), first(parts.validation, validation), parts.report)


def subjects_of(
    space: Space,
    architectures: Sequence[str],
    leaves: Iterable[str],
    protocol: Protocol,
    *,
    cache: Path | None = None,
    jobs: Jobs = 1,
    progress: Progress = Silent(),
) -> tuple[Subjects, int, float]:
    """What scores see of architectures, the networks run for it, and their seconds.

    If only sizes are asked for, no network is run and no data or teacher is needed.
    """
    names = tuple(dict.fromkeys([*SIZES, *leaves]))
    refuse_short(names)
    decoded = [space.decode(text) for text in architectures]
    depth = np.asarray([float(space.depth(arch)) for arch in decoded])
    double = space.precision == "double"
    if set(names) == set(SIZES):
        # Nothing to measure: sizes for the images and classes that the space is made for.
        costs = [space.cost(arch, task=protocol.task) for arch in decoded]
        columns = _size_columns(costs)
        return Subjects(tuple(architectures), depth, columns, {}, space.name, double), 0, 0.0
    measured = measure_space(
        space, architectures, names, protocol, cache=cache, jobs=jobs, progress=progress
    )
    store = measured.store
    subjects = Subjects(
        tuple(architectures),
        depth,
        store.columns,
        store.missing,
        space.name,
        double,
        measured.beside,
    )
    return subjects, measured.networks, measured.seconds


def _size_columns(costs: Sequence[Cost]) -> dict[str, Column]:
    return {name: numbers([getattr(each, name) for each in costs]) for name in SIZES}
