"""A search that is killed goes on where it stopped, and ends with the same files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autodas.cli.main import main
from autodas.core.errors import InvalidInput
from autodas.core.runs import Journal
from autodas.expressions import parse
from autodas.scores.proxy import Proxy
from autodas.scores.terms import Term
from autodas.steps.search import run as search
from autodas.steps.search import scoring as search_scores
from autodas.steps.search.run import SearchConfig
from autodas.workbench import protocol

SPENT = {"seconds", "networks_measured"}
CHUNK = 8
WAYS: dict[str, dict[str, Any]] = {
    "whole": {"strategy": "whole", "candidates": 32},
    "nsga2": {"strategy": "nsga2", "evaluations": 36, "pareto": "macs"},
}
KILLED = """
import json, sys
from pathlib import Path
from autodas.steps.search import run as search
from autodas.steps.search import scoring as search_scores
search_scores.CHUNK = {chunk}
options = json.loads(sys.argv[1])
search.run(search.SearchConfig(out=Path(options.pop("out")), **options))
"""


def options(out: Path, way: str) -> dict[str, Any]:
    return {
        "out": str(out),
        "space": "digits-vit",
        "score": "diswot",
        "max_params": "20k",
        "jobs": 1,
        **WAYS[way],
    }


def config(out: Path, way: str) -> SearchConfig:
    return SearchConfig(**{**options(out, way), "out": out}, cache=out.parent / f"{out.name} cache")


def scored(out: Path) -> int:
    return sum(len(r["scores"]) for r in Journal(out / "journal.jsonl").records() if "scores" in r)


def kill_after_some(out: Path, way: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED.format(chunk=CHUNK), json.dumps(options(out, way))],
        env={**os.environ, "AUTODAS_CACHE": str(out.parent / f"{out.name} cache")},
    )
    limit = time.monotonic() + 120
    while scored(out) < 2 * CHUNK and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("way", ["whole", pytest.param("nsga2", marks=pytest.mark.slow)])
def test_a_killed_search_ends_with_the_same_files(tmp_path, monkeypatch, way):
    monkeypatch.setattr(search_scores, "CHUNK", CHUNK)
    kill_after_some(tmp_path / "killed", way)
    before = Journal(tmp_path / "killed" / "journal.jsonl").records()
    assert not (tmp_path / "killed" / "results.json").exists()

    resumed = search.run(config(tmp_path / "killed", way))
    undisturbed = search.run(config(tmp_path / "whole", way))
    assert Journal(tmp_path / "killed" / "journal.jsonl").records()[: len(before)] == before
    files = [
        json.loads((tmp_path / name / "results.json").read_text()) for name in ("killed", "whole")
    ]
    a, b = ({k: v for k, v in each.items() if k not in SPENT} for each in files)
    assert a == b
    assert (tmp_path / "killed" / "config.toml").read_text() == (
        tmp_path / "whole" / "config.toml"
    ).read_text()
    # What was measured before the kill is not measured again. Of the chunk that was cut short, it
    # was measured by nobody's account.
    kept = sum(record.get("networks", 0) for record in before)
    assert kept >= 2 * CHUNK
    assert kept <= resumed["networks_measured"] <= undisturbed["networks_measured"]
    assert len(a["points"]["score"]) == len(set(_asked(tmp_path / "whole")))


def _asked(out: Path) -> list[str]:
    records = Journal(out / "journal.jsonl").records()
    told = [key for record in records if "told" in record for key in record["told"]["keys"]]
    return told or [text for r in records if "scores" in r for text in r["architectures"]]


def test_a_finished_search_scores_nothing_again(tmp_path, monkeypatch):
    first = search.run(config(tmp_path / "run", "nsga2"))
    journal = (tmp_path / "run" / "journal.jsonl").read_bytes()
    monkeypatch.setattr(search_scores, "subjects_of", None)
    again = search.run(config(tmp_path / "run", "nsga2"))
    assert {k: v for k, v in again.items() if k != "seconds"} == {
        k: v for k, v in first.items() if k != "seconds"
    }
    assert (tmp_path / "run" / "journal.jsonl").read_bytes() == journal


def test_a_second_search_from_a_warm_cache_runs_no_network(tmp_path):
    chosen = config(tmp_path / "a", "whole")
    assert search.run(chosen)["networks_measured"] > 0
    assert search.run(replace(chosen, out=tmp_path / "b"))["networks_measured"] == 0


def test_a_proxy_that_changed_under_its_name_is_not_mixed_with_the_old_one(tmp_path):
    path = tmp_path / "proxy.json"
    for formula, fine in (("log(params)", True), ("neg(params)", False)):
        Proxy("mine", (Term(parse(formula)),)).save(path)
        chosen = SearchConfig(
            out=tmp_path / "run", space="digits-vit", score=f"proxy:{path}", candidates=5, jobs=1
        )
        if fine:
            search.run(chosen)
        else:
            with pytest.raises(InvalidInput, match=r"log.*now the score is neg"):
                search.run(chosen)
    shutil.rmtree(tmp_path / "run")
    search.run(chosen)


def test_the_configuration_left_behind_starts_the_same_search(tmp_path, capfd):
    arguments = ["--space", "digits-vit", "--score", "params", "--jobs", "1", "--max-params", "5k"]
    arguments += ["--max-memory", "1MiB", "--max-latency", "30s", "--candidates", "8"]
    out = tmp_path / "run"
    assert main(["search", "--out", str(out), "--json", *arguments]) == 0
    first = json.loads(capfd.readouterr().out)
    again = ["search", "--json", "--out", str(out), "--config", str(out / "config.toml")]
    assert main(again) == 0
    second = json.loads(capfd.readouterr().out)
    assert second["students"] == first["students"]
    for student in first["students"]:
        assert {"arch", "score", "params", "macs"} <= student.keys()
    assert first["networks_measured"] == 0
    assert first["budgets"] == {
        "max_params": 5_000,
        "max_memory": 2**20,
        "max_latency_ms": 30_000,
    }


@pytest.mark.parametrize("score", ["naswot", "fitnet"])
def test_data_without_a_teacher_is_refused_before_a_run_begins(tmp_path, monkeypatch, score):
    monkeypatch.setattr(protocol, "TEACHERS", {})
    asked = SearchConfig(out=tmp_path / "run", space="digits-cnn", score=score, candidates=2)
    with pytest.raises(InvalidInput, match="no teacher is known for data 'digits'"):
        search.run(asked)
    assert not asked.out.exists()
    assert search.run(replace(asked, score="params"))["chosen"]
