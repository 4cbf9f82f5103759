"""What a discovery can be asked: sums of formulas, other aims, other leaves."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autodas.core.errors import InvalidInput
from autodas.core.progress import Silent
from autodas.core.runs import Journal
from autodas.evolution import Told, evolve
from autodas.expressions import parse, to_text
from autodas.reports import build
from autodas.scores import Term, read_proxy
from autodas.statistics import STATISTICS
from autodas.steps.benchmark.comparison import values_of
from autodas.steps.discover import choosing as choose_proxy
from autodas.steps.discover import dispatch as discover
from autodas.steps.discover import run as discovery
from autodas.steps.discover.dispatch import DiscoverConfig
from autodas.steps.discover.evolving import ProxySearch
from autodas.steps.discover.sealing import GuidingFamily
from autodas.steps.discover.summing import Library
from autodas.tables import LabelRow, write_labels
from autodas.workbench.families import load_family
from autodas.workbench.protocol import Protocol

SMALL: dict[str, Any] = {
    "tables": ("digits-cnn",),
    "limit": 60,
    "population": 12,
    "generations": 5,
    "finalists": 5,
    "jobs": 1,
}

SUMS = {"limit": None, "terms": 4, "max_nodes": 3, "size_leaves": False, "collapse": 8}


TWO = ("digits-cnn", "digits-vit")


def discovered(out: Path, **changes: Any) -> tuple[dict[str, Any], Any]:
    discover.run(DiscoverConfig(out=out, **(SMALL | changes)))
    return json.loads((out / "results.json").read_text()), read_proxy(out / "proxy.json")


@pytest.mark.parametrize(
    ("asked", "met", "rates"),
    [
        ({}, 3, (0.5, 0.5)),
        ({"tournament_size": 7, "crossover_rate": 0.25}, 7, (0.25, 0.5)),
        ({"mutation_rate": 1.0}, 3, (0.5, 1.0)),
    ],
)
def test_tournaments_and_rates_are_what_is_asked_for(asked, met, rates):
    config = DiscoverConfig(selection="tournament", **(SMALL | asked))
    algorithm = ProxySearch(config, [guiding("digits-cnn:distilled", ("weight",))]).algorithm()
    assert algorithm.selection.k == met
    assert (algorithm.rates.crossover, algorithm.rates.mutation) == rates


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"tournament_size": 0}, "tournament_size must be at least 1, got 0"),
        ({"crossover_rate": 1.5}, r"crossover_rate must lie in \[0, 1\], got 1.5"),
        ({"fitness": "kendall"}, "fitness must be one of tau, rho, .*, got 'kendall'"),
    ],
)
def test_breeding_that_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(InvalidInput, match=message):
        DiscoverConfig(**(SMALL | wrong)).check()


def test_what_is_maximised_decides_what_is_found(tmp_path):
    tau, top = (
        discovered(tmp_path / name, fitness=name)[0]["history"][-1]["best"]
        for name in ("tau", "top-k")
    )
    assert tau != top
    assert 0 < top <= 1


def guiding(pair: str, leaves: tuple[str, ...]) -> GuidingFamily:
    return GuidingFamily(**vars(load_family(pair, leaves, Protocol())))


def formulas(out: Path) -> list[str]:
    told = [Told.from_json(record) for record in Journal(out / "journal.jsonl").records()]
    return [key for generation in told for key in generation.keys]


@pytest.fixture(autouse=True, scope="module")
def weak_singles():
    """Where sums are allowed the single formula is a poor one, so that a sum is worth it."""
    poor = choose_proxy.ChosenProxy((Term(parse("loss")),), 0.0, 0.0)
    best = choose_proxy._best_single
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            choose_proxy,
            "_best_single",
            lambda search, algorithm: poor if search.config.terms > 1 else best(search, algorithm),
        )
        yield


@pytest.fixture(scope="module")
def of_sums(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sums") / "run"
    discovered(out, **SUMS)
    return out


def test_a_sum_is_fitted_on_known_architectures_and_kept_with_its_scales(of_sums):
    results, proxy = (
        json.loads((of_sums / "results.json").read_text()),
        read_proxy(of_sums / "proxy.json"),
    )
    assert results["proxy"]["words"].count("times the quantile of") == len(proxy.terms)
    assert 1 < len(proxy.terms) <= 4
    assert results["proxy"]["path"][0]["steps"] == 1
    assert results["proxy"]["text"] == proxy.formula
    family = load_family("digits-cnn:distilled", proxy.leaves, Protocol())
    known = np.sort(np.concatenate([family.split.search, family.split.validation]))
    for term in proxy.terms:
        assert term.scaled
        levels = term.scales["digits-cnn"](
            family.subjects.evaluator.evaluate(term.expression).value
        )
        assert abs(levels[known].mean()) < 0.05
    values = proxy.score.compute(family.subjects).value
    assert results["scatter"][0]["score"] == pytest.approx(values.tolist())
    row = next(row for row in results["rows"] if row["score"] == "proxy")
    assert row["n"] == len(family.split.report)


COMMON = {
    **SUMS,
    "tables": ("digits-cnn", "digits-vit"),
    "limit": 60,
    "selection": "random",
    "size_leaves": True,
    "scale": "common",
    "rule": "best",
    "collapse": 0,
}


@pytest.mark.parametrize("sizes", [True, False])
def test_on_the_common_scale_a_sum_needs_no_scale_of_any_space(tmp_path, sizes):
    results, proxy = discovered(tmp_path / "run", **COMMON | {"size_leaves": sizes, "name": "ours"})
    assert "quantile" not in results["proxy"]["words"]
    assert "Q" not in results["proxy"]["latex"]
    words = Path(build(tmp_path / "run")).read_text()
    assert ">Gained<" in words  # whatever the proxy is called
    assert f"sum of {len(proxy.terms)} formulas" in words
    texts = [to_text(term.expression) for term in proxy.terms]
    assert 1 < len(texts) <= 4
    assert texts[0] == "log(params)" if sizes else "log(params)" not in texts
    assert all(text.startswith("asinh(") for text in texts[sizes:])
    assert not any(term.scaled or term.scales for term in proxy.terms)
    assert not proxy.score.unscaled("a space of one's own")
    if not sizes:
        assert not any(STATISTICS.get(name).size for name in proxy.leaves)


def test_on_the_common_scale_units_are_spreads_within_spaces(tmp_path):
    config = DiscoverConfig(out=tmp_path, **SMALL | COMMON)
    families = [guiding(f"{name}:distilled", ("weight",)) for name in TWO]
    search = ProxySearch(config, families)
    keys = ["layers_sum(l2(weight))", "layers_mean(std(weight))"]
    library = Library(search, keys)
    known = {f.table.name: np.arange(len(f.truth)) for f in families}
    scaled = library._scaled(known)
    for number, text in enumerate(("log(params)", *(f"asinh({key})" for key in keys))):
        raw = [f.subjects.evaluator.evaluate(parse(text)).value for f in families]
        unit = np.sqrt(np.mean([np.var(values) for values in raw]))
        for name, values in zip(TWO, raw, strict=True):
            assert scaled[name][:, number] == pytest.approx((values - values.mean()) / unit)


def test_what_tells_one_space_alone_apart_is_left_out_on_the_common_scale(tmp_path):
    """Attention is no statistic of CNNs; a formula that only moves on one space is like it."""
    config = DiscoverConfig(out=tmp_path, **SMALL | COMMON)
    families = [guiding(f"{name}:distilled", ("weight",)) for name in TWO]
    library = Library(ProxySearch(config, families), ["layers_sum(l2(weight))"])
    known = {f.table.name: np.arange(len(f.truth)) for f in families}
    library.raw["digits-vit"][:, 1] *= 0.01
    assert np.isinf(library._spread(known)).tolist() == [False, True]
    for share, lopsided in ((0.78, False), (0.82, True)):
        for name, part in zip(TWO, (share, 1 - share), strict=True):
            values = library.raw[name][:, 1]
            library.raw[name][:, 1] = np.sqrt(part) * values / values.std()
        assert np.isinf(library._spread(known)).tolist() == [False, lopsided]


def test_the_collapse_check_stands_in_the_proxy_file_and_in_the_verdict(of_sums):
    results, proxy = (
        json.loads((of_sums / "results.json").read_text()),
        read_proxy(of_sums / "proxy.json"),
    )
    (found,) = proxy.results["collapse"]
    assert found["space"] == "digits-cnn"
    assert found["architectures"] == 8
    assert "networks" not in found  # or a warm cache would give another file than a cold one
    assert found["sentence"] in results["verdict"]


def test_an_interrupted_search_for_a_sum_ends_with_the_same_file(of_sums, tmp_path):
    out = tmp_path / "run"
    discovered(out, **SUMS)
    journal = (out / "journal.jsonl").read_bytes().splitlines(keepends=True)
    for name in ("results.json", "proxy.json"):
        (out / name).unlink()
    (out / "journal.jsonl").write_bytes(b"".join(journal[:3]))
    discovered(out, **SUMS)
    assert (out / "proxy.json").read_bytes() == (of_sums / "proxy.json").read_bytes()


def test_the_report_part_decides_nothing(tmp_path):
    family = load_family("digits-cnn", (), Protocol(), limit=60)
    hidden = {family.table.architectures[i] for i in family.split.report}
    target = family.table.target("distilled")
    rows = [
        LabelRow(arch, 100 - value if arch in hidden else value, seed, "distilled")
        for arch, values in zip(family.table.architectures, target.per_seed, strict=True)
        for seed, value in zip(target.seeds, values, strict=True)
    ]
    write_labels(tmp_path / "other.csv", rows, {"space": "digits-cnn", "dataset": "digits"})
    proxies = [
        discovered(tmp_path / str(n), tables=(f"{name}:distilled",), terms=3, max_nodes=4)[1]
        for n, name in enumerate(("digits-cnn", str(tmp_path / "other.csv")))
    ]
    assert proxies[0].terms == proxies[1].terms


def test_nsga2_keeps_three_aims(tmp_path):
    results, _ = discovered(tmp_path / "run", selection="nsga2")
    assert len(results["history"]) == 5
    for record in Journal(tmp_path / "run" / "journal.jsonl").records():
        told = Told.from_json(record)
        for key, aims in zip(told.keys, told.objectives, strict=True):
            assert len(aims) in (0, 3)
            if aims:
                assert aims[2] == -parse(key).size


def test_aims_of_a_formula_and_of_its_negative_differ_in_length_alone(tmp_path):
    config = DiscoverConfig(out=tmp_path, **SMALL | {"selection": "nsga2"})
    families = [guiding("digits-cnn:distilled", ("weight",))]
    search = ProxySearch(config, families)
    texts = ("layers_std(std(weight))", "neg(layers_std(std(weight)))")
    asked = [SimpleNamespace(genome=parse(text)) for text in texts]
    upright, turned = search.objectives(asked, search.evaluate(asked))
    assert upright[:2] == turned[:2]
    assert upright[1] != 0.0
    assert turned[2] == upright[2] - 1


def test_no_more_than_three_formulas_of_one_fitness_survive(tmp_path):
    config = DiscoverConfig(out=tmp_path, **SMALL | {"population": 30, "max_nodes": 3})
    search = ProxySearch(config, [guiding("digits-cnn:distilled", ("weight",))])
    algorithm = search.algorithm()
    evolve(algorithm, search.evaluate, lambda told: None)
    counts = Counter(each.value for each in algorithm.population)
    assert max(counts.values()) == 3


def test_what_needs_passes_of_its_own_must_be_asked_for(tmp_path):
    config = DiscoverConfig(out=tmp_path, **(SMALL | {"limit": 4}))
    known = {}
    for which in ("shared", "most", "all"):
        (family,) = discovery.load(replace(config, statistics=which), Silent()).guiding
        known[which] = set(family.subjects.columns)
    assert known["shared"] < known["most"] < known["all"]
    assert known["all"] - known["most"] == {"hessian_saliency"}


@pytest.mark.parametrize("leaves", ["intrinsic", "interaction"])
def test_leaves_can_be_of_one_kind(tmp_path, leaves):
    discovered(tmp_path / "run", leaves=leaves, generations=2)
    used = {leaf for key in formulas(tmp_path / "run") for leaf in parse(key).leaves}
    assert used
    assert {STATISTICS.get(leaf).origin for leaf in used} == {leaves}


def test_targets_of_one_table_share_what_was_measured(tmp_path):
    config = DiscoverConfig(
        out=tmp_path, **(SMALL | {"tables": ("digits-cnn:distilled", "digits-cnn:vanilla")})
    )
    families = discovery.load(config, Silent()).guiding
    assert families[0].subjects is families[1].subjects
    assert not np.array_equal(families[0].truth, families[1].truth)
    search = ProxySearch(config, families)
    assert len(search.evaluators) == 1
    found = search.fitness(parse("layers_sum(l2(weight))")).value
    alone = [
        ProxySearch(config, [family]).fitness(parse("layers_sum(l2(weight))")).value
        for family in families
    ]
    assert found == pytest.approx(np.mean(alone))


def test_every_node_costs_parsimony(tmp_path):
    config = DiscoverConfig(out=tmp_path, **SMALL)
    families = discovery.load(config, Silent()).guiding
    formula = parse("neg(layers_sum(l2(weight)))")
    free = ProxySearch(config, families).fitness(formula).value
    paid = ProxySearch(replace(config, parsimony=0.01), families).fitness(formula).value
    assert paid == pytest.approx(free - 0.04)


def test_size_control_and_lift_pay_nothing_for_size(tmp_path):
    config = DiscoverConfig(out=tmp_path, **SMALL)
    families = discovery.load(config, Silent()).guiding
    for changes in ({"size_control": 1.0}, {"lift": True}):
        search = ProxySearch(replace(config, **changes), families)
        assert search.fitness(parse("log(params)")).value == pytest.approx(0.0, abs=1e-9)
    assert ProxySearch(config, families).fitness(parse("log(params)")).value > 0.2


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"terms": 0}, "terms"),
        ({"terms": 65}, "terms"),
        ({"size_control": 1.5}, "size_control"),
        ({"parsimony": -1.0}, "parsimony"),
        ({"collapse": -1}, "collapse"),
        ({"memory": "lots"}, "lots"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_measured(tmp_path, change, word):
    with pytest.raises(InvalidInput, match=word) as caught:
        discover.run(DiscoverConfig(out=tmp_path / "run", **(SMALL | change)))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_scores_without_a_scale_for_a_space_get_one_there(of_sums):
    proxy = read_proxy(of_sums / "proxy.json")
    family = load_family("digits-vit:distilled", proxy.leaves, Protocol(), limit=20)
    assert proxy.score.unscaled("digits-vit")
    assert np.isfinite(values_of(proxy.score, family.subjects).value).all()
