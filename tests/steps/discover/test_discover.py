"""Discovery: the same seed gives the same proxy, whatever happens on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autodas.core.errors import InvalidInput, UnknownName
from autodas.core.looks import looks_of
from autodas.core.runs import Journal
from autodas.evolution import Told
from autodas.reports import build
from autodas.scores import get_score, read_proxy
from autodas.steps.discover import dispatch as discover
from autodas.steps.discover import run as discovery
from autodas.steps.discover.dispatch import DiscoverConfig
from autodas.steps.discover.evolving import usable_leaves
from autodas.tables import LabelRow, write_labels
from autodas.workbench.families import load_family
from autodas.workbench.protocol import Protocol

SMALL = {"limit": 30, "population": 10, "generations": 12, "finalists": 5, "jobs": 1}


def outcome(folder: Path) -> tuple[bytes, dict]:
    """What a run decided, without how long it took."""
    results = json.loads((folder / "results.json").read_text())
    for name in ("seconds", "networks_measured"):
        del results[name]
    return (folder / "proxy.json").read_bytes(), results


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("discover") / "run"
    discover.run(DiscoverConfig(out=folder, **SMALL))
    return folder


def test_the_proxy_file_scores_like_the_results_say(undisturbed):
    results = json.loads((undisturbed / "results.json").read_text())
    proxy = read_proxy(undisturbed / "proxy.json")
    family = load_family("digits-cnn:distilled", proxy.leaves, Protocol(), limit=SMALL["limit"])
    values = proxy.score.compute(family.subjects).value
    assert results["scatter"][0]["score"] == pytest.approx(values.tolist())
    assert str(proxy.terms[0].expression) == results["proxy"]["text"]


def test_results_hold_the_honest_table(undisturbed):
    results = json.loads((undisturbed / "results.json").read_text())
    scores = {"proxy", "params", "macs", "depth", "diswot", "diswot_relation", "diswot_semantic"}
    scores |= {"predictor:shapes"}
    for space in ("digits-cnn", "digits-vit"):
        rows = {row["score"]: row for row in results["rows"] if row["space"] == space}
        assert rows.keys() == scores
        report = next(pair for pair in results["pairs"] if pair["space"] == space)["n_report"]
        for row in rows.values():
            assert row["n"] == report
            if row["score"] == "depth" and row["tau"] is None:
                # The first rows of the table, which is sorted, may all be of one depth.
                assert row["failed"] == "constant score"
                continue
            assert row["tau_low"] <= row["tau"] <= row["tau_high"]
        assert rows["params"]["delta_params"] == 0
        # What is said of the proxy counts how many comparisons the run has made.
        assert rows["proxy"]["delta_params_q"] >= rows["proxy"]["delta_params_p"]
    *compared, sees = results["verdict"]
    assert len(compared) == 2
    assert all("#params" in line for line in compared)
    assert sees == results["proxy"]["sees"]
    assert len(results["history"]) == SMALL["generations"]


def test_a_run_says_how_often_the_report_parts_had_been_looked_at(undisturbed):
    assert {each.table for each in looks_of(undisturbed)} == {"digits-cnn", "digits-vit"}
    page = build(undisturbed).read_text()
    assert page.count("has now been looked at") == 2


def test_elite_ratio_falls_from_p_max_to_p_min(undisturbed):
    history = json.loads((undisturbed / "results.json").read_text())["history"]
    ratios = [record["elite_ratio"] for record in history[1:]]
    assert ratios == pytest.approx([0.5 - 0.04 * i for i in range(11)])


def test_search_sees_neither_validation_nor_report_part(tmp_path):
    """Other labels there must not change what evolution does."""
    family = load_family("digits-cnn", (), Protocol(), limit=SMALL["limit"])
    unseen = [*family.split.validation, *family.split.report]
    hidden = {family.table.architectures[i] for i in unseen}
    assert hidden
    table = tmp_path / "other.csv"
    target = family.table.target("distilled")
    rows = [
        LabelRow(arch, 100 - value if arch in hidden else value, seed, "distilled")
        for arch, values in zip(family.table.architectures, target.per_seed, strict=True)
        for seed, value in zip(target.seeds, values, strict=True)
    ]
    write_labels(table, rows, {"space": "digits-cnn", "dataset": "digits"})
    journals = []
    for name in ("digits-cnn", str(table)):
        out = tmp_path / str(len(journals))
        config = DiscoverConfig(out=out, tables=(f"{name}:distilled",), **SMALL)
        discover.run(config)
        told = [Told.from_json(record) for record in Journal(out / "journal.jsonl").records()]
        journals.append([(t.keys, [getattr(f, "value", None) for f in t.fitness]) for t in told])
    assert journals[0] == journals[1]
    assert len(journals[0]) == SMALL["generations"]


def test_two_fresh_processes_and_a_kill_give_the_same_proxy(tmp_path, undisturbed):
    killed = tmp_path / "killed"
    command = [sys.executable, "-c", SCRIPT, str(killed)]
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    journal = killed / "journal.jsonl"
    for wanted in (1, 3):
        process = subprocess.Popen(command, env=environment)
        while process.poll() is None and written(journal) < wanted:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 3 <= written(journal) < SMALL["generations"], "killed too late to show anything"
    process = subprocess.run(command, env=environment, check=False)
    assert process.returncode == 0
    assert outcome(killed) == outcome(undisturbed)


def written(journal: Path) -> int:
    return journal.read_bytes().count(b"fitness") if journal.exists() else 0


SCRIPT = f"""
import sys
from pathlib import Path
from autodas.core.runs import Journal
from autodas.evolution import Told
from autodas.steps.discover import dispatch as discover
if __name__ == "__main__":
    discover.run(discover.Config(out=Path(sys.argv[1]), **{SMALL!r}))
"""


def test_another_configuration_in_the_same_folder_is_refused(undisturbed):
    with pytest.raises(InvalidInput, match="seed") as caught:
        discover.run(DiscoverConfig(out=undisturbed, seed=1, **SMALL))
    assert "\n" not in str(caught.value)


def test_size_leaves_can_be_switched_off():
    family = load_family("digits-cnn", ["numel", "cka"], Protocol(), limit=4)
    assert usable_leaves([family], size_leaves=True) == ["cka", "numel", "params", "macs"]
    assert usable_leaves([family], size_leaves=False) == ["cka"]


@pytest.mark.parametrize(
    ("tables", "words"),
    [(("digits-cn",), "digits-cnn"), (("digits-cnn:distiled",), "distilled"), ((), "table")],
)
def test_wrong_tables_are_refused_with_a_hint(tmp_path, tables, words):
    with pytest.raises(InvalidInput, match=words):
        discover.run(DiscoverConfig(out=tmp_path / "run", tables=tables))


def test_a_discovered_proxy_is_a_score(undisturbed):
    assert get_score(f"proxy:{undisturbed / 'proxy.json'}").formula
    with pytest.raises(UnknownName):
        get_score("nothing")


@pytest.mark.parametrize(
    ("leaves", "words"),
    [
        ({"numel", "layer_macs"}, "sizes only"),
        ({"numel", "weight_grad"}, "student alone"),
        ({"numel", "cka"}, "compare the student with the teacher"),
        ({"teacher_logits", "logits"}, "compare the student with the teacher"),
    ],
)
def test_a_formula_says_whether_it_sees_the_teacher(leaves, words):
    assert words in discovery.what_it_sees(frozenset(leaves))
