"""The proxies of this package: complete, valid and as good as their files say."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from autodas.core.results import Ok
from autodas.fitness import correlate
from autodas.scores import get_score, read_proxy
from autodas.scores.resolve import shipped_path, shipped_proxies
from autodas.spaces import SPACES
from autodas.statistics import STATISTICS
from autodas.workbench.families import load_family
from autodas.workbench.protocol import Protocol

CONFIGS = Path(__file__).parents[2] / "proxies"


def test_there_is_one_for_everything_and_one_for_each_family():
    assert {"general", "general-nosize", "cnn", "vit"} <= set(shipped_proxies())


@pytest.mark.parametrize("name", shipped_proxies())
def test_each_says_how_it_was_found_and_whether_it_collapses(name):
    proxy = read_proxy(shipped_path(name))
    config = tomllib.loads((CONFIGS / f"{name}.toml").read_text())
    pairs = {f"{pair['table']}:{pair['target']}" for pair in proxy.provenance["pairs"]}
    assert proxy.name == config["name"] == name
    assert pairs == set(config["tables"])
    assert proxy.provenance["seed"] == config["seed"]
    assert len(proxy.terms) <= config.get("terms", 1)
    spaces = {pair["space"] for pair in proxy.provenance["pairs"]}
    collapse = {found["space"]: found for found in proxy.results["collapse"]}
    assert collapse.keys() == spaces
    assert all(found["sentence"] and not found["failed"] for found in collapse.values())
    score = get_score(f"proxy:{name}")
    assert [space for space in SPACES.names() if not score.unscaled(space)] == (
        [space for space in SPACES.names() if space in spaces]
        if any(term.scaled for term in proxy.terms)
        else list(SPACES.names())
    )


def test_the_one_without_sizes_reads_no_size():
    proxy = read_proxy(shipped_path("general-nosize"))
    assert not [leaf for leaf in proxy.leaves if STATISTICS.get(leaf).size]


@pytest.mark.parametrize(
    ("name", "table", "least"), [("general", "digits-cnn", 0.7), ("cnn", "digits-cnn", 0.7)]
)
def test_they_rank_embedded_labels_that_they_have_not_seen(name, table, least):
    proxy = read_proxy(shipped_path(name))
    family = load_family(f"{table}:distilled", proxy.leaves, Protocol())
    values = proxy.score.compute(family.subjects)
    assert isinstance(values, Ok)
    rows = family.split.report
    assert correlate(values.value[rows], family.truth[rows], "kendall").value.value > least
