"""Fill the statistics cache, and read statistics of many architectures from it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from autodas.backends import Jobs, Workers, workers_of
from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.places import cache_folder, can_be_written, scratch_folder
from autodas.core.plugins import asked_for, load_plugins
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed, Result
from autodas.core.rng import derive
from autodas.core.text import brief
from autodas.core.values import BesideEach
from autodas.networks import seeded
from autodas.spaces import Space, get_space
from autodas.statistics import (
    STATISTICS,
    Measured,
    Store,
    columns,
    measure_pairs,
)
from autodas.statistics.store.combined import mean_of
from autodas.statistics.store.settle import settled
from autodas.workbench.addresses import Shelf, weights_of
from autodas.workbench.protocol import Protocol, batch_of, resolved, teacher_of
from autodas.workbench.shared_folder import Home, forget_the_dead, home, unpack
from autodas.workbench.ways import NO_TEACHER, in_words, refuse_twins, way_of

__all__ = [
    "LARGEST",
    "MeasuredSpace",
    "measure_beside",
    "measure_space",
    "plugins_for_searches",
    "plugins_of",
    "refuse_too_large",
    "space_sample",
]

LARGEST = 100_000  # spaces up to this size are taken whole if nobody says how many
CHUNK = 8  # architectures per unit of work: long enough to hide the cost of handing it out


def space_sample(space: Space, students: int, seed: int) -> list[str]:
    """Strings of ``students`` different sampled architectures, or of all if 0.

    Raises:
        InvalidInput: the space is too large to take all of it.
    """
    if students == 0 or (space.size is not None and students >= space.size):
        refuse_too_large(space)
        return [space.encode(arch) for arch in space.enumerate()]
    rng = derive(seed, "space sample", space.name)
    chosen: dict[str, None] = {}
    while len(chosen) < students:
        chosen[space.encode(space.sample(rng))] = None
    return list(chosen)


def refuse_too_large(space: Space) -> None:
    """Refuse to take all of a space that is too large for it.

    Raises:
        InvalidInput: it is.
    """
    if space.size is None or space.size > LARGEST:
        count = "uncounted" if space.size is None else f"{space.size:,}"
        raise InvalidInput(
            f"space {space.name!r} has {count} architectures; say how many to sample, at most "
            f"{LARGEST:,} are taken whole"
        )


@dataclass(frozen=True)
class MeasuredSpace:
    """Columns, and what they cost.

    Attributes:
        store: The columns.
        networks: How many networks had to be run; the others were in the cache.
        seconds: Network time of those, summed over processes.
        beside: The columns beside each of several teachers, of which ``store`` has the mean.
    """

    store: Store
    networks: int
    seconds: float
    beside: BesideEach | None = None


def measure_space(
    space: Space,
    architectures: Sequence[str],
    names: Sequence[str],
    protocol: Protocol,
    *,
    cache: Path | None = None,
    jobs: Jobs = 1,
    progress: Progress = Silent(),
) -> MeasuredSpace:
    """Statistics of many architectures as columns, from the cache where they are there.

    Args:
        space: The space of the architectures.
        architectures: Their strings.
        names: Statistics.
        protocol: Batch, teacher and initialisation.
        cache: Folder of the cache; the user's usual one by default.
        jobs: Processes, or workers, for what is not in the cache.
        progress: Hears of every architecture.

    Raises:
        InvalidInput: two of the teachers are one network.
        AutodasError: a network cannot be built or run, or a teacher is not there, whether anything
            is compared with it or not; nothing measured so far is lost.
    """
    way = way_of(str(resolved(protocol, space).teacher))
    refuse_twins(way)
    shared: dict[str, Any] = {"cache": cache, "jobs": jobs}
    together = measure_beside(
        space, architectures, names, protocol, [in_words(way)], progress=progress, **shared
    )
    if len(way) < 2 or all(STATISTICS.get(name).alone for name in names):
        return together
    each = measure_beside(space, architectures, names, protocol, way, **shared)  # from the cache
    owner = np.repeat(np.arange(len(architectures)), len(way))
    return replace(together, beside=BesideEach(each.store.columns, owner))


def measure_beside(
    space: Space,
    architectures: Sequence[str],
    names: Sequence[str],
    protocol: Protocol,
    teachers: Sequence[str],
    *,
    cache: Path | None = None,
    jobs: Jobs = 1,
    progress: Progress = Silent(),
) -> MeasuredSpace:
    """Statistics of every student beside every teacher as columns.

    A student is run once for all teachers that it was not yet compared with, and what is measured
    of it alone is measured and kept once.

    Args:
        space: The space of the students.
        architectures: A strings.
        names: Statistics.
        protocol: Batch and initialisation.
        teachers: T of them; of several joined by ``+``, what depends on the teacher is the mean
            over them. What looks at students alone needs none of them.
        cache: Folder of the cache; the user's usual one by default.
        jobs: Processes, or workers, for what is not in the cache.
        progress: Hears of every student.

    Returns:
        Columns of A · T pairs: the first student with all teachers, then the second. Of a single
        teacher they are called as the students, else ``STUDENT beside TEACHER``.

    Raises:
        AutodasError: a network cannot be built or run; nothing measured so far is lost.
    """
    ways = [way_of(each) for each in teachers]
    if () in ways:
        raise InvalidInput(f"{NO_TEACHER} is no teacher that a student could be compared with")
    members = tuple(dict.fromkeys(name for way in ways for name in way))
    protocol = resolved(replace(protocol, teacher=members[0], more_teachers=()), space)
    folder, asked = cache_folder(cache) / "statistics", tuple(dict.fromkeys(names))
    weights = weights_of(space, protocol)
    shelf = Shelf(folder, space, asked, protocol, members, weights)
    found = {text: shelf.read(text) for text in architectures}
    todo = [text for text in found if shelf.lacks(found[text])]
    if todo and not can_be_written(shelf.folder):
        shelf = replace(shelf, folder=_instead(shelf.folder, progress))
        found |= {text: shelf.read(text) for text in todo}
        todo = [text for text in todo if shelf.lacks(found[text])]
    done = len(architectures) - len(todo)
    progress.start(f"measuring {brief(space.name)}", len(architectures), done)
    seconds = _measure_all(shelf, todo, workers=workers_of(jobs), progress=progress)
    found |= {text: shelf.read(text) for text in todo}
    progress.finish()
    called, pairs = [], []
    for text in architectures:
        alone, beside = found[text]
        by_name = dict(zip(members, beside, strict=True))
        for teacher, way in zip(teachers, ways, strict=True):
            called.append(text if len(teachers) == 1 else f"{text} beside {teacher}")
            pairs.append({**alone, **mean_of([by_name[name] for name in way])})
    return MeasuredSpace(columns(called, pairs, names), len(todo), seconds)


def _instead(folder: Path, progress: Progress) -> Path:
    """Where to measure to while the cache cannot be written; said once in a process."""
    if not scratch_folder.cache_info().currsize:
        progress.note(f"{folder} cannot be written: what is measured now is not kept for later")
    return scratch_folder() / "statistics"


@dataclass(frozen=True)
class _Unit:
    space: str
    architectures: tuple[str, ...]
    names: tuple[str, ...]
    protocol: Protocol
    teachers: tuple[str, ...]
    home: Home
    plugins: tuple[str, ...]
    weights: str

    def shelf(self, folder: Path) -> Shelf:
        """Of the unit's students, in a folder that the worker sees."""
        space = get_space(self.space)
        return Shelf(folder, space, self.names, self.protocol, self.teachers, self.weights)


