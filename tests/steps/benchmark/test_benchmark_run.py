"""A whole benchmark: targets, seeds, seconds, files, the page, and going on after a kill."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from autodas.core.errors import FileProblem, InvalidInput, UnknownName
from autodas.core.runs import command_line
from autodas.scores import Proxy, Term
from autodas.scores.score import parse_score
from autodas.steps.benchmark import run as benchmark
from autodas.steps.benchmark import table as benchmark_table
from autodas.steps.benchmark.config import paper_pairs
from autodas.steps.benchmark.contenders import contenders, everything
from autodas.steps.benchmark.page import BEGIN, END, to_markdown, write_results_page
from autodas.steps.benchmark.run import BenchmarkConfig
from autodas.steps.benchmark.table import Pair, pairs_of
from autodas.steps.benchmark.text import summary_table, to_csv, to_latex
from autodas.tables import load_table
from autodas.workbench.families import sampled
from autodas.workbench.protocol import Protocol

SMALL = {"table": ("digits-cnn",), "limit": 24, "jobs": 1}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """One benchmark with everything, and its folder."""
    out = tmp_path_factory.mktemp("benchmark") / "run"
    config = BenchmarkConfig(
        out=out,
        target=("distilled", "vanilla"),
        scores=("diswot,predictor:ridge",),
        init_seeds=3,
        batch_seeds=2,
        time=True,
        page=out.parent / "page.md",
        **SMALL,
    )
    return out, benchmark.run(config)


def row_of(results, score, target="distilled"):
    (row,) = (r for r in results["rows"] if (r["score"], r["target"]) == (score, target))
    return row


def test_several_targets_share_one_measurement(found):
    _, results = found
    assert [pair["target"] for pair in results["pairs"]] == ["distilled", "vanilla"]
    assert len(results["rows"]) == 2 * 5
    assert results["networks_measured"] <= 24
    assert row_of(results, "diswot")["tau"] != row_of(results, "diswot", "vanilla")["tau"]
    assert row_of(results, "diswot")["sign"] == 1


def test_the_top_of_the_list_stands_in_rows_tables_and_pages(found, tmp_path):
    _, results = found
    for row in results["rows"]:
        assert row["top"]["k"] == min(10, row["n"] // 2)
        assert 0 <= row["top"]["precision"] <= 1
        assert 0 < row["top"]["ndcg"] <= 1
        assert row["top"]["regret"] >= 0
    row = row_of(results, "diswot")
    (line,) = [
        line for line in csv.DictReader(io.StringIO(to_csv([row]))) if line["score"] == "diswot"
    ]
    assert float(line["top_ndcg"]) == row["top"]["ndcg"]
    shown = f"{row['top']['ndcg']:.2f}   {row['top']['precision']:.2f}"
    assert any(shown in text for text in summary_table([row]))
    page = to_markdown(results)
    cells = " | ".join(
        f"{row['top'][name]:.2f}" for name in ("ndcg", "precision", "best", "regret")
    )
    assert f"nDCG@{row['top']['k']}" in page
    assert cells in page
    assert f"${row['top']['ndcg']:.2f}$" in to_latex([row])


def test_regret_stands_beside_oracle_largest_and_random(found):
    _, results = found
    table = load_table("digits-cnn").limit(24)
    truth = dict(zip(table.architectures, table.target("distilled").values, strict=True))
    for row in results["rows"]:
        assert len(row["regret"]) == 4
        for each in row["regret"]:
            assert each["oracle"] - each["accuracy"] == pytest.approx(each["regret"])
            assert max(each["accuracy"], each["random"], each["largest"]) <= each["oracle"]
            assert each["top5"]["regret"] <= each["regret"] + 1e-9 or each["ties"] > 1
    chosen = row_of(results, "diswot")["regret"][-1]
    assert chosen["accuracy"] == pytest.approx(truth[chosen["chosen"]])
    assert chosen["random"] == pytest.approx(np.mean(list(truth.values())))


def test_stability_is_of_scores_that_look_at_networks(found):
    _, results = found
    assert row_of(results, "params")["stability"] is None
    assert row_of(results, "predictor:ridge")["stability"] is None
    stable = row_of(results, "diswot")["stability"]
    assert (stable["init"]["seeds"], stable["batch"]["seeds"]) == (3, 2)
    for each in stable.values():
        assert each["tau_sd"] > 0.0
        assert 0.0 < each["agreement"] < 1.0
        assert each["tau_low"] <= row_of(results, "diswot")["tau"] <= each["tau_high"]
        assert each["failed"] == 0


def test_seconds_are_of_the_score_alone(found):
    _, results = found
    seconds = {name: row_of(results, name)["seconds_per_arch"] for name in ("diswot", "params")}
    assert 0.0 < seconds["params"] < 1.0
    assert 0.0 < seconds["diswot"] < 5.0
    assert all(row["seconds_alone"] for row in results["rows"])


def test_the_csv_holds_every_row_and_number(found):
    out, results = found
    with (out / "table.csv").open(newline="") as handle:
        lines = list(csv.DictReader(handle))
    assert len(lines) == len(results["rows"])
    for line, row in zip(lines, results["rows"], strict=True):
        assert (line["score"], float(line["tau_low"])) == (row["score"], row["tau_low"])
        assert float(line["top5_4"]) == row["regret"][3]["top5"]["regret"]
    assert float(lines[0]["init_tau_sd"]) == results["rows"][0]["stability"]["init"]["tau_sd"]


def test_what_a_choice_loses_has_an_interval_everywhere(found):
    out, results = found
    ranked = [row for row in results["rows"] if row["tau"] is not None]
    for row in ranked:
        assert row["lost"] == pytest.approx(np.mean([e["regret"] for e in row["regret"]]))
        assert row["lost_low"] <= row["lost_high"]
        assert row["over_random_low"] < row["over_random_high"]
    row = ranked[0]
    ends = ", ".join(f"{row[f'lost_{end}']:.2f}" for end in ("low", "high"))
    told = "\n".join(results["summary"]), (out / "table.tex").read_text(), to_markdown(results)
    assert all(f"[{ends}]" in text for text in told)


def test_the_latex_is_balanced_and_escaped(found):
    out, results = found
    text = (out / "table.tex").read_text()
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(lines) == len(results["rows"]) + 2
    assert {line.count("&") for line in lines} == {19}
    assert re.findall(r"begin\{tabular\}\{(\w+)\}", text) == ["lrlrrrlrrlrlrlrlrrrl"] * 2
    assert text.count(r"\begin") == text.count(r"\end") == 4
    assert text.count("{") == text.count("}")


def test_special_characters_are_escaped_for_latex():
    from autodas.steps.benchmark.text import to_latex

    row = {"score": "a_b(τ) & c", "space": "s", "target": "x_y", "n": 3, "tau": None}
    text = to_latex([row | {"failed": "50 % of \\_"}])
    assert r"a\_b($\tau$) \& c & \multicolumn{19}{l}{50 \% of \textbackslash{}\_} \\" in text
    assert r"\caption{s, x\_y, 3 architectures}" in text


def test_the_page_is_generated_between_markers_only(found, tmp_path):
    out, results = found
    page = (out.parent / "page.md").read_text()
    assert "| `diswot` |" in page
    assert str(out.parent) not in page
    assert results["asked"] in page
    own = tmp_path / "own.md"
    own.write_text(f"before\n{BEGIN}\nlast year\n{END}\nafter\n")
    write_results_page(results, own)
    first = own.read_text()
    write_results_page(results, own)
    assert own.read_text() == first
    assert first.startswith("before\n" + BEGIN)
    assert first.endswith(END + "\nafter\n")
    assert "last year" not in first
    own.write_text(f"{END} {BEGIN}")
    with pytest.raises(FileProblem, match="needs one"):
        write_results_page(results, own)
    assert own.read_text() == f"{END} {BEGIN}"


def test_a_killed_benchmark_goes_on(tmp_path, monkeypatch):
    config = BenchmarkConfig(
        out=tmp_path / "run", scores=("predictor:ridge",), target=("distilled", "vanilla"), **SMALL
    )
    whole = benchmark.run(BenchmarkConfig(**{**vars(config), "out": tmp_path / "whole"}))
    compare, computed = benchmark_table.Comparison.row, []

    def killed_at_third(self, contender):
        computed.append(contender.name)
        if len(computed) == 3:
            raise KeyboardInterrupt
        return compare(self, contender)

    monkeypatch.setattr(benchmark_table.Comparison, "row", killed_at_third)
    with pytest.raises(KeyboardInterrupt):
        benchmark.run(config)
    again = benchmark.run(config)
    assert len(computed) == 3 + 6
    assert again["rows"] == whole["rows"]
    assert again["pairs"] == whole["pairs"]
    monkeypatch.setattr(benchmark_table, "load_family", None)  # nothing is left to be measured
    assert benchmark.run(config)["rows"] == whole["rows"]


def test_targets_are_columns_or_trainings():
    both = ("distilled", "vanilla")
    assert pairs_of(["digits-cnn"], both, None) == [Pair("digits-cnn", t) for t in both]
    assert pairs_of(["digits-cnn:vanilla"], ["distilled"], None) == [Pair("digits-cnn", "vanilla")]
    assert pairs_of(["digits-cnn", "digits-cnn:distilled"], ["distilled"], None) == [
        Pair("digits-cnn", "distilled")
    ]
    with pytest.raises(InvalidInput, match="'kd'; its targets are distilled, vanilla"):
        pairs_of(["digits-cnn:kd"], ["distilled"], None)


def test_a_training_stands_for_all_its_targets(data_folder):
    found = {pair.target for pair in pairs_of(["autoformer"], ["distilled"], None)}
    assert found == {"c100_kd_acc", "flower_kd_acc", "chaoyang_kd_acc"}


def test_the_preset_takes_what_is_found(monkeypatch, tmp_path):
    monkeypatch.delenv("AUTODAS_DATA", raising=False)
    assert paper_pairs() == ["digits-cnn:distilled", "digits-vit:distilled"]
    assert {"params", "diswot", "predictor:forest"} <= set(everything())
    config = BenchmarkConfig(
        out=tmp_path / "run", preset="paper", scores=("predictor:ridge",), limit=20, jobs=1
    )
    results = benchmark.run(config)
    assert {row["table"] for row in results["rows"]} == {"digits-cnn", "digits-vit"}
    assert (
        results["asked"] == "autodas benchmark --preset paper --scores predictor:ridge --limit 20"
    )


def test_the_preset_leaves_out_tables_whose_images_are_missing(monkeypatch, tmp_path):
    config = BenchmarkConfig(
        out=tmp_path / "run",
        preset="paper",
        table=("digits-cnn",),
        scores=("diswot",),
        protocol=Protocol(data="cifar10-sample"),
        limit=20,
        jobs=1,
    )
    monkeypatch.delenv("AUTODAS_DATA", raising=False)
    with pytest.raises(InvalidInput, match="nothing could be compared: digits-cnn was left out"):
        benchmark.run(config)


def test_the_preset_knows_the_published_tables(data_folder):
    found = paper_pairs()
    assert {"s0:kd_acc", "s0:cls_acc", "autoformer:c100_base_acc", "pit:flower_kd_acc"} <= set(
        found
    )
    assert "autoformer:flower_base_acc" not in found
    assert sum(pair.startswith("nasbench201:") for pair in found) == 3


def test_a_sample_depends_on_no_order_of_rows():
    table = load_table("digits-cnn")
    turned = table.subset(np.arange(len(table))[::-1])
    assert set(sampled(table, 9).architectures) == set(sampled(turned, 9).architectures)
    assert len(sampled(table, 9)) == 9
    assert set(sampled(table, 9).architectures) != set(table.limit(9).architectures)
    with pytest.raises(InvalidInput, match="at least 1"):
        sampled(table, 0)


def test_two_proxies_of_one_name_stay_apart(tmp_path):
    names = [each.name for each in contenders(["diswot,diswot", "macs,all"]).each]
    assert len(names) == len(set(names))
    assert names[0] == "diswot"
    assert {"params", "macs", "depth"} <= set(names)


def test_a_proxy_is_judged_on_accuracies_that_did_not_guide_it(tmp_path):
    guide = load_table("digits-cnn").digest
    for name, tables in (("guided", [guide]), ("foreign", ["another table"])):
        terms = (Term(parse_score("macs")),)
        Proxy(name, terms, {"tables": tables}).save(tmp_path / f"{name}.json")
    names = tuple(f"proxy:{tmp_path / name}.json" for name in ("guided", "foreign"))
    config = BenchmarkConfig(out=tmp_path / "run", table=("digits-cnn",), scores=names, jobs=1)
    results = benchmark.run(config)
    rows = {row["score"]: row for row in results["rows"]}
    guided, foreign = (rows[name] for name in names)
    assert (guided["part"], foreign["part"]) == ("report", "all")
    assert guided["n"] == results["pairs"][0]["n_report"] < foreign["n"] == 128
    assert any("guided" in line and "(n = 36)" in line for line in results["summary"])
    again = benchmark.run(
        BenchmarkConfig(out=tmp_path / "size", part="report", table=("digits-cnn",), scores=())
    )
    size = row_of(again, "params")["tau"]
    assert guided["tau"] - guided["delta_params"] == pytest.approx(size)
    assert any(f"against {size:.2f} for #params" in line for line in results["verdict"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"memory": "much"}, "an amount of memory"),
        ({"sample": 2}, "sample of at least 3"),
        ({"init_seeds": 0}, "init_seeds must be at least 1"),
        ({"table": ()}, "at least one table"),
        ({"target": ()}, "at least one column"),
        ({"table": (":x",)}, "NAME or NAME:TARGET"),
        ({"protocol": Protocol(data="digit"), "scores": ()}, "unknown data set 'digit'"),
    ],
)
def test_senseless_options_are_refused(tmp_path, change, words):
    with pytest.raises((InvalidInput, UnknownName), match=words):
        benchmark.run(BenchmarkConfig(out=tmp_path / "run", **{**SMALL, **change}))


def test_the_command_says_what_was_asked_and_not_where():
    config = BenchmarkConfig(
        out=Path("/somewhere"), table=("s0",), time=True, protocol=Protocol(batch_size=8)
    )
    asked = "autodas benchmark --table s0 --time --batch-size 8"
    assert command_line("benchmark", config) == asked


def test_results_are_json(found):
    out, results = found
    written = json.loads((out / "results.json").read_text())
    assert written["rows"] == results["rows"]
    assert written["machine"]["cores"] >= 1
