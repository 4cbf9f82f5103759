"""Fill the statistics cache, and read statistics of many architectures from it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from autodas.backends import Jobs, Workers, workers_of
from autodas.core.digest import digest
from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.keys import key_of
from autodas.core.places import cache_folder, can_be_written, scratch_folder
from autodas.core.plugins import asked_for, load_plugins
from autodas.core.progress import Progress, Silent
from autodas.core.results import Failed
from autodas.core.rng import derive
from autodas.networks import seeded, weights_digest
from autodas.spaces import Space, get_space
from autodas.statistics import (
    STATISTICS,
    Cache,
    Store,
    columns,
    measure,
)
from autodas.statistics.store.cache import FORMAT
from autodas.statistics.store.settle import settled
from autodas.workbench.protocol import Protocol, resolved, signals
from autodas.workbench.shared_folder import Home, forget_the_dead, home, unpack
from autodas.workbench.source_digest import MEASURING, source_digest

__all__ = [
    "LARGEST",
    "measure_space",
    "plugins_for_searches",
    "plugins_of",
    "refuse_too_large",
    "space_sample",
]

LARGEST = 100_000  # spaces up to this size are taken whole if nobody says how many
SAMPLE = 2  # networks whose initial weights are digested
ADDRESS = re.compile("0x[0-9a-f]+")  # of an object without a name of its own
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
    """

    store: Store
    networks: int
    seconds: float


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
        AutodasError: a network cannot be built or run; nothing measured so far is lost.
    """
    folder = cache_folder(cache) / "statistics"
    protocol = resolved(protocol, space)
    keys = [cache_key(space, architecture, protocol) for architecture in architectures]
    known = [Cache(folder).read(key, names) for key in keys]
    todo = [i for i, found in enumerate(known) if len(found) < len(set(names))]
    if todo and not can_be_written(folder):
        folder = _instead(folder, progress)
        for i in todo:
            known[i] = Cache(folder).read(keys[i], names)
        todo = [i for i in todo if len(known[i]) < len(set(names))]
    progress.start(f"measuring {space.name}", len(architectures), len(architectures) - len(todo))
    missing = [architectures[i] for i in todo]
    seconds = _measure_all(
        space,
        missing,
        names,
        protocol,
        folder=folder,
        workers=workers_of(jobs),
        progress=progress,
    )
    for i in todo:
        known[i] = Cache(folder).read(keys[i], names)
    progress.finish()
    return MeasuredSpace(columns(architectures, known, names), len(todo), seconds)


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
    home: Home
    plugins: tuple[str, ...]
    weights: str


def _measure_all(
    space: Space,
    architectures: Sequence[str],
    names: Sequence[str],
    protocol: Protocol,
    *,
    folder: Path,
    workers: Workers,
    progress: Progress,
) -> float:
    """Measure architectures into the cache at ``folder``; the seconds of all workers."""
    if not architectures:
        forget_the_dead(folder)
        return 0.0
    chunks = [tuple(architectures[i : i + CHUNK]) for i in range(0, len(architectures), CHUNK)]
    seconds = 0.0
    # Starting processes costs seconds; a handful of networks is measured here and now.
    runner = workers.runner(small=len(chunks) <= 2 * workers.jobs)
    with home(folder, runner) as place:
        known_as, plugins = space.known_as, plugins_of(names)
        weights = weights_of(space, protocol)
        units = [
            _Unit(known_as, chunk, tuple(names), protocol, place, plugins, weights)
            for chunk in chunks
        ]
        for i, result in runner.run(_measure_unit, units):
            if isinstance(result, Failed):
                raise AutodasError(f"measuring {space.name} failed: {result.reason}")
            each, parcel = result.value
            seconds += each
            if parcel:
                _keep(parcel, space, units[i])
            progress.advance(len(chunks[i]))
    return seconds


def _keep(parcel: dict[str, bytes], space: Space, unit: _Unit) -> None:
    """Add what a worker has measured that does not see the cache."""
    with TemporaryDirectory(prefix="autodas-") as folder:
        unpack(parcel, Path(folder))
        sent, cache = Cache(Path(folder)), Cache(unit.home.folder)
        for architecture in unit.architectures:
            key = cache_key(space, architecture, unit.protocol, unit.weights)
            cache.write(key, sent.read(key, unit.names))


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
            _measure_one(unit, architecture, Cache(folder))
        return time.perf_counter() - start, unit.home.parcel(folder)


def _measure_one(unit: _Unit, architecture: str, cache: Cache) -> None:
    space, protocol = get_space(unit.space), unit.protocol
    batch, teacher = signals(protocol, space.precision)
    key = cache_key(space, architecture, protocol, unit.weights)
    missing = set(unit.names) - cache.read(key, unit.names).keys()
    arch = space.decode(architecture)
    channels, height, width = batch.images.shape[1:]
    shape = (channels, height, width)
    double = space.precision == "double"
    network = seeded(
        lambda: space.build(arch, num_classes=batch.num_classes, input_shape=shape),
        protocol.init_seed,
        double=double,
    )
    names = [name for name in unit.names if name in missing]
    found = measure(
        network, batch.images, batch.labels, names, teacher=teacher, entries=protocol.entries
    )
    cache.write(key, {name: settled(value) for name, value in found.items()} if double else found)


def cache_key(
    space: Space, architecture: str, protocol: Protocol, weights: str | None = None
) -> str:
    """Content address of everything that decides the statistics of one architecture.

    Args:
        space: Its space.
        architecture: Its text.
        protocol: What it is measured with.
        weights: From :func:`weights_of`, of the machine that asks: another kind of processor may
            draw slightly other ones, and is to deliver under the key that is asked for.
    """
    batch, teacher = signals(protocol, space.precision)
    return key_of(
        FORMAT,
        source_digest(space, MEASURING),
        space.name,
        space.canonical(architecture),
        protocol.init_seed,
        protocol.entries,
        batch.digest,
        teacher.digest,
        weights_of(space, protocol) if weights is None else weights,
        packages=("torch", "numpy"),
    )


def weights_of(space: Space, protocol: Protocol) -> str:
    """Digest of initial weights that networks of the space get on this machine."""
    batch, _ = signals(protocol, space.precision)
    channels, height, width = batch.images.shape[1:]
    return initial_weights(space, protocol.init_seed, batch.num_classes, (channels, height, width))


@lru_cache(maxsize=64)
def initial_weights(
    space: Space, seed: int, num_classes: int, input_shape: tuple[int, int, int]
) -> str:
    """Digest of the structure and the initial weights of two networks, built once per process.

    The weights of a network follow from its seed, the source text of spaces and networks and the
    versions of PyTorch and NumPy, which stand in the key by name. What no key can name is what else
    a user's build function reads, and which numbers the processor at hand makes PyTorch draw (they
    differ between kinds of vector units). Such a change changes the weights of all networks of
    the space or of many, hence of this sample; one that touches neither network of the sample goes
    unnoticed. Digesting every network would notice it, and cost at every hit of the cache what
    building costs: 0.2 s for an AutoFormer, fifty times as long as reading its statistics. The
    sample costs 12 ms for the digits and 0.4 s for AutoFormers, once.
    """
    rng = derive(0, "sample of initial weights", space.name)
    found = []
    for arch in (space.sample(rng) for _ in range(SAMPLE)):
        build = partial(space.build, arch, num_classes=num_classes, input_shape=input_shape)
        network = seeded(build, seed, double=space.precision == "double")
        structure = ADDRESS.sub("", str(network))
        found.append([space.encode(arch), structure, weights_digest(network)])
    return digest(found)
