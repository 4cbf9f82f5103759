"""Ablations: ordinary discoveries in folders, summed up over seeds and paired by seed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from autodas.core.errors import InvalidInput, UnknownName
from autodas.fitness import controlled
from autodas.scores import read_proxy
from autodas.steps.discover import dispatch as discover
from autodas.steps.discover import inputs as discover_families
from autodas.steps.discover.ablate.page import _table, summary_table
from autodas.steps.discover.ablate.rows import Outcome, gaps, sentence, study_rows
from autodas.steps.discover.ablate.studies import STUDIES, chosen_studies
from autodas.steps.discover.dispatch import DiscoverConfig
from autodas.tables import load_table, split
from autodas.workbench.families import with_labels

SMALL: dict[str, Any] = {
    "tables": ("digits-cnn",),
    "limit": 40,
    "population": 8,
    "generations": 3,
    "finalists": 5,
    "jobs": 1,
}
STUDIED = {"ablate": ("leaves", "selection"), "ablation_seeds": 2}


def outcome(results: dict[str, Any]) -> dict[str, Any]:
    """What came out, without how long it took."""
    passing = ("seconds", "networks_measured", "summary", "date")
    return {name: value for name, value in results.items() if name not in passing}


@pytest.fixture(scope="module")
def ablation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ablate")
    page = folder / "page.md"
    page.write_text("# Before\n\n<!-- ablation:begin -->\noutdated\n<!-- ablation:end -->\nafter\n")
    discover.run(DiscoverConfig(out=folder / "run", page=page, **SMALL, **STUDIED))
    return folder


def results_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "run" / "results.json").read_text())


def test_every_variant_and_seed_is_a_discovery_and_has_a_row(ablation):
    results = results_of(ablation)
    rows = {(row["study"], row["variant"]): row for row in results["rows"]}
    assert list(rows) == [
        *(("leaves", name) for name in ("both", "intrinsic", "interaction")),
        *(("selection", name) for name in ("adaptive", "fixed", "tournament", "random")),
    ]
    for (study, variant), row in rows.items():
        runs = [
            json.loads(
                (ablation / "run" / study / variant / f"{seed}" / "results.json").read_text()
            )
            for seed in (0, 1)
        ]
        taus = [run["rows"][0]["tau"] for run in runs]
        assert [run["rows"][0]["score"] for run in runs] == ["proxy", "proxy"]
        assert row["seeds"] == [0, 1]
        assert row["taus"] == {"0": taus[0], "1": taus[1]}
        assert row["tau"] == pytest.approx(np.mean(taus))
        half = stats.t.ppf(0.975, 1) * abs(taus[0] - taus[1]) / 2
        assert row["tau_low"] == pytest.approx(max(-1, row["tau"] - half))
        assert row["tau_high"] == pytest.approx(min(1, row["tau"] + half))
        assert row["evaluations"] == 24, "equal for all"
        assert row["nodes"] == np.mean([run["proxy"]["nodes"] for run in runs])
        assert row["n"] == runs[0]["rows"][0]["n"]
    assert results["command"] == "ablate"
    assert results["asked"].startswith("autodas discover --tables digits-cnn")
    assert "--ablate leaves selection --ablation-seeds 2" in results["asked"]


def test_what_two_studies_share_is_discovered_once(ablation):
    results = results_of(ablation)
    assert results["discoveries"] == 14
    for seed in (0, 1):
        same = [ablation / "run" / s / str(seed) for s in ("leaves/both", "selection/adaptive")]
        for name in ("proxy.json", "results.json", "journal.jsonl", "config.toml"):
            assert (same[0] / name).read_bytes() == (same[1] / name).read_bytes()


def test_differences_are_paired_by_seed(ablation):
    rows = [row for row in results_of(ablation)["rows"] if row["study"] == "selection"]
    first, *others = rows
    assert first["delta"] is None
    assert first["deltas"] == {}
    for row in others:
        expected = {seed: row["taus"][seed] - first["taus"][seed] for seed in ("0", "1")}
        assert row["deltas"] == pytest.approx(expected)
        assert row["delta"] == pytest.approx(np.mean(list(expected.values())))


def test_the_page_holds_table_and_verdict_between_the_markers(ablation):
    results, page = results_of(ablation), (ablation / "page.md").read_text()
    before, _, rest = page.partition("<!-- ablation:begin -->")
    inside, _, after = rest.partition("<!-- ablation:end -->")
    assert (before, after) == ("# Before\n\n", "\nafter\n")
    assert "outdated" not in inside
    assert results["asked"] in inside
    assert results["date"] in inside
    assert f"{results['machine']['cores']} cores" in inside
    assert inside.count("\n| ") == 2 + len(results["rows"])
    assert len(results["verdict"]) == 2
    for line in results["verdict"]:
        assert line in inside
    assert "as the paper has it" in results["verdict"][1]


def test_an_ablation_goes_on_where_it_was(ablation, tmp_path):
    shutil.copytree(ablation / "run", tmp_path / "run")
    (tmp_path / "run" / "results.json").unlink()
    lost = tmp_path / "run" / "selection" / "fixed" / "1"
    shutil.rmtree(lost)
    kept = tmp_path / "run" / "selection" / "fixed" / "0" / "results.json"
    known = json.loads(kept.read_text())
    known["proxy"]["nodes"] = 1000  # to see that finished discoveries are read, not made again
    kept.write_text(json.dumps(known))
    (kept.parent / "digests.json").unlink()  # which would tell
    discover.run(DiscoverConfig(out=tmp_path / "run", **SMALL, **STUDIED))
    assert (lost / "results.json").is_file()
    again, earlier = outcome(results_of(tmp_path)), outcome(results_of(ablation))
    (row,) = [row for row in again["rows"] if row["variant"] == "fixed"]
    assert row["nodes"] > 500
    row["nodes"] = next(r["nodes"] for r in earlier["rows"] if r["variant"] == "fixed")
    assert again == earlier


def test_a_folder_of_another_discovery_is_refused(ablation, tmp_path):
    shutil.copytree(ablation / "run" / "leaves" / "both" / "0", tmp_path / "leaves" / "both" / "0")
    config = DiscoverConfig(out=tmp_path, **(SMALL | STUDIED | {"max_nodes": 5}))
    with pytest.raises(InvalidInput, match="max_nodes"):
        discover.run(config)


def test_unknown_studies_are_refused_with_a_hint(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'selection'"):
        discover.run(DiscoverConfig(out=tmp_path / "run", ablate=("selecton",), **SMALL))
    with pytest.raises(InvalidInput, match="two spaces"):
        discover.run(DiscoverConfig(out=tmp_path / "run", ablate=("spaces",), **SMALL))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"labels": 3}, "labels"),
        ({"held_out": ("digits-cnn:vanilla",)}, "held_out"),
        ({"ablation_seeds": 0}, "ablation_seeds"),
        ({"page": Path("page.md")}, "page"),
    ],
)
def test_options_that_cannot_work_are_refused(change, word):
    with pytest.raises(InvalidInput, match=word):
        DiscoverConfig(**change).check()


def test_all_studies_vary_what_they_say():
    config = DiscoverConfig()
    assert [study.name for study in chosen_studies(("all",))] == list(STUDIES.names())
    variants = {s.name: {v.name: v.config for v in s.variants(config)} for s in STUDIES}
    for name, each in variants.items():
        assert len({repr(c) for c in each.values()}) == len(each), name
    spaces = variants["spaces"]
    assert list(spaces) == ["joint", "without-digits-cnn", "without-digits-vit"]
    assert spaces["without-digits-cnn"].tables == ("digits-vit",)
    assert spaces["without-digits-cnn"].held_out == ("digits-cnn",)
    assert variants["protocol"]["half-batch"].protocol.batch_size == 30
    assert variants["protocol"]["weights-2"].protocol == replace(config.protocol, init_seed=2)
    assert [c.labels for c in variants["labels"].values()] == [8, 16, 32, 64]
    # The setting of everybody's default comes first, so that studies share its discoveries.
    for name in ("leaves", "size", "selection", "spaces", "terms", "protocol"):
        assert next(iter(variants[name].values())) == config


def test_labels_are_nested_and_the_report_part_stays():
    table = load_table("digits-cnn")
    whole = split(table.architectures)
    parts = {n: with_labels(whole, table.architectures, n) for n in (8, 16, 32, 64, 10_000)}
    for fewer, more in ((8, 16), (16, 32), (32, 64), (64, 10_000)):
        for name in ("search", "validation"):
            few, many = (set(getattr(parts[n], name).tolist()) for n in (fewer, more))
            assert few <= many
            assert many <= set(getattr(whole, name).tolist())
    for labels, part in parts.items():
        assert len(part.search) == min(labels, len(whole.search))
        assert np.array_equal(part.report, whole.report)
        assert (np.diff(part.search) > 0).all()
    share = 32 / len(whole.search)
    assert len(parts[32].validation) == round(share * len(whole.validation))
    assert len(parts[8].validation) == 6
    # Not simply the first rows, and the same whatever the order of the table.
    turned = tuple(reversed(table.architectures))
    other = with_labels(split(turned), turned, 16)
    names = {table.architectures[i] for i in parts[16].search}
    assert {turned[i] for i in other.search} == names


def test_held_out_tables_see_the_proxy_alone(tmp_path, monkeypatch):
    asked: list[tuple[str, set[str]]] = []
    load = discover_families.load_family

    def watched(pair: str, leaves: Any, *rest: Any, **options: Any):
        family = load(pair, leaves, *rest, **options)
        asked.append((pair, set(family.subjects.columns)))
        return family

    monkeypatch.setattr(discover_families, "load_family", watched)
    options = SMALL | {"labels": 12}
    discover.run(DiscoverConfig(out=tmp_path / "a", held_out=("digits-vit:vanilla",), **options))
    proxy = read_proxy(tmp_path / "a" / "proxy.json")
    assert [pair for pair, _ in asked] == ["digits-cnn", "digits-vit:vanilla"]
    assert asked[1][1] <= proxy.leaves | {"params", "macs"}
    results = json.loads((tmp_path / "a" / "results.json").read_text())
    rows = [row for row in results["rows"] if row["table"] == "digits-vit"]
    assert {row["score"] for row in rows} == {"proxy", "params", "macs", "depth"}
    for row in rows:
        assert (row["part"], row["held_out"], row["n"], row["target"]) == (
            "all",
            True,
            40,
            "vanilla",
        )
    architectures = load_table("digits-vit").limit(40).architectures
    (row,) = [row for row in rows if row["score"] == "proxy"]
    assert row["on_report"]["n"] == len(split(architectures).report)
    assert results["pairs"][1]["n_report"] == 40
    assert set(results["scatter"][1]["part"]) == {"report"}
    assert results["scatter"][0]["part"].count("search") == 12
    assert "unused" in results["scatter"][0]["part"]
    # The proxy is what it would have been without.
    discover.run(DiscoverConfig(out=tmp_path / "b", **options))
    assert read_proxy(tmp_path / "b" / "proxy.json").terms == proxy.terms


def run_of(tau: float | None, *, held_out: bool = False, on_report: float = 0.0) -> dict[str, Any]:
    row = {"score": "proxy", "table": "t", "target": "d", "n": 40, "tau": tau}
    if held_out:
        part = {"n": 4, "tau": on_report, "tau_given_size": 0.1}
        row |= {"held_out": True, "on_report": part}
    return {
        "rows": [{**row, "score": "params", "tau": 0.9}, row],
        "pairs": [{"table": "t", "target": "d", "n_search": 8}],
        "proxy": {"search_tau": 0.7, "validation_tau": 0.6, "nodes": 5},
        "evaluations": 24,
    }


def outcome_of(name: str, taus: list[float | None], **options: Any) -> Outcome:
    return Outcome(name, {i: run_of(t, **options) for i, t in enumerate(taus)}, {}, "proxy")


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ([0.31, 0.32, 0.33], "confirmed"),
        ([0.61, 0.62, 0.63], "contradicted by fixed"),
        ([0.41, 0.62, 0.49], "includes 0); that adaptive is better, as the paper has it, is not"),
    ],
)
def test_the_sentence_says_what_came_out(others, words):
    outcomes = [outcome_of("adaptive", [0.5, 0.51, 0.52]), outcome_of("fixed", others)]
    rows = study_rows("selection", outcomes)
    said = sentence(STUDIES.get("selection"), rows, gaps("selection", rows))
    assert said.startswith("selection: mean τ 0.51 with adaptive; fixed ")
    assert words in said


def test_of_few_architectures_nothing_is_said_to_be_shown():
    outcomes = [outcome_of("adaptive", [0.5, 0.51, 0.52]), outcome_of("fixed", [0.3, 0.31, 0.33])]
    for each in outcomes:
        for results in each.results.values():
            results["rows"][1]["n"] = 19
    rows = study_rows("selection", outcomes)
    assert rows[1]["delta_high"] < 0
    assert rows[1]["significance"] == "open"
    said = sentence(STUDIES.get("selection"), rows, gaps("selection", rows))
    assert (
        "but only 19 architectures); that adaptive is better, as the paper has it, is not" in said
    )


def test_an_interval_is_over_architectures_as_well():
    """Seeds that agree to a hair are not all: on other architectures it might be otherwise."""
    rng = np.random.default_rng(0)
    accuracy = rng.normal(size=40)
    outcomes = []
    for name, noise, tau in (("adaptive", 0.9, 0.5), ("fixed", 1.0, 0.49)):
        runs = {}
        for seed in range(3):
            cloud = {
                "space": "s", "target": "d",
                "architectures": [str(i) for i in range(40)], "part": ["report"] * 40,
                "score": list(accuracy + noise * rng.normal(size=40)), "accuracy": list(accuracy),
            }  # fmt: skip
            runs[seed] = run_of(tau + 0.001 * seed) | {"scatter": [cloud]}
            for row in runs[seed]["rows"]:
                row["space"] = "s"
        outcomes.append(Outcome(name, runs, {}, "proxy"))
    row = study_rows("selection", outcomes)[1]
    assert 0.02 < row["delta_sd_architectures"] < 0.2
    assert row["delta_low"] == pytest.approx(-0.01 - 1.96 * row["delta_sd_architectures"], abs=1e-3)
    assert row["significance"] == "open"
    (gap,) = gaps("selection", [row | {"variant": "adaptive"}, row])
    assert (gap["gap_low"], gap["gap_high"]) == pytest.approx((row["delta_low"], row["delta_high"]))


def test_held_out_is_compared_on_the_report_part():
    outcomes = [
        outcome_of("joint", [0.5, 0.6]),
        outcome_of("without-t", [0.9, 0.9], held_out=True, on_report=0.2),
    ]
    both = study_rows("spaces", outcomes)
    row = both[1]
    assert row["n"] == 4
    assert row["tau"] == pytest.approx(0.2)
    assert row["tau_all"] == pytest.approx(0.9)
    assert row["deltas"] == pytest.approx({"0": -0.3, "1": -0.4})
    assert "without-t −0.35 on what was left out" in sentence(
        STUDIES.get("spaces"), both, gaps("spaces", both)
    )


def test_what_fails_is_counted_and_not_averaged():
    broken = Outcome("fixed", {0: run_of(0.4), 1: run_of(None)}, {2: "no formula"}, "proxy")
    nothing = Outcome("random", {}, {0: "no formula"}, "proxy")
    rows = study_rows("s", [outcome_of("adaptive", [0.5, 0.3, 0.1]), broken, nothing])
    assert rows[1]["taus"] == {"0": 0.4}
    assert rows[1]["delta"] == pytest.approx(-0.1)
    assert rows[1]["failed"].keys() == {"1", "2"}
    assert (rows[2]["tau"], rows[2]["failed"]) == (None, {"0": "no formula"})
    said = sentence(STUDIES.get("selection"), rows, gaps("selection", rows))
    assert "fixed −0.10 (one seed, no interval)" in said
    assert "random cannot be compared" in said


def test_of_many_ablations_only_those_are_bold_that_luck_does_not_explain():
    """One of 30 variants leaves out 0 by luck (p 0.02); alone it would count."""
    first = outcome_of("adaptive", [0.5, 0.5, 0.5])
    lucky = outcome_of("fixed", [0.47, 0.46, 0.45])
    others = [outcome_of(f"v{i}", [0.48, 0.5, 0.51]) for i in range(30)]
    study = STUDIES.get("selection")
    for outcomes, bold in (([first, lucky], True), ([first, lucky, *others], False)):
        rows = controlled(study_rows("selection", outcomes), "delta")
        found = controlled(gaps("selection", rows), "gap")
        assert rows[1]["delta_high"] < 0
        assert ("**" in _table(rows[1:2])) is bold
        assert rows[1]["significance"] == found[0]["significance"] == ("worse" if bold else "open")
        said = sentence(study, rows, found)
        assert ("confirmed" in said, "as much as luck" in said) == (bold, not bold)


def test_one_seed_is_said_to_have_no_interval():
    rows = study_rows("selection", [outcome_of("adaptive", [0.5]), outcome_of("fixed", [0.4])])
    assert "−0.10 (one seed, no interval)" in _table(rows)
    assert "−0.10 (one seed, no interval)" in "\n".join(summary_table(rows))
