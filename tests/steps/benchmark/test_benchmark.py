"""The honest table and its sentences."""

from __future__ import annotations

import json

import pytest

from autodas.core.errors import InvalidInput, UnknownName
from autodas.steps.benchmark import run as benchmark
from autodas.steps.benchmark.comparison import verdict
from autodas.steps.benchmark.run import BenchmarkConfig


def row(score: str, tau: float | None, delta: float = 0, low: float = 0, high: float = 0) -> dict:
    found = {"space": "s", "target": "t", "n": 20, "score": score, "tau": tau}
    if tau is None:
        return found | {"failed": "constant score"}
    return found | {"delta_params": delta, "delta_params_low": low, "delta_params_high": high}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (row("p", 0.7, 0.2, 0.1, 0.3), "the proxy beats #params: τ 0.70 against 0.50"),
        (row("p", 0.6, 0.1, -0.1, 0.3), "the proxy is not shown to beat #params"),
        (row("p", 0.4, -0.1, -0.3, 0.1), "the proxy does not beat #params"),
        (row("p", 0.2, -0.3, -0.4, -0.2), "the proxy is worse than #params"),
        (row("p", None), "the proxy gives no ranking: constant score."),
    ],
)
def test_the_verdict_is_plain(found, words):
    (sentence,) = verdict([row("params", 0.5), found], "p")
    assert words in sentence
    assert sentence.startswith("On s (t, 20 unseen architectures)")
    (sentence,) = verdict([found | {"space": ",".join(f"timm:model_{i}" for i in range(9))}], "p")
    assert sentence.startswith("On timm:model_0 and 8 others (t, ")


def test_sizes_stand_beside_every_score(tmp_path):
    config = BenchmarkConfig(
        out=tmp_path / "run", table=("digits-vit",), scores=("diswot,depth",), limit=40, jobs=1
    )
    results = benchmark.run(config)
    assert [r["score"] for r in results["rows"]] == ["diswot", "depth", "params", "macs"]
    assert all(r["n"] == 40 for r in results["rows"])
    assert json.loads((tmp_path / "run" / "results.json").read_text())["rows"] == results["rows"]
    assert all("diswot" in line and "unseen" not in line for line in results["verdict"])
    params = results["rows"][2]
    assert (params["delta_params"], params["tau_given_size"]) == (0, 0)


def test_distilled_and_vanilla_labels_are_different_targets(tmp_path):
    shared = {"table": ("digits-cnn",), "scores": (), "limit": 40, "jobs": 1}
    taus = [
        benchmark.run(BenchmarkConfig(out=tmp_path / target, target=(target,), **shared))["rows"][0]
        for target in ("distilled", "vanilla")
    ]
    assert taus[0]["score"] == "params"
    assert taus[0]["tau"] != taus[1]["tau"]


def test_parts_of_a_split_are_disjoint_and_complete(tmp_path):
    counts = []
    for part in ("search", "validation", "report", "all"):
        config = BenchmarkConfig(
            out=tmp_path / part, table=("digits-vit",), scores=(), part=part, jobs=1
        )
        counts.append(benchmark.run(config)["rows"][0]["n"])
    assert sum(counts[:3]) == counts[3] == 128


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scores": ("parms",)}, "params"),
        ({"limit": 2}, "3"),
        ({"target": ("kd",)}, "has no target 'kd'; its targets are distilled, vanilla"),
    ],
)
def test_wrong_options_are_named(tmp_path, change, words):
    with pytest.raises((InvalidInput, UnknownName), match=words):
        benchmark.run(BenchmarkConfig(out=tmp_path / "run", jobs=1, **change))
