"""Discovery on islands: the same proxy wherever and in whichever order their epochs are done."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from autodas.backends import Serial, Workers
from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.plugins import load_plugins
from autodas.core.results import Failed
from autodas.core.runs import Journal
from autodas.steps.discover import dispatch as discover
from autodas.steps.discover import islands
from autodas.steps.discover.dispatch import DiscoverConfig
from autodas.workbench.measuring import plugins_for_searches

SMALL = {
    "tables": ("digits-cnn",),
    "limit": 30,
    "population": 8,
    "generations": 7,
    "islands": 3,
    "migrate_every": 2,
    "finalists": 5,
    "backend": "serial",
}


def outcome(folder: Path) -> tuple[bytes, dict]:
    results = json.loads((folder / "results.json").read_text())
    for name in ("seconds", "networks_measured"):
        del results[name]
    return (folder / "proxy.json").read_bytes(), results


def run(folder: Path, **changes) -> Path:
    discover.run(DiscoverConfig(out=folder, **(SMALL | changes)))
    return folder


def journal(folder: Path) -> list[dict]:
    return Journal(folder / "journal.jsonl").records()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    return run(tmp_path_factory.mktemp("islands") / "run")


def test_all_islands_are_bred_to_the_end(undisturbed):
    records = journal(undisturbed)
    assert sorted((r["island"], r["epoch"]) for r in records) == [
        (island, epoch) for island in range(3) for epoch in range(4)
    ]
    results = outcome(undisturbed)[1]
    told = [each for record in records for each in record["told"]]
    assert len(told) == 3 * 7
    assert results["evaluations"] == sum(len(each["keys"]) for each in told)
    assert [each["generation"] for each in results["history"]] == list(range(7))
    fitness = [f for each in told for f in each["fitness"] if not isinstance(f, dict)]
    assert results["history"][-1]["best"] == max(fitness)
    first = [r["told"][0]["keys"] for r in records if r["epoch"] == 0]
    assert len({tuple(keys) for keys in first}) == 3


def test_the_best_go_to_the_next_island(undisturbed):
    after = {(r["island"], r["epoch"]): r["after"]["residents"] for r in journal(undisturbed)}
    came = 0
    for (island, epoch), residents in after.items():
        if epoch:
            best = [each["key"] for each in after[(island - 1) % 3, epoch - 1]][:3]
            strangers = [each["key"] for each in residents if each["id"] < 0]
            came += len(set(strangers) & set(best))
        else:
            assert all(each["id"] >= 0 for each in residents)
    assert came


def test_without_migrants_islands_are_alone(undisturbed, tmp_path):
    alone = journal(run(tmp_path / "alone", migrants=0))
    assert all(each["id"] >= 0 for record in alone for each in record["after"]["residents"])
    assert outcome(undisturbed)[1]["history"] != outcome(tmp_path / "alone")[1]["history"]


def test_processes_find_the_same(undisturbed, tmp_path):
    run(tmp_path / "two", backend="processes", jobs=2)
    assert outcome(tmp_path / "two") == outcome(undisturbed)


class Shuffled(Serial):
    """Does waiting units in any order, as many workers would."""

    def run(self, fn, items):
        left, rng, known = [], random.Random(3), 0
        while True:
            left += range(known, len(items))
            known = len(items)
            if not left:
                return
            number = left.pop(rng.randrange(len(left)))
            yield number, *(result for _, result in super().run(fn, [items[number]]))


def test_the_order_of_the_work_does_not_matter(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(Workers, "runner", lambda *_, **__: Shuffled())
    run(tmp_path / "run")
    assert outcome(tmp_path / "run") == outcome(undisturbed)
    order = [(r["island"], r["epoch"]) for r in journal(tmp_path / "run")]
    assert order != [(r["island"], r["epoch"]) for r in journal(undisturbed)]


@pytest.mark.parametrize("lost", [range(5, 12), [1, 7], [11], range(12)])
def test_what_the_journal_lacks_is_done_again(undisturbed, tmp_path, lost):
    folder = run(tmp_path / "run")
    lines = (folder / "journal.jsonl").read_bytes().split(b"\n")
    lines = [line for line in lines if line]
    for number in lost:
        lines[number] = b"torn"
    (folder / "journal.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    (folder / "proxy.json").unlink()
    (folder / "results.json").unlink()
    run(folder)
    assert outcome(folder) == outcome(undisturbed)


@pytest.mark.parametrize("selection", ["nsga2", "random", "tournament"])
def test_every_selection_has_islands(tmp_path, selection):
    run(tmp_path / "run", selection=selection)
    assert len(journal(tmp_path / "run")) == 12


def test_sums_are_made_of_all_islands(tmp_path):
    folder = run(tmp_path / "run", terms=3, limit=60)
    assert outcome(folder)[1]["proxy"]["path"]


def test_states_of_long_ago_are_forgotten(tmp_path, monkeypatch):
    held = []
    keep = islands._Archipelago.keep

    def watched(self, unit, done):
        keep(self, unit, done)
        held.append(len(self.after))

    monkeypatch.setattr(islands._Archipelago, "keep", watched)
    monkeypatch.setattr(Workers, "runner", lambda *_, **__: Shuffled())
    run(tmp_path / "run", generations=24, population=4)
    assert len(held) == 36
    assert max(held[18:]) <= 9


def test_a_failed_epoch_says_why(tmp_path, monkeypatch):
    class Broken(Serial):
        def run(self, fn, items):
            yield from list(super().run(fn, list(items)))[:2]
            yield 2, Failed("the worker process died (killed by SIGKILL)")

    monkeypatch.setattr(Workers, "runner", lambda *_, **__: Broken())
    with pytest.raises(AutodasError, match="island 2 failed: the worker process died"):
        run(tmp_path / "run")
    assert len(journal(tmp_path / "run")) == 2
    assert not islands._HERE


def test_workers_import_plugins_that_declare_nothing_but_primitives(tmp_path, monkeypatch):
    (tmp_path / "island_plugin.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    load_plugins(["island_plugin"])
    assert "island_plugin" in plugins_for_searches()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"islands": 0}, "islands must be 1 to 1000, got 0"),
        ({"islands": 1001}, "islands must be 1 to 1000, got 1001"),
        ({"migrate_every": 0}, "migrate_every must be at least 1, got 0"),
        ({"migrants": -1}, "migrants must be 0 to the population of 8, got -1"),
        ({"migrants": 9}, "migrants must be 0 to the population of 8, got 9"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, changes, message):
    with pytest.raises(InvalidInput, match=message):
        run(tmp_path / "run", **changes)