def _measure_all(
    shelf: Shelf, architectures: Sequence[str], *, workers: Workers, progress: Progress
) -> float:
    """Measure students onto a shelf; the seconds of all workers."""
    if not architectures:
        forget_the_dead(shelf.folder)
        return 0.0
    chunks = [tuple(architectures[i : i + CHUNK]) for i in range(0, len(architectures), CHUNK)]
    seconds = 0.0
    # Starting processes costs seconds; a handful of networks is measured here and now.
    runner = workers.runner(small=len(chunks) <= 2 * workers.jobs, device=shelf.protocol.device)
    with home(shelf.folder, runner) as place:
        units = [
            _Unit(
                shelf.space.known_as,
                chunk,
                shelf.names,
                shelf.protocol,
                shelf.teachers,
                place,
                plugins_of(shelf.names),
                shelf.weights,
            )
            for chunk in chunks
        ]
        for i, result in runner.run(_measure_unit, units):
            if isinstance(result, Failed):
                raise AutodasError(f"measuring {brief(shelf.space.name)} failed: {result.reason}")
            each, parcel = result.value
            seconds += each
            if parcel:
                _keep(parcel, shelf, units[i].architectures)
            progress.advance(len(chunks[i]))
    return seconds


def _keep(parcel: dict[str, bytes], shelf: Shelf, architectures: Iterable[str]) -> None:
    """Add what a worker has measured that does not see the cache."""
    with TemporaryDirectory(prefix="autodas-") as folder:
        unpack(parcel, Path(folder))
        sent = replace(shelf, folder=Path(folder))
        for architecture in architectures:
            alone, pairs = sent.read(architecture)
            shelf.write(architecture, alone, dict(zip(shelf.teachers, pairs, strict=True)))


