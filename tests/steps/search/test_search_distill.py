"""From a score to a trained student."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from autodas.core.errors import InvalidInput, UnknownName
from autodas.data import load_data
from autodas.distill import evaluate
from autodas.spaces import get_space
from autodas.steps.distill import run as distill
from autodas.steps.distill.run import DistillConfig
from autodas.steps.search import run as search
from autodas.steps.search.run import SearchConfig
from autodas.workbench.load_student import load_student

SPACE = get_space("digits-vit")


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("search") / "run"
    search.run(
        SearchConfig(
            out=folder, space="digits-vit", score="depth", max_params=4000, random=1, jobs=1
        )
    )
    return folder


def test_search_ranks_everything_within_the_budget(found):
    results = json.loads((found / "results.json").read_text())
    fitting = {
        SPACE.encode(arch): SPACE.cost(arch)
        for arch in SPACE.enumerate()
        if SPACE.cost(arch).params <= 4000
    }
    assert results["size"] == SPACE.size
    assert results["within_budget"] == len(fitting)
    assert results["largest"]["params"] == max(cost.params for cost in fitting.values())
    for student in [*results["students"], *results["random"], results["largest"]]:
        cost = fitting[student["arch"]]
        assert (student["params"], student["macs"]) == (cost.params, cost.macs)
    scores = [student["score"] for student in results["students"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == max(SPACE.depth(SPACE.decode(text)) for text in fitting)


def test_of_equal_scores_the_smaller_student_comes_first(found):
    students = json.loads((found / "results.json").read_text())["students"]
    keys = [(-student["score"], student["params"]) for student in students]
    assert keys == sorted(keys)


def test_an_impossible_budget_names_the_real_range(tmp_path):
    with pytest.raises(InvalidInput) as caught:
        search.run(SearchConfig(out=tmp_path / "run", space="digits-vit", max_params=10, jobs=1))
    sizes = [SPACE.cost(arch).params for arch in SPACE.enumerate()]
    assert f"{min(sizes):,} to {max(sizes):,}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_macs_are_a_budget_too(tmp_path):
    config = SearchConfig(
        out=tmp_path / "run", space="digits-vit", score="params", max_macs=20_000, jobs=1
    )
    results = search.run(config)
    assert all(student["macs"] <= 20_000 for student in results["students"])
    expected = sum(SPACE.cost(arch).macs <= 20_000 for arch in SPACE.enumerate())
    assert results["within_budget"] == expected


def test_a_sample_of_candidates_is_searched_on_request(tmp_path):
    config = SearchConfig(out=tmp_path / "run", score="params", candidates=5, jobs=1)
    assert search.run(config)["within_budget"] == 5


def test_a_space_too_large_to_take_whole_is_refused_at_once(tmp_path):
    with pytest.raises(InvalidInput, match="1,056,964,608 architectures; say how many"):
        search.run(SearchConfig(out=tmp_path / "run", space="autoformer", strategy="whole"))


def test_an_unknown_space_or_score_is_named(tmp_path):
    with pytest.raises(UnknownName, match="digits-cnn"):
        search.run(SearchConfig(out=tmp_path / "a", space="digit-cnn"))
    with pytest.raises(UnknownName, match="params"):
        search.run(SearchConfig(out=tmp_path / "b", score="param"))


@pytest.fixture(scope="module")
def distilled(found, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("distill") / "run"
    distill.run(DistillConfig(out=folder, search=found, seeds=1, jobs=1))
    return folder


def test_the_chosen_student_is_compared_with_others(distilled, found):
    results = json.loads((distilled / "results.json").read_text())
    chosen, largest, other = results["students"]
    assert [s["role"] for s in results["students"]] == ["chosen", "largest", "random 1"]
    assert chosen["arch"] == json.loads((found / "results.json").read_text())["students"][0]["arch"]
    assert results["accuracy"] == chosen["accuracy"] == np.mean(chosen["accuracies"])
    assert len(chosen["vanilla"]) == 1
    assert largest["vanilla"] is None
    assert other["history"][0]["loss"] > other["history"][-1]["loss"]
    assert results["teacher_accuracy"] > 90


def test_the_exported_student_is_the_one_that_was_measured(distilled):
    results = json.loads((distilled / "results.json").read_text())
    student = load_student(distilled / results["student_path"])
    data = load_data("digits")
    accuracy = evaluate(student, data.test_images, data.test_labels)
    assert accuracy == results["students"][0]["accuracies"][0]
    assert not student.training


def test_a_finished_run_trains_nothing_again(distilled, found):
    before = json.loads((distilled / "results.json").read_text())
    journal = (distilled / "journal.jsonl").read_bytes()
    after = distill.run(DistillConfig(out=distilled, search=found, seeds=1, jobs=1))
    assert (distilled / "journal.jsonl").read_bytes() == journal
    assert after["students"] == before["students"]


def test_a_student_can_be_named_directly(tmp_path):
    arch = SPACE.encode(next(SPACE.enumerate()))
    config = DistillConfig(
        out=tmp_path / "run", space="digits-vit", arch=arch, seeds=1, vanilla=False, jobs=1
    )
    results = distill.run(config)
    assert [s["arch"] for s in results["students"]] == [arch]
    assert torch.isfinite(load_student(tmp_path / "run")(torch.zeros(1, 1, 8, 8))).all()


def test_without_a_student_the_message_says_what_to_give(tmp_path):
    with pytest.raises(InvalidInput, match="--search"):
        distill.run(DistillConfig(out=tmp_path / "run"))
