"""A network without a signal is never chosen, and one without a value stops nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch.nn.functional as F
from torch import nn

import autodas
from autodas.core.errors import AutodasError
from autodas.core.progress import Silent
from autodas.core.results import Failed, Ok
from autodas.core.runs import Journal
from autodas.networks import StagedNetwork
from autodas.scores import Score, get_score
from autodas.spaces import ChoiceSpace
from autodas.steps.search import run as search
from autodas.steps.search.run import SearchConfig
from autodas.steps.search.scoring import Scorer
from autodas.workbench.costs import CostBook
from autodas.workbench.protocol import Protocol

PROTOCOL = Protocol("digits", "digits-cnn-teacher", 6)


class Student(StagedNetwork):
    """conv – ReLU – conv – ReLU – linear; dead, nothing passes the first; bare, without ReLU."""

    def __init__(self, kind, width, classes):
        super().__init__()
        self.kind = kind
        self.first = nn.Conv2d(1, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.classifier = nn.Linear(width, classes)

    def forward_stages(self, x):
        act = (lambda value: value) if self.kind == "bare" else F.relu
        first = act(self.first(x)) * (self.kind != "dead")
        second = act(self.second(first))
        return [first, second], self.classifier(second.mean((2, 3)))


SPACE = ChoiceSpace(
    "toy-kinds",
    "networks that work, that have no activations, and that are dead",
    {"kind": ("dead", "bare", "live"), "width": (2, 3, 4, 5)},
    lambda arch, classes, shape: Student(arch["kind"], arch["width"], classes),
    depth=lambda arch: 2,
    input_shape=(1, 8, 8),
    num_classes=10,
)
SPACE.reference = f"{__name__}:SPACE"
ALL = [SPACE.encode(arch) for arch in SPACE.enumerate()]
DEAD, BARE, LIVE = ([t for t in ALL if f'"{kind}"' in t] for kind in ("dead", "bare", "live"))
NO_SIGNAL = "the network gives the same outputs for all images"


def searched(tmp_path: Path, score: str, **options):
    config = SearchConfig(
        out=tmp_path / "run",
        space=SPACE.reference,
        score=score,
        protocol=PROTOCOL,
        cache=tmp_path,
        jobs=1,
        **{"top": len(ALL), **options},
    )
    return search.run(config)


def scorer(tmp_path: Path, score: Score) -> Scorer:
    return Scorer(
        SPACE,
        score,
        PROTOCOL,
        CostBook(SPACE, cache=tmp_path),
        Journal(tmp_path / "journal.jsonl"),
        cache=tmp_path,
        jobs=1,
        progress=Silent(),
    )


@pytest.mark.parametrize(
    ("score", "without"),
    [
        *((name, DEAD) for name in ("ntk", "kd", "plain", "grasp", "l2_norm", "epe_nas")),
        *((name, DEAD + BARE) for name in ("te_nas", "naswot", "proxy:general")),
    ],
)
def test_a_network_without_a_signal_is_not_chosen(tmp_path, score, without):
    results = searched(tmp_path, score)
    students = [student["arch"] for student in results["students"]]
    assert sorted(students) == sorted(set(ALL) - set(without))
    assert results["failures"][NO_SIGNAL] == len(DEAD)
    assert sum(results["failures"].values()) == len(without)


def test_ranks_are_those_among_the_networks_that_have_one(tmp_path):
    every = dict(zip(ALL, scorer(tmp_path / "a", get_score("te_nas")).scores(ALL), strict=True))
    live = dict(zip(LIVE, scorer(tmp_path / "b", get_score("te_nas")).scores(LIVE), strict=True))
    assert {text: every[text] for text in LIVE} == live
    assert all(isinstance(every[text], Failed) for text in DEAD + BARE)
    assert {every[text].reason for text in DEAD} == {NO_SIGNAL}
    assert "no activation layers" in every[BARE[0]].reason


def test_a_score_of_sizes_ranks_dead_networks_as_well(tmp_path):
    assert len(searched(tmp_path, "params")["students"]) == len(ALL)


def test_a_search_by_evolution_leaves_dead_networks_behind(tmp_path):
    results = searched(tmp_path, "kd", strategy="evolution", evaluations=10, top=3)
    assert all('"dead"' not in student["arch"] for student in results["students"])
    assert results["failures"] == {NO_SIGNAL: results["failures"][NO_SIGNAL]}


def test_a_space_of_dead_networks_alone_is_refused_with_the_reason(tmp_path):
    found = scorer(tmp_path, get_score("te_nas")).scores(DEAD)
    assert found == [Failed(NO_SIGNAL)] * len(DEAD)
    with pytest.raises(AutodasError, match=f"kd has no value for .*dead.*: {NO_SIGNAL}"):
        autodas.score("kd", SPACE.reference, [LIVE[0], DEAD[0]], **OPTIONS, cache=tmp_path)


OPTIONS = {"data": "digits", "teacher": "digits-cnn-teacher", "batch_size": 6}


def test_architectures_with_a_signal_are_scored_as_ever(tmp_path):
    values = autodas.score("kd", SPACE.reference, LIVE, **OPTIONS, cache=tmp_path)
    found = scorer(tmp_path / "b", get_score("kd")).scores(LIVE)
    np.testing.assert_allclose(values, [each.value for each in found], rtol=1e-6)


def test_a_scale_is_fitted_to_the_networks_that_have_a_value(tmp_path):
    def made(scale):
        return Score(
            "scaled",
            lambda s: Ok(np.full(len(s.architectures), float(scale))),
            frozenset({"activation_log_det"}),
            "",
            formula="scaled",
            calibrate=lambda name, s: (
                Failed(str(s.missing)) if s.missing else Ok(made(len(s.architectures)))
            ),
            unscaled=lambda name: scale == 0,
        )

    found = scorer(tmp_path, made(0)).scores(LIVE)
    assert found == [Ok(8.0)] * len(LIVE)  # live and dead networks have activations


def test_what_fails_for_all_together_alone_is_told(tmp_path):
    def compute(subjects):
        many = len(subjects.architectures) > 1
        return Failed("there are several") if many else Ok(np.ones(1))

    score = Score("hermit", compute, frozenset({"cka"}), "")
    assert scorer(tmp_path, score).scores(LIVE) == [Failed("there are several")] * len(LIVE)
