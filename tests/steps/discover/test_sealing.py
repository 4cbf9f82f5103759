"""Labels of the report part decide nothing, because search and choice do not have them."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autodas.core.progress import Silent
from autodas.scores import read_proxy
from autodas.steps.discover import dispatch as discover
from autodas.steps.discover import inputs
from autodas.steps.discover.dispatch import DiscoverConfig
from autodas.steps.discover.evolving import ProxySearch
from autodas.steps.discover.sealing import GuidingFamily
from autodas.tables import Target
from autodas.workbench.families import Family, load_family
from autodas.workbench.protocol import Protocol

SMALL: dict[str, Any] = {
    "tables": ("digits-cnn",),
    "limit": 50,
    "population": 8,
    "generations": 3,
    "finalists": 5,
    "jobs": 1,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "sum": {"terms": 3, "max_nodes": 4},
    "sum, common scale": {"terms": 3, "max_nodes": 4, "scale": "common", "rule": "best"},
    "islands": {"islands": 2, "migrate_every": 2, "generations": 4},
    "islands, sum, nsga2": {"islands": 2, "migrate_every": 2, "terms": 3, "selection": "nsga2"},
    "nsga2": {"selection": "nsga2"},
    "fewer labels": {"labels": 12, "parsimony": 0.01},
    "two targets": {
        "tables": ("digits-cnn:distilled", "digits-cnn:vanilla"),
        "combine": "min",
        "fitness": "rho",
    },
    "beyond size": {"size_control": 0.5, "lift": True},
    "collapse": {"collapse": 2},
    "held out": {"held_out": ("digits-vit",)},
    # adaptive, fixed and random elites, and tournaments
    "ablation": {"ablate": ("selection",), "ablation_seeds": 1},
}

Rows = Callable[[Family], Any]


def no_rows(family: Family) -> list[int]:
    return []


def unseen(family: Family) -> list[int]:
    """What does not guide: the report part, and what is left out for want of labels."""
    parts = family.split
    return sorted(set(range(len(family.truth))) - {*parts.search, *parts.validation})


def validation(family: Family) -> list[int]:
    return list(family.split.validation)


def turned(family: Family, rows: list[int]) -> Family:
    """The family as if the bad ones of these rows had been good."""

    def other(target: Target) -> Target:
        values, runs = target.values.copy(), target.per_seed
        values[rows] = 100 - values[rows]
        if runs is not None:
            runs = runs.copy()
            runs[rows] = 100 - runs[rows]
        return replace(target, values=values, per_seed=runs)

    targets = {name: other(target) for name, target in family.table.targets.items()}
    table = replace(family.table, targets=targets)
    return replace(family, table=table, truth=table.target(family.target).values)


def discovered(
    out: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> dict[str, bytes]:
    """The proxy files of a discovery, where labels of some rows are others."""
    held_out = options.get("held_out", ())

    def loaded(pair: str, *rest: Any, **given: Any) -> Family:
        family = load_family(pair, *rest, **given)
        if pair in held_out and rows is unseen:
            return turned(family, list(range(len(family.truth))))
        return turned(family, rows(family))

    monkeypatch.setattr(inputs, "load_family", loaded)
    discover.run(DiscoverConfig(out=out, **(SMALL | options)))
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("proxy.json"))}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_other_labels_that_do_not_guide_give_the_same_proxy_file(tmp_path, monkeypatch, options):
    before = discovered(tmp_path / "a", no_rows, monkeypatch, **options)
    after = discovered(tmp_path / "b", unseen, monkeypatch, **options)
    assert before
    assert after == before


@pytest.mark.parametrize("name", ["default", "sum", "islands", "nsga2"])
def test_other_labels_of_the_validation_part_give_another_choice(tmp_path, monkeypatch, name):
    for number, rows in enumerate((no_rows, validation)):
        discovered(tmp_path / str(number), rows, monkeypatch, **OPTIONS[name])
    before, after = (read_proxy(tmp_path / number / "proxy.json") for number in "01")
    assert before.terms != after.terms


@pytest.fixture(scope="module")
def whole() -> Family:
    """A family whose labels outside the guiding parts are numbers that are nowhere else."""
    family = load_family("digits-cnn:distilled", ("weight",), Protocol(), limit=50)
    rows = unseen(family)

    def marked(target: Target) -> Target:
        values, runs = target.values.copy(), np.array(target.per_seed)
        values[rows] = MARK + np.arange(len(rows))
        runs[rows] = values[rows, None]
        return replace(target, values=values, per_seed=runs)

    table = replace(
        family.table,
        targets={name: marked(target) for name, target in family.table.targets.items()},
        published={"of others": np.full(50, MARK)},
    )
    return replace(family, table=table, truth=table.target(family.target).values)


MARK = 123456.75


def is_marked(value: object) -> bool:
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return bool((np.abs(value - MARK) < 100).any())
    return isinstance(value, float) and abs(value - MARK) < 100


def reachable(start: object) -> list[object]:
    """All values in attributes, items and closures, and in those of what is found there."""
    found, left, seen = [], [start], set[int]()
    while left:
        each = left.pop()
        if id(each) in seen or isinstance(each, type | types.ModuleType):
            continue
        seen.add(id(each))
        found.append(each)
        if isinstance(each, dict):
            left += [*each.keys(), *each.values()]
        elif isinstance(each, list | tuple | set | frozenset):
            left += each
        elif isinstance(each, types.FunctionType):
            left += [cell.cell_contents for cell in each.__closure__ or ()]
        elif isinstance(each, types.MethodType):
            left.append(each.__self__)
        if not isinstance(each, np.ndarray):
            left += list(getattr(each, "__dict__", {}).values())
            slots = getattr(type(each), "__slots__", ())
            left += [getattr(each, name) for name in slots if hasattr(each, name)]
    return found


def test_nothing_that_a_search_holds_leads_to_a_label_that_does_not_guide(whole):
    assert any(is_marked(each) for each in reachable(whole)), "the walk finds what is there"
    guiding = GuidingFamily(**vars(whole))
    search = ProxySearch(DiscoverConfig(**SMALL), [guiding])
    held = reachable([search, search.algorithm()])
    assert any(each is guiding for each in held)
    assert any(each is guiding.truth for each in held)
    assert not any(is_marked(each) for each in held)


def test_labels_that_guide_are_as_they_were(whole):
    guiding = GuidingFamily(**vars(whole))
    known = np.concatenate([whole.split.search, whole.split.validation])
    assert np.array_equal(guiding.truth[known], whole.truth[known])
    assert np.isnan(np.delete(guiding.truth, known)).all()
    for name, target in guiding.table.targets.items():
        before = whole.table.targets[name]
        assert np.array_equal(target.values[known], before.values[known])
        assert np.array_equal(target.per_seed[known], before.per_seed[known], equal_nan=True)
    # Putting labels back is of no use.
    assert np.isnan(np.delete(replace(guiding, truth=whole.truth).truth, known)).all()


def test_opened_families_have_all_labels_again(tmp_path):
    sealed = inputs.load(DiscoverConfig(out=tmp_path, **SMALL), Silent())
    proxy = read_proxy(Path(discover.__file__).parents[2] / "scores" / "shipped" / "cnn.json")
    (family,), _ = sealed.opened(proxy, tmp_path, tmp_path)
    (guiding,) = sealed.guiding
    assert np.isfinite(family.truth).all()
    assert np.isnan(guiding.truth[family.split.report]).all()
    assert guiding.subjects is family.subjects
