"""Formulas that read short trainings: where they come from, what they cost, who refuses them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from autodas.core.errors import AutodasError, InvalidInput
from autodas.scores import Proxy
from autodas.scores.proxy import read_proxy
from autodas.scores.score import parse_score
from autodas.scores.terms import Term
from autodas.statistics import STATISTICS
from autodas.statistics.short import is_short, price_of, short_name, short_training_of
from autodas.steps.benchmark import run as benchmark
from autodas.steps.discover import run as discover
from autodas.steps.discover.config import DiscoverConfig
from autodas.steps.discover.inputs import statistics_of
from autodas.steps.search import run as search
from autodas.tables.table import RUNG_COLUMNS
from autodas.workbench.families import load_family
from autodas.workbench.ground_truth import load_table
from autodas.workbench.protocol import Protocol

NINTH = "neg(early_cross_entropy_1_9)"
ASKED = DiscoverConfig(
    tables=("digits-cnn",),
    early=("1/9",),
    limit=30,
    population=12,
    generations=2,
    leaves="interaction",
    jobs=1,
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("early_accuracy_1_9", ("accuracy", Fraction(1, 9))),
        ("early_kd_loss_2_3", ("kd_loss", Fraction(2, 3))),
        ("early_agreement_1_27", ("agreement", Fraction(1, 27))),
        ("early_accuracy_2_18", None),
        ("early_accuracy_3_2", None),
        ("early_accuracy_1_0", None),
        ("early_luck_1_9", None),
        ("cka", None),
    ],
)
def test_a_name_says_what_was_measured_and_after_how_long(name, found):
    assert is_short(name) == (found is not None)
    if found is not None:
        assert short_training_of(name) == found
        assert short_name(*found) == name
        assert found[0] in RUNG_COLUMNS
    else:
        with pytest.raises(ValueError, match="no short training"):
            short_training_of(name)


def test_every_length_is_paid_once():
    names = ["early_accuracy_1_9", "early_kd_loss_1_9", "early_accuracy_1_3", "cka"]
    assert price_of(names) == Fraction(4, 9)
    assert price_of(["cka", "params"]) == 0


def test_nobody_measures_or_lists_them():
    assert not any(is_short(name) for name in STATISTICS.names())
    assert not any(is_short(name) for name in statistics_of("all"))
    assert parse_score(NINTH).leaves == {"early_cross_entropy_1_9"}
    with pytest.raises(AutodasError, match="early_luck_1_9"):
        parse_score("neg(early_luck_1_9)")


def test_they_are_those_of_the_table_and_not_its_labels():
    leaves = ["early_accuracy_1_9", "early_cross_entropy_1_3"]
    family = load_family("digits-cnn:vanilla", leaves, Protocol())
    table = load_table("digits-cnn")
    for name, measure, fidelity in (
        (leaves[0], "accuracy", Fraction(1, 9)),
        (leaves[1], "cross_entropy", Fraction(1, 3)),
    ):
        (rung,) = (
            each for each in table.rungs if (each.target, each.fidelity) == ("distilled", fidelity)
        )
        values = family.subjects.columns[name].data
        assert values.tolist() == getattr(rung, measure)[:, 0].tolist()
        assert not np.array_equal(values, table.target("distilled").values)
    assert family.networks == 0


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    out = tmp_path_factory.mktemp("early") / "run"
    return out, discover.run(replace(ASKED, out=out))


def test_a_discovery_reads_them_where_it_is_asked_to(found):
    out, results = found
    proxy = read_proxy(out / "proxy.json")
    assert "early_" in (out / "journal.jsonl").read_text()
    price = price_of(proxy.leaves)
    said = any("reads short trainings" in line for line in results["verdict"])
    assert said == (price > 0)


def test_without_being_asked_none_is_read(tmp_path):
    discover.run(replace(ASKED, out=tmp_path, early=(), generations=1))
    assert "early_" not in (tmp_path / "journal.jsonl").read_text()


@pytest.fixture
def saved(tmp_path):
    proxy = Proxy("short", (Term(parse_score(NINTH)),))
    proxy.save(tmp_path / "proxy.json")
    return f"proxy:{tmp_path / 'proxy.json'}"


def test_what_they_say_and_cost_stands_in_a_benchmark(saved, tmp_path):
    asked = benchmark.Config(
        out=tmp_path / "b", table=("digits-cnn",), scores=(saved, "early:1/9"), time=True, jobs=1
    )
    mine, early = benchmark.run(asked)["rows"][:2]
    assert mine["tau"] == early["tau"]
    assert mine["cost"] == pytest.approx(1 / 9)
    assert mine["seconds_per_arch"] is None
    assert discover.what_it_sees(frozenset({"early_cross_entropy_1_9"})).endswith(
        "every student that it ranks costs 1/9 of a full training."
    )


def test_a_search_says_in_one_line_that_it_cannot_make_them(saved, tmp_path):
    asked = search.Config(out=tmp_path, space="digits-cnn", score=saved, candidates=4, jobs=1)
    with pytest.raises(InvalidInput, match="1/9 of a full one for each student") as caught:
        search.run(asked)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"early": ("1/5",)}, "early_accuracy_1_5 of 0 of its 30 architectures.*--rungs 1/5"),
        ({"early": ("5/4",)}, "fraction of a training such as 1/9, got '5/4'"),
        ({"collapse": 3}, "collapse measures students anew"),
        ({"tables": ("digits-pairs-cnn",)}, "early is for tables of one teacher"),
    ],
)
def test_what_cannot_be_read_is_refused_at_once(wrong, said, tmp_path):
    with pytest.raises(InvalidInput, match=said):
        discover.run(replace(ASKED, out=tmp_path / "x", **wrong))
    assert not (tmp_path / "x").exists()