def plugins_of(names: Iterable[str]) -> tuple[str, ...]:
    """Modules outside this package that declare some of the statistics.

    A worker process has to import them; what a script declares itself is there when the
    process has run the script's top level.
    """
    modules = {STATISTICS.get(name).measure.__module__ for name in names}
    return tuple(sorted(m for m in modules if m.split(".")[0] not in {"autodas", "__main__"}))


def plugins_for_searches() -> tuple[str, ...]:
    """Modules that declare anything a formula may be made of, for workers that make formulas."""
    return tuple(sorted({*plugins_of(STATISTICS.names()), *asked_for()}))


def _measure_unit(unit: _Unit) -> tuple[float, dict[str, bytes]]:
    """Measure a few architectures into the cache; the seconds it took, and files to send home."""
    torch.set_num_threads(1)
    load_plugins(unit.plugins)
    start = time.perf_counter()
    with unit.home.visited() as folder:
        for architecture in unit.architectures:
            _measure_one(unit.shelf(folder), architecture)
        return time.perf_counter() - start, unit.home.parcel(folder)


def _measure_one(shelf: Shelf, architecture: str) -> None:
    """Run one student for all that the shelf lacks of it."""
    space, protocol = shelf.space, shelf.protocol
    batch, double = batch_of(protocol, space.precision), space.precision == "double"
    alone, pairs = shelf.read(architecture)
    there = dict(zip(shelf.teachers, pairs, strict=True))
    lacking = {t: set(shelf.beside) - found.keys() for t, found in there.items()}
    missing = set(shelf.alone).difference(alone).union(*lacking.values())
    teachers = [teacher for teacher in shelf.teachers if lacking[teacher]]
    arch = space.decode(architecture)
    channels, height, width = batch.images.shape[1:]
    shape = (channels, height, width)
    network = seeded(
        lambda: space.build(
            arch, num_classes=batch.num_classes, input_shape=shape, task=protocol.task
        ),
        protocol.init_seed,
        double=double,
    ).to(batch.images.device)
    own, beside = measure_pairs(
        network,
        batch.images,
        batch.labels,
        [name for name in shelf.names if name in missing],
        (teacher_of(replace(protocol, teacher=each), space.precision) for each in teachers),
        entries=protocol.entries,
    )
    kept = [_kept(values, double=double) for values in (own, *beside)]
    shelf.write(architecture, kept[0], dict(zip(teachers, kept[1:], strict=True)))


def _kept(values: Mapping[str, Result[Measured]], *, double: bool) -> dict[str, Result[Measured]]:
    return {name: settled(value) if double else value for name, value in values.items()}
