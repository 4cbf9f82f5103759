"""Choosing at equal cost: who chooses what, and that nobody pays more than is said."""

from __future__ import annotations

import sys
from fractions import Fraction
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from autodas.core.rng import derive
from autodas.workbench.ground_truth import load_table
from benchmarks import duels, finalists, finalists_page


@pytest.fixture(scope="module")
def row():
    return finalists.Row(load_table("digits-cnn"))


def question(row, cost, seed=0):
    fits = next(iter(row.fitting()))
    return finalists.Question(row, fits, cost, derive(seed, "test"))


@pytest.mark.parametrize("name", finalists.TABLES)
def test_every_table_holds_three_rungs_of_both_ways_and_two_seeds(name):
    row = finalists.Row(load_table(name))
    fidelities = {Fraction(1, n) for n in (3, 9, 27)}
    assert set(row.rungs) == {(f, way) for f in fidelities for way in finalists.WAYS}
    for (fidelity, way), rung in row.rungs.items():
        assert len(rung.seeds) >= 2
        assert np.isfinite(rung.cross_entropy).all()
        assert np.isfinite(rung.kd_loss).all() == (way == "distilled")
        assert 0.85 < rung.cost / fidelity < 1.15
    assert all(row.table.target(way).known == len(row.table) for way in finalists.WAYS)


def test_the_oracle_loses_nothing_and_nobody_gains(row):
    for chooser in (finalists.oracle, finalists.CHOOSERS["#params"], finalists.forest):
        lost = finalists.regrets(row, chooser, 3.0, 3)
        assert (lost >= 0).all()
        assert (lost == 0).all() == (chooser is finalists.oracle)


def test_without_trainings_the_ranking_decides(row):
    asked = question(row, 0.0)
    largest = max(asked.fits, key=lambda i: row.params[i])
    for name in ("#params", "#params + halving"):
        chosen = finalists.CHOOSERS[name](asked)
        assert row.params[chosen[0]] == row.params[largest]
        assert chosen[1] == "distilled"


def test_halving_takes_the_lowest_loss_of_the_last_rung(row):
    asked = question(row, 2.0)
    plan = row.ladder.plan(Fraction(3), 10**3)
    assert [(str(rung.fidelity), rung.arms) for rung in plan.bracket.rungs] == [("1/3", 3)]
    assert plan.again == 3
    tried = [(i, way) for i in finalists.by_size(asked) for way in finalists.WAYS][:3]
    rungs = {arm: row.rungs[Fraction(1, 3), arm[1]] for arm in tried}
    runs = {arm: rung.calibrated_cross_entropy[arm[0]] for arm, rung in rungs.items()}
    # Whichever two seeds were seen of each, the lower mean is at most the higher one of others.
    chosen = finalists.CHOOSERS["#params + halving"](asked)
    pairs = {arm: [np.mean(two) for two in combinations(r, 2)] for arm, r in runs.items()}
    assert min(pairs[chosen]) <= min(max(means) for means in pairs.values())


@pytest.mark.parametrize("cost", [0.5, 2.0, 10.0])
@pytest.mark.skipif(find_spec("optuna") is None, reason="Optuna is not installed")
def test_the_rival_pays_no_more_than_it_may(row, monkeypatch, cost):
    paid = {}

    def rung(self, arm, fidelity, what, time=0):
        paid[arm] = float(row.rungs[fidelity, arm[1]].cost)
        return self.seen(getattr(row.rungs[fidelity, arm[1]], what)[arm[0]])

    monkeypatch.setattr(finalists.Question, "rung", rung)
    finalists.hyperband(question(row, cost))
    assert 0.5 * cost < sum(paid.values()) <= 1.05 * cost


def test_a_forest_of_all_labels_takes_the_best_it_has_seen(row):
    fits = next(iter(row.fitting()))
    asked = finalists.Question(row, fits, float(len(fits)), derive(0, "test"))
    chosen, _ = finalists.forest(asked)
    runs = row.table.target("distilled").per_seed[fits]
    assert row.table.target("distilled").per_seed[chosen].max() >= np.nanmedian(runs)


def test_the_page_holds_what_was_found(tmp_path, row, monkeypatch):
    monkeypatch.setattr(finalists, "TABLES", ("digits-cnn",))
    monkeypatch.setattr(finalists, "PAGE", tmp_path / "choosing.md")
    monkeypatch.setattr(finalists, "CHOOSERS", {"#params": finalists.CHOOSERS["#params"]})
    page = f"before\n{finalists_page.BEGIN}\nold\n{finalists_page.END}\nafter\n"
    (tmp_path / "choosing.md").write_text(page)
    found = finalists.main(costs=(0.0, 2.0), seeds=3)
    text = (tmp_path / "choosing.md").read_text()
    mean = found["choosers"]["#params"][2.0]["all"][0]
    assert f"| #params | {mean:.2f} | {mean:.2f} |" in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert (tmp_path / "figures" / "finalists.svg").stat().st_size > 5000


def test_an_interval_is_that_of_the_mean():
    mean, low, high = finalists.interval(np.array([1.0, 2.0, 3.0, 4.0]))
    assert mean == 2.5
    assert high - mean == pytest.approx(1.96 * np.std([1, 2, 3, 4], ddof=1) / 2)
    assert mean - low == pytest.approx(high - mean)


def test_a_duel_goes_by_one_seed_and_is_judged_by_the_others(row):
    for seen in range(3):
        number, way = duels.duel(question(row, 3.0), seen)
        runs = {each: row.table.target(each).per_seed[number] for each in finalists.WAYS}
        assert runs[way][seen] == max(each[seen] for each in runs.values())
        others = [value for i, value in enumerate(runs[way]) if i != seen]
        assert duels.judged(row, (number, way), seen) == pytest.approx(np.mean(others))


def test_a_duel_leaves_rungs_two_trainings_fewer(row, monkeypatch):
    asked = []

    def halving(order, **options):
        return lambda question: asked.append((question.cost, options)) or (0, "distilled")

    monkeypatch.setattr(duels, "halving", halving)
    for cost in (2.0, 3.0):
        duels.duel(question(row, cost), 0)
    assert asked == [(2.0, {}), (1.0, {"ways": ["distilled"]})]
