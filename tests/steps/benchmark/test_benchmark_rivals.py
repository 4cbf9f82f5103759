"""Predictors are never judged on accuracies they have seen."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import rankdata

from autodas.core.errors import InvalidInput, UnknownName
from autodas.core.results import Failed
from autodas.fitness import correlate
from autodas.scores import get_score
from autodas.scores.predictor import PREDICTORS, Predictor, get_predictor, predict
from autodas.steps.benchmark import rivals
from autodas.steps.benchmark.comparison import Comparison, rows
from autodas.steps.benchmark.rivals import FOLDS, encodings, folds
from autodas.workbench.families import Family, load_family
from autodas.workbench.protocol import Protocol


@pytest.fixture(scope="module")
def family() -> Family:
    return load_family("digits-cnn:distilled", (), Protocol())


def with_labels(family: Family, truth: np.ndarray) -> Family:
    return dataclasses.replace(family, truth=truth)


class Nearest:
    """Remembers everything: perfect on what it has seen, and only there."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> Nearest:
        self.x, self.y = x, y
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.array([self.y[np.abs(self.x - row).sum(axis=1).argmin()] for row in x])


@pytest.mark.parametrize("part", ["all", "search", "validation", "report"])
def test_a_perfect_memory_gains_nothing_on_shuffled_labels(family, part):
    memory = Predictor("memory", lambda seed: Nearest(), "")
    taus = []
    for seed in range(8):
        shuffled = np.random.default_rng(seed).permutation(family.truth)
        comparison = Comparison(with_labels(family, shuffled), part, seed)
        found, _ = comparison.values(memory)
        taus.append(correlate(found.value, shuffled[comparison.chosen]).value.value)
    assert abs(np.mean(taus)) < 0.15


def test_folds_are_not_ordered_upside_down_without_signal(family):
    """Accuracies predicted from other folds would give a mean τ of -0.09 here."""
    ridge, features, every = get_predictor("predictor:ridge"), encodings(family), np.arange(128)
    taus = []
    for seed in range(25):
        truth = np.random.default_rng(seed).permutation(family.truth)
        found = rivals.predicted(
            with_labels(family, truth), ridge, features, part="all", rows=every, seed=0
        )
        taus.append(correlate(found.value.values, truth).value.value)
    assert -0.06 < np.mean(taus) < 0.06


@pytest.mark.parametrize("name", PREDICTORS.names())
def test_predictors_learn_what_is_there_and_nothing_else(family, name):
    predictor = get_predictor(name)
    (found,) = rows([family], [predictor], part="report")
    assert found["tau_low"] > 0.3
    assert found["cross_validated"] is False
    assert found["trained_on"] == len(family.split.search) + len(family.split.validation)
    chances = []
    for seed in range(4):
        shuffled = with_labels(family, np.random.default_rng(seed).permutation(family.truth))
        chances += rows([shuffled], [predictor], part="report")
    assert sum(row["tau_low"] <= 0.0 <= row["tau_high"] for row in chances) >= 3
    assert all(row["tau"] < found["tau_low"] for row in chances)


def test_no_score_beats_shuffled_labels(family):
    shuffled = with_labels(family, np.random.default_rng(2).permutation(family.truth))
    for row in rows([shuffled], [get_score(name) for name in ("params", "macs", "depth")]):
        for number in ("tau", "rho", "weighted_tau"):
            assert row[f"{number}_low"] <= 0.0 <= row[f"{number}_high"], (row["score"], number)


def test_all_is_predicted_in_folds_of_whole_groups(family, monkeypatch):
    groups = tuple(str(i // 4) for i in range(len(family.truth)))
    grouped = dataclasses.replace(family, table=dataclasses.replace(family.table, groups=groups))
    seen: list[tuple[set[str], set[str]]] = []

    def spy(predictor, features, truth, learn, rows, *, seed):
        seen.append(({groups[row] for row in learn}, {groups[row] for row in rows}))
        return predict(predictor, features, truth, learn, rows, seed=seed)

    monkeypatch.setattr(rivals, "predict", spy)
    (row,) = rows([grouped], [get_predictor("predictor:ridge")], part="all")
    assert len(seen) == FOLDS
    assert all(not learnt & asked for learnt, asked in seen)
    assert set().union(*(asked for _, asked in seen)) == set(groups)
    assert row["cross_validated"] is True
    assert row["n"] * 0.6 < row["trained_on"] < row["n"]


def test_folds_depend_on_the_architecture_alone(family):
    every = np.arange(len(family.truth))
    assert (folds(family, every)[10:20] == folds(family, every[10:20])).all()
    assert set(folds(family, every)) == set(range(FOLDS))


def test_unknown_accuracies_are_not_learnt_from(family):
    truth = family.truth.copy()
    truth[family.split.search] = np.nan
    (row,) = rows([with_labels(family, truth)], [get_predictor("predictor:ridge")], part="report")
    assert row["trained_on"] == len(family.split.validation)
    truth[family.split.validation] = np.nan
    (row,) = rows([with_labels(family, truth)], [get_predictor("predictor:ridge")], part="report")
    assert row["failed"] == "fewer than 8 known accuracies to learn from"
    assert row["tau"] is None


def test_learning_from_what_is_predicted_is_refused(family):
    features, every = encodings(family), np.arange(20)
    with pytest.raises(InvalidInput, match="row 5 is to be learnt from and predicted"):
        predict(get_predictor("predictor:ridge"), features, family.truth, every, every[5:6], seed=0)
    same = predict(
        get_predictor("predictor:ridge"),
        np.ones_like(features),
        family.truth,
        every,
        every[:0],
        seed=0,
    )
    assert same == Failed("the encodings to learn from are all equal")
    with pytest.raises(UnknownName, match="did you mean 'predictor:ridge'"):
        get_predictor("predictor:rigde")


def test_a_predictor_sees_what_it_says(family):
    space = family.space
    archs = [space.decode(text) for text in family.table.architectures]
    graph = np.stack([space.graph_features(arch) for arch in archs])
    np.testing.assert_array_equal(encodings(family), [space.features(arch) for arch in archs])
    np.testing.assert_array_equal(encodings(family, "graph"), graph)
    both = np.hstack([encodings(family), graph])
    np.testing.assert_array_equal(encodings(family, "both"), both)
    # Of scores, only sizes are known here; the others have no values and are left out.
    every = encodings(family, "all")
    np.testing.assert_array_equal(every[:, :-2], both)
    ranks = [rankdata(sizes) / len(graph) for sizes in family.sizes]
    np.testing.assert_array_equal(every[:, -2:].T, ranks)


@pytest.mark.parametrize("name", ["ridge", "forest", "boosting"])
def test_predictors_of_the_graph_are_given_the_graph(family, name, monkeypatch):
    given = []
    monkeypatch.setattr(rivals, "predict", lambda p, features, *_, **__: given.append(features))
    for prefix in ("predictor:", "predictor:graph-"):
        with pytest.raises(AttributeError):  # the spy predicts nothing
            Comparison(family, "report", 0).values(get_predictor(prefix + name))
    np.testing.assert_array_equal(given[0], encodings(family))
    np.testing.assert_array_equal(given[1], encodings(family, "graph"))


def test_the_predictor_of_everything_asks_for_statistics():
    assert get_predictor("predictor:graph-forest").leaves == frozenset()
    assert {"information_rank", "jacobian_spread", "saliency"} <= get_predictor(
        "predictor:all"
    ).leaves


def test_predictions_depend_on_the_seed_alone(family):
    forest = get_predictor("predictor:forest")
    first, again, other = (
        Comparison(family, "report", seed).values(forest)[0].value for seed in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()
