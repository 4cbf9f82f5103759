"""The proxies of this package: complete, valid and as good as their files say."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from autodas.core.results import Ok
from autodas.fitness import correlate
from autodas.scores import get_score, read_proxy
from autodas.scores.resolve import shipped_path, shipped_proxies
from autodas.spaces import SPACES
from autodas.statistics import STATISTICS
from autodas.workbench.families import load_family
from autodas.workbench.protocol import Protocol

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "proxies"
PAGE = (ROOT / "docs" / "proxies.md").read_text(encoding="utf-8")


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


def tau(name, family, rows):
    """Kendall τ-b of a shipped proxy with the labels of a family, on some of its rows."""
    values = read_proxy(shipped_path(name)).score.compute(family.subjects)
    assert isinstance(values, Ok)
    rows = rows[np.isfinite(family.truth[rows])]
    return correlate(values.value[rows], family.truth[rows], "kendall").value.value


def on_the_page(table, column):
    """τ on the report part of a table, as docs/proxies.md has it."""
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| {table}, distilled | "))
    return float(line.split("|")[column].strip().split()[0].strip("*"))


@pytest.mark.parametrize("table", ["digits-cnn", "digits-vit"])
def test_they_rank_embedded_labels_that_they_have_not_seen_as_the_page_says(table):
    names = (table.removeprefix("digits-"), "general", "general-nosize")
    leaves = set().union(*(read_proxy(shipped_path(name)).leaves for name in names))
    family = load_family(f"{table}:distilled", sorted(leaves), Protocol())
    for column, name in enumerate(names, start=5):
        found = tau(name, family, family.split.report)
        # Two digits are on the page; other processors may swap a few of the hundreds of pairs.
        assert found == pytest.approx(on_the_page(table, column), abs=0.015), name


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_proxies())
def test_they_rank_the_labels_they_were_found_on_as_their_files_say(name, data_folder):
    """All tables of each. Cross-validated numbers of sums are of other weights than those kept."""
    config = tomllib.loads((CONFIGS / f"{name}.toml").read_text())
    said, sample = read_proxy(shipped_path(name)).results, config.get("sample")

    leaves = sorted(read_proxy(shipped_path(name)).leaves)
    families = [load_family(p, leaves, Protocol(), sample=sample) for p in config["tables"]]

    def mean(rows_of):
        return np.mean([tau(name, family, rows_of(family.split)) for family in families])

    if config.get("terms", 1) == 1:
        assert mean(lambda parts: parts.search) == pytest.approx(said["search_tau"], abs=0.01)
        assert mean(lambda parts: parts.validation) == pytest.approx(
            said["validation_tau"], abs=0.01
        )
        return
    both = mean(lambda parts: np.union1d(parts.search, parts.validation))
    assert both == pytest.approx(said["search_tau"], abs=0.01)
