"""Sums whose terms must gain something on spaces that had no say in their weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from autodas.core.errors import InvalidInput
from autodas.expressions import parse, to_text
from autodas.steps.discover import dispatch as discover
from autodas.steps.discover.dispatch import DiscoverConfig
from autodas.steps.discover.evolving import ProxySearch
from autodas.steps.discover.inputs import statistics_of
from autodas.steps.discover.sealing import GuidingFamily
from autodas.steps.discover.summing import Library
from autodas.workbench.families import load_family
from autodas.workbench.protocol import Protocol

TERM = "layers_mean(log(out_channels))"
ASKED = DiscoverConfig(terms=4, scale="common", leave_out="spaces", rule="best", jobs=1)
LEAVES = ("numel", "out_channels", "params", "macs")


def families(signs: dict[str, float]) -> list[GuidingFamily]:
    """The same students in several spaces, where size helps and width helps or harms."""
    whole = load_family("digits-cnn:distilled", LEAVES, Protocol(), limit=60)
    width = whole.subjects.evaluator.evaluate(parse(TERM)).value
    found = []
    for name, sign in signs.items():
        truth = np.log(whole.sizes[0]) + 4.0 * sign * width
        target = replace(whole.table.target("distilled"), values=truth, seeds=(), per_seed=None)
        table = replace(whole.table, name=name, targets={"distilled": target})
        space = SimpleNamespace(name=name)
        found.append(GuidingFamily(**vars(replace(whole, table=table, space=space, truth=truth))))
    return found


def library(signs: dict[str, float], **changes: str) -> Library:
    return Library(ProxySearch(replace(ASKED, **changes), families(signs)), [TERM])


def terms(found: Library, steps: int = 20) -> list[str]:
    return [to_text(term.expression) for term in found.fitted(steps)[0]]


def test_a_term_that_harms_one_space_joins_only_if_spaces_are_not_left_out():
    mixed = {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0, "e": -1.0}
    assert terms(library(mixed, leave_out="architectures")) == ["log(params)", f"asinh({TERM})"]
    assert terms(library(mixed, combine="min")) == ["log(params)"]
    agreed = dict.fromkeys("abcde", 1.0)
    assert terms(library(agreed)) == ["log(params)", f"asinh({TERM})"]
    assert terms(library(agreed, combine="min")) == ["log(params)", f"asinh({TERM})"]


@pytest.mark.parametrize("scale", ["common", "quantiles"])
def test_what_is_said_of_a_space_has_seen_none_of_its_labels(scale):
    """Where width harms in one space of four, its own labels would say so."""
    agreed, mixed = dict.fromkeys("abcd", 1.0), {"a": -1.0, "b": 1.0, "c": 1.0, "d": 1.0}
    told = [library(signs, scale=scale).cross_validated() for signs in (agreed, mixed)]
    assert [part.space for part in told[0][0]] == list("abcd")
    (same, labels), (other, others) = [(sums[-1], parts) for parts, sums in told]
    assert not np.array_equal(labels[0].truth, others[0].truth)
    assert same[0] == pytest.approx(other[0])
    assert same[0].std() > 0
    folds = library(mixed, scale=scale, leave_out="architectures").cross_validated()[1][-1]
    assert folds[0] != pytest.approx(other[0])


def test_formulas_of_published_scores_may_be_added_up_where_their_statistics_are_measured():
    read = set(statistics_of("scores"))
    assert {"information_rank", "block_entropy", "activation_log_det", "out_channels"} <= read
    assert not {"hessian_saliency", "cka", "weight"} & read
    search = ProxySearch(replace(ASKED, statistics="scores"), families({"a": 1.0}))
    assert "asinh(layers_sum(weight_norm))" in map(to_text, Library(search, [])._candidates([]))
    assert "asinh(layers_sum(weight_norm))" not in map(to_text, library({"a": 1.0})._candidates([]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"terms": 1}, "leave_out spaces decides what a sum adds up, so terms must be above 1"),
        ({}, "at least 3 spaces, got those of digits-cnn, digits-vit"),
    ],
)
def test_too_few_terms_or_spaces_are_refused(tmp_path: Path, wrong, message):
    with pytest.raises(InvalidInput, match=message):
        discover.run(replace(ASKED, out=tmp_path / "run", **wrong))
