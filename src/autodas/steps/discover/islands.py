"""A search for a proxy on islands: its epochs are units of work for any backend.

The command keeps a snapshot of each island and hands out its next epoch as soon as the island and
its neighbour have done the one before. What an epoch gives depends on these two alone, so that the
proxy is the same wherever and in whichever order they are done, also after an interruption.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from autodas.core.errors import AutodasError
from autodas.core.places import cache_folder
from autodas.core.plugins import load_plugins
from autodas.core.progress import Progress
from autodas.core.results import Failed, Ok
from autodas.core.rng import derive_seed
from autodas.core.runs import Journal
from autodas.evolution import (
    Asked,
    GenerationRecord,
    Individual,
    Resident,
    Snapshot,
    Told,
    evolve,
    merged,
    restore,
    revived,
    snapshot,
)
from autodas.expressions import Expression, parse
from autodas.steps.discover.config import DiscoverConfig
from autodas.steps.discover.evolving import Evolved, ProxySearch
from autodas.steps.discover.inputs import load
from autodas.workbench.measuring import plugins_for_searches
from autodas.workbench.shared_folder import Home, home

__all__ = ["on_islands"]

_HERE: dict[DiscoverConfig, ProxySearch] = {}
"""The search of this process, which epochs share: making one takes seconds."""


@dataclass(frozen=True)
class _Epoch:
    """A unit: some generations of one island."""

    config: DiscoverConfig
    island: int
    number: int
    earlier: Snapshot
    seen: Asked
    immigrants: tuple[Resident, ...]
    plugins: tuple[str, ...]
    home: Home


@dataclass(frozen=True)
class _Done:
    """What an epoch has given."""

    told: tuple[Told, ...]
    history: tuple[GenerationRecord, ...]
    after: Snapshot

    def to_json(self) -> dict[str, Any]:
        """Plain values for the journal."""
        return {
            "told": [each.to_json() for each in self.told],
            "history": [each.to_json() for each in self.history],
            "after": self.after.to_json(),
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> _Done:
        """The inverse of :meth:`to_json`."""
        return cls(
            tuple(Told.from_json(each) for each in record["told"]),
            tuple(GenerationRecord(**each) for each in record["history"]),
            Snapshot.from_json(record["after"]),
        )


def on_islands(search: ProxySearch, journal: Journal, progress: Progress) -> Evolved:
    """Run the search from where the journal ends.

    Raises:
        AutodasError: an epoch failed, such as where the cache cannot be seen.
    """
    config = search.config
    archipelago = _Archipelago(search, journal)
    total = archipelago.epochs * config.islands
    progress.start("evolving", total, sum(archipelago.done))
    # Within an epoch there is one worker, whatever the workers of the whole.
    alone = replace(config, jobs=1, backend="serial", ray_address=None)
    runner = config.workers.runner()
    with _prepared(alone, search), home(cache_folder(config.cache) / "statistics", runner) as place:
        units = list(archipelago.ready(alone, place))
        for number, result in runner.run(_breed, units):
            unit = units[number]
            # A long search would otherwise hold every state that it was ever in.
            units[number] = replace(unit, earlier=Snapshot(), immigrants=())
            if isinstance(result, Failed):
                raise AutodasError(f"island {unit.island} failed: {result.reason}")
            archipelago.keep(unit, result.value)
            units += archipelago.ready(alone, place)
            progress.advance()
            progress.state(archipelago.facts())
    progress.finish()
    return archipelago.evolved()


@contextlib.contextmanager
def _prepared(config: DiscoverConfig, search: ProxySearch) -> Iterator[None]:
    """Epochs that are done in this process use the search that is there."""
    _HERE.clear()
    _HERE[config] = search
    try:
        yield
    finally:
        _HERE.clear()


class _Archipelago:
    """How far each island is."""

    def __init__(self, search: ProxySearch, journal: Journal) -> None:
        self.search, self.journal, config = search, journal, search.config
        self.count = config.islands
        self.epochs = -(-config.generations // config.migrate_every)
        self.after: dict[tuple[int, int], Snapshot] = {}
        self.history: list[dict[int, GenerationRecord]] = [{} for _ in range(self.count)]
        self.done = [0] * self.count
        self.failures = 0
        self.seen = [Asked() for _ in range(self.count)]
        self.handed_out: set[tuple[int, int]] = set()
        self.plugins = plugins_for_searches()
        for island, epoch, done in self._journalled():
            self._note(island, epoch, done)

    def _journalled(self) -> Iterator[tuple[int, int, _Done]]:
        """Island by island, up to the first epoch that is missing, such as a damaged line."""
        records = {(each["island"], each["epoch"]): each for each in self.journal.records()}
        for island in range(self.count):
            for epoch in range(self.epochs):
                if (island, epoch) not in records:
                    break
                yield island, epoch, _Done.from_json(records[island, epoch])

    def ready(self, config: DiscoverConfig, place: Home) -> Iterator[_Epoch]:
        """Epochs that can be done now, and were not given before."""
        for island in range(self.count):
            number = self.done[island]
            before = (island - 1) % self.count, number - 1
            waiting = number and before not in self.after
            if number == self.epochs or waiting or (island, number) in self.handed_out:
                continue
            self.handed_out.add((island, number))
            earlier = self.after[island, number - 1] if number else Snapshot()
            guests = self.after[before].residents[: config.migrants] if number else ()
            yield _Epoch(
                config, island, number, earlier, self.seen[island], guests, self.plugins, place
            )

    def keep(self, unit: _Epoch, done: _Done) -> None:
        """Remember what an epoch has given, here and in the journal."""
        self.journal.append({"island": unit.island, "epoch": unit.number, **done.to_json()})
        self._note(unit.island, unit.number, done)

    def _note(self, island: int, epoch: int, done: _Done) -> None:
        self.after[island, epoch] = done.after
        self.done[island] += 1
        # The island itself and the next one go on from here; neither asks for what was before.
        for other in (island, (island - 1) % self.count):
            least = min(self.done[other], self.done[(other + 1) % self.count])
            self.after.pop((other, least - 2), None)
        self.seen[island].update(key for told in done.told for key in told.keys)
        for record in done.history:
            self.history[island][record.generation] = record
            self.failures += sum(record.failures.values())

    def facts(self) -> dict[str, str | float]:
        """How all of it stands."""
        last = [records[max(records)] for records in self.history if records]
        found = [each.best for each in self.after.values() if each.best is not None]
        best = None if not found else _individual(min(found, key=_rank))
        return self.search.facts(merged(last), best, self.failures)

    def evolved(self) -> Evolved:
        """All islands together."""
        last = [self.after[island, self.epochs - 1] for island in range(self.count)]
        residents = {each.key: each for island in last for each in island.residents}
        ranked = sorted(residents.values(), key=_rank)
        return Evolved([_individual(each) for each in ranked], self._history(), self._keys())

    def _history(self) -> list[GenerationRecord]:
        """Of all islands; one that found nothing new, or is not as far, stands still."""
        found, last = [], dict[int, GenerationRecord]()
        for generation in range(1 + max(max(each, default=0) for each in self.history)):
            for island, records in enumerate(self.history):
                if generation in records:
                    last[island] = records[generation]
                elif island in last:
                    last[island] = _quiet(last[island], generation)
            found.append(merged([last[island] for island in sorted(last)]))
        return found

    def _keys(self) -> Iterator[str]:
        """In the order of islands, whichever came first."""
        for _, _, done in self._journalled():
            for told in done.told:
                for key, fitness in zip(told.keys, told.fitness, strict=True):
                    if isinstance(fitness, Ok):
                        yield key


def _breed(unit: _Epoch) -> _Done:
    """Some generations of an island, in a process of its own or here."""
    torch.set_num_threads(1)
    load_plugins(unit.plugins)
    unit.home.require("islands on several machines")
    config = unit.config
    if config not in _HERE:
        _HERE.clear()
        _HERE[config] = ProxySearch(config, load(config).guiding)
    search = _HERE[config]
    algorithm = search.algorithm(derive_seed(config.seed, "island", unit.island))
    restore(algorithm, unit.earlier, unit.seen, parse, unit.immigrants)
    # An island that found nothing new is behind, and tries again with its immigrants.
    until = (unit.number + 1) * config.migrate_every
    several = search.objectives if config.selection == "nsga2" else None
    told: list[Told] = []
    evolve(algorithm, search.evaluate, told.append, several, until)
    return _Done(tuple(told), tuple(algorithm.history), snapshot(algorithm))


def _individual(each: Resident) -> Individual[Expression]:
    return revived(each, parse)


def _rank(each: Resident) -> tuple[float, str]:
    return -each.fitness, each.key


def _quiet(last: GenerationRecord, generation: int) -> GenerationRecord:
    """A record of an island on which nothing happened since."""
    nothing: dict[str, Any] = {"median": None, "best_now": None, "failures": {}, "origins": {}}
    return replace(last, generation=generation, **nothing)
