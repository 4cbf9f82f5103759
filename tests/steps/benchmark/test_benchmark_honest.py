"""What a reviewer asks: other splits, many comparisons, few architectures, the best closed form."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from autodas.core.errors import InvalidInput
from autodas.fitness import controlled
from autodas.scores import get_score
from autodas.scores.closed_forms import LEAVES, closed_forms
from autodas.scores.predictor import BestOrder, get_predictor
from autodas.steps.benchmark import run as benchmark
from autodas.steps.benchmark.comparison import Comparison, rows, verdict
from autodas.steps.benchmark.config import BenchmarkConfig, check_config
from autodas.steps.benchmark.page import to_markdown
from autodas.steps.benchmark.repeated import over_splits
from autodas.workbench.families import load_family, parted
from autodas.workbench.protocol import Protocol


@pytest.fixture(scope="module")
def family():
    return load_family("digits-cnn:distilled", LEAVES, Protocol())


def test_every_seed_has_a_split_of_its_own_and_none_is_the_published_one():
    table, published = parted("digits-cnn")
    _, same = parted("digits-cnn", split_seed=0)
    assert (same.report == published.report).all()
    reports = [set(parted("digits-cnn", split_seed=seed)[1].report) for seed in range(4)]
    assert len(set(map(frozenset, reports))) == 4
    expected = 0.3**2 * len(table)  # what two random parts of 30 % share
    assert all(len(reports[0] & each) < 2 * expected for each in reports[1:])


def test_rows_over_splits_are_rows_of_each(family):
    comparison = Comparison(family, "report", 0)
    score = get_score("layers_mean(log(out_channels))")
    found = over_splits(comparison, score, 3, 4)
    taus = []
    for seed in (3, 4, 5, 6):
        parts = parted("digits-cnn", split_seed=seed)[1]
        (row,) = rows([dataclasses.replace(family, split=parts)], [score])
        taus.append(row["tau"])
    assert found["n"] == 4
    assert found["tau_mean"] == pytest.approx(np.mean(taus))
    assert found["tau_sd"] == pytest.approx(np.std(taus, ddof=1))
    assert 0.0 < found["delta_sd"] < found["tau_sd"] + 1.0


def test_a_benchmark_of_several_splits_says_so(tmp_path):
    config = BenchmarkConfig(
        out=tmp_path / "run",
        table=("digits-cnn",),
        scores=("predictor:shapes", "layers_sum(numel)"),
        part="report",
        splits=3,
        split_seed=7,
        jobs=1,
    )
    results = benchmark.run(config)
    parts = parted("digits-cnn", split_seed=7)[1]
    assert {row["n"] for row in results["rows"]} == {len(parts.report)}
    assert {row["splits"]["n"] for row in results["rows"]} == {3}
    assert any(" Over 3 splits: τ " in line for line in results["verdict"])
    assert results["rows_on_report"] == {"digits-cnn": len(results["rows"])}
    assert f"in this run alone: digits-cnn {len(results['rows'])}." in to_markdown(results)
    assert json.loads((tmp_path / "run" / "results.json").read_text())["rows_on_report"]
    (look,) = results["looks"]
    assert (look["table"], look["times"] >= 1) == ("digits-cnn", True)
    told = "The report part of digits-cnn has now been looked at"
    assert any(told in line for line in results["summary"])
    assert told in to_markdown(results)
    again = benchmark.run(config)
    assert again["looks"] == results["looks"]
    searched = dataclasses.replace(config, out=tmp_path / "search", part="search", splits=1)
    assert benchmark.run(searched)["looks"] == []
    with pytest.raises(InvalidInput, match="1 unless part is report, got 3 with part all"):
        check_config(dataclasses.replace(config, part="all"))


def test_of_many_comparisons_only_those_are_bold_that_chance_does_not_explain():
    lucky = [{"delta_params_p": 0.04, "significance": "better"}]
    lucky += [{"delta_params_p": p, "significance": "open"} for p in np.linspace(0.1, 1, 30)]
    true = [{"delta_params_p": 0.002, "significance": "worse"} for _ in range(9)]
    found = controlled([*lucky, *true, {"tau": None}], "delta_params")
    assert found[0]["significance"] == "open"
    assert [row["significance"] for row in found[31:40]] == ["worse"] * 9
    assert found[31]["delta_params_q"] == pytest.approx(0.002 * 40 / 9)
    assert "delta_params_q" not in found[40]
    assert controlled(lucky[:1], "delta_params")[0]["significance"] == "better"


@pytest.mark.parametrize(
    ("n", "delta", "ends", "said"),
    [
        (30, -0.1, (-0.3, 0.1), "does not beat"),
        (19, -0.1, (-0.3, 0.1), "is not shown to beat"),
        (30, 0.1, (-0.1, 0.3), "is not shown to beat"),
        (30, 0.2, (0.1, 0.3), "beats"),
    ],
)
def test_of_few_architectures_little_is_said(n, delta, ends, said):
    row = {"score": "a", "space": "s", "target": "t", "n": n, "tau": 0.5, "delta_params": delta}
    row |= {"delta_params_low": ends[0], "delta_params_high": ends[1]}
    (line,) = verdict([row], "a")
    assert f"the proxy {said} #params" in line
    (line,) = verdict([row | {"significance": "open"}], "a")
    assert "beats" not in line


def test_the_best_closed_form_is_chosen_without_the_accuracies_it_is_judged_on(family):
    forms = np.column_stack(list(closed_forms(family.subjects).values()))
    learn = np.concatenate([family.split.search, family.split.validation])
    chosen = BestOrder().fit(forms[learn], family.truth[learn]).chosen
    predictor = get_predictor("predictor:shapes")
    (row,) = rows([family], [predictor], part="report")
    assert row["trained_on"] == len(learn)
    # Other accuracies of the report part do not change what is predicted.
    changed = family.truth.copy()
    changed[family.split.report] = 100 - changed[family.split.report]
    before, after = (
        Comparison(dataclasses.replace(family, truth=truth), "report", 0).values(predictor)[0].value
        for truth in (family.truth, changed)
    )
    np.testing.assert_array_equal(before, after)
    ranks = (
        np.argsort(np.argsort(before)),
        np.argsort(np.argsort(forms[family.split.report, chosen])),
    )
    assert abs(np.corrcoef(*ranks)[0, 1]) > 0.9
