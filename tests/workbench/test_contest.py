"""The contest of finalists: what is trained, what decides, and going on after a kill."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from autodas.backends import Serial
from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.journal import Journal
from autodas.core.progress import Silent
from autodas.data import load_data
from autodas.distill import get_recipe
from autodas.distill.short import short_training
from autodas.evolution import Bracket, Rung
from autodas.workbench import contest as contests
from autodas.workbench.arms import Arm, Ladder, Plan, arms_of
from autodas.workbench.chances import Luck, chance_that_better
from autodas.workbench.contest import Contest, ContestRun
from autodas.workbench.decisions import BY_ACCURACY, BY_LOSS
from autodas.workbench.training import train_unit
from autodas.workbench.trainings import Trainings, seconds_of_a_training

TEACHER = ("digits-cnn-teacher",)
ARCHS = [
    f'{{"depth":1,"heads":1,"mlp_ratio":{ratio},"width":{width}}}'
    for width in (12, 24)
    for ratio in (0.5, 1.0)
]
HASTY = replace(get_recipe("digits-vit-short"), epochs=4)
THIRD = Fraction(1, 3)


def rung(fidelity, arms):
    return Rung(Fraction(fidelity), arms, Fraction(fidelity))


TWO_RUNGS = Bracket((rung("1/6", 4), rung("1/3", 2)))
CONTEST = Contest(
    "digits-vit", "digits", HASTY, arms_of(ARCHS[:2], [TEACHER, ()]), Plan(TWO_RUNGS), 0
)
TWICE = replace(CONTEST, plan=Plan(Bracket((rung("1/6", 4),)), again=3))


def held(folder, contest=CONTEST, runner=None):
    journal = Journal(folder / "journal.jsonl")
    return ContestRun(contest, folder, journal, runner or Serial(), Silent())


def without_seconds(found):
    if isinstance(found, dict):
        return {k: without_seconds(v) for k, v in found.items() if k != "seconds"}
    return [without_seconds(each) for each in found] if isinstance(found, list) else found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return held(tmp_path_factory.mktemp("contest")).run()


def test_arms_are_every_architecture_every_way_the_most_promising_first():
    assert [(arm.arch, arm.taught_by) for arm in CONTEST.arms] == [
        (ARCHS[0], "digits-cnn-teacher"),
        (ARCHS[0], "none"),
        (ARCHS[1], "digits-cnn-teacher"),
        (ARCHS[1], "none"),
    ]
    assert Arm("a", ("b", "c")).key == "a | b + c"


def test_the_lowest_calibrated_cross_entropy_wins_and_goes_on(undisturbed):
    first, last = undisturbed["rungs"]
    by_loss = sorted(first["results"], key=lambda each: each["calibrated_cross_entropy"])
    assert first["promoted"] == [each["arm"] for each in by_loss[:2]]
    assert [each["arm"] for each in last["results"]] == first["promoted"]
    best = min(last["results"], key=lambda each: each["calibrated_cross_entropy"])
    assert undisturbed["winner"] == best["arm"] == last["promoted"][0]
    assert (first["fidelity"], last["fidelity"]) == ("1/6", "1/3")
    assert undisturbed["cost"] == pytest.approx(4 / 6 + 2 / 3)


def test_accuracy_decides_where_it_is_asked_to(tmp_path, undisturbed):
    asked = replace(CONTEST, decision=BY_ACCURACY)
    found = held(tmp_path, asked).run()
    assert found["decided_by"].startswith("accuracy on the validation part")
    assert undisturbed["decided_by"].startswith("calibrated cross-entropy")
    order = [
        sorted(r["results"], key=lambda e: (-e["accuracy"], e["calibrated_cross_entropy"]))
        for r in found["rungs"]
    ]
    assert found["rungs"][0]["promoted"] == [each["arm"] for each in order[0][:2]]
    assert found["winner"] == order[1][0]["arm"]
    other = order[1][1]["arm"]
    wrong = [
        train_unit(asked.unit(asked.arms[arm], Fraction(1, 3)))["wrong"]
        for arm in (other, found["winner"])
    ]
    assert [100 * (1 - np.mean(each)) for each in wrong] == pytest.approx(
        [each["accuracy"] for each in reversed(order[1])]
    )
    (doubt,) = [each for each in found["doubts"] if each["arm"] == other]
    assert doubt["chance"] == pytest.approx(chance_that_better(*([each] for each in wrong)))
    # What an earlier version has kept of a training does not say which images were wrong.
    again = held(tmp_path, replace(asked, decision=BY_LOSS))
    assert without_seconds(again.run()) == without_seconds(undisturbed)


@pytest.mark.parametrize("nats", [0.0, 2.3, math.log(1000)])
def test_an_image_more_is_worth_more_than_any_cross_entropy(nats):
    better = {"accuracy": 50.001, "calibrated_cross_entropy": nats}
    worse = {"accuracy": 50.0, "calibrated_cross_entropy": 0.0}
    assert BY_ACCURACY.score(better) > BY_ACCURACY.score(worse)
    assert (BY_LOSS.score(better) < BY_LOSS.score(worse)) == (nats > 0)
    surer = {"accuracy": 50.0, "calibrated_cross_entropy": 0.01}
    assert BY_ACCURACY.score(worse) > BY_ACCURACY.score(surer)


def test_what_is_told_of_an_arm_is_what_its_training_gives(undisturbed):
    results = {each["arm"]: each for each in undisturbed["rungs"][0]["results"]}
    for number, arm in enumerate(CONTEST.arms):
        found = train_unit(CONTEST.unit(arm, Fraction(1, 6)))
        assert results[number]["accuracy"] == found["accuracy"]
        assert results[number]["cross_entropy"] == found["quality"]["cross_entropy"]
        loss = results[number]["calibrated_cross_entropy"]
        assert np.mean(found["losses"]) == pytest.approx(loss, abs=1e-3)
        assert loss <= results[number]["cross_entropy"]
        assert (results[number]["kd_loss"] is None) == (not arm.teachers)


def test_the_test_part_is_not_looked_at(undisturbed, tmp_path, monkeypatch):
    data = load_data("digits")
    other = replace(data, test_images=data.test_images.flip(0) * 100, digest="other")
    monkeypatch.setattr("autodas.workbench.training.load_data", lambda name: other)
    short_training.cache_clear()
    found = held(tmp_path).run()
    short_training.cache_clear()
    assert without_seconds(found) == without_seconds(undisturbed)


class Killed(Exception):
    pass


class DiesAfter(Serial):
    """Stops after some units, in the order last first."""

    def __init__(self, units):
        self.left = units

    def run(self, function, items):
        for number in reversed(range(len(items))):
            if not self.left:
                raise Killed
            self.left -= 1
            for _, result in super().run(function, [items[number]]):
                yield number, result


@pytest.mark.parametrize("after", range(6))
def test_a_killed_contest_goes_on_to_the_same_end(undisturbed, tmp_path, after):
    with pytest.raises(Killed):
        held(tmp_path, runner=DiesAfter(after)).run()
    again = held(tmp_path, runner=DiesAfter(6 - after))
    assert without_seconds(again.run()) == without_seconds(undisturbed)
    assert not list(tmp_path.glob("checkpoints/*"))
    assert without_seconds(held(tmp_path, runner=DiesAfter(0)).run()) == without_seconds(
        undisturbed
    )


def failing(unit):
    if unit.setup.arch == ARCHS[0]:
        raise AutodasError("out of luck")
    return train_unit(unit)


def test_an_arm_that_fails_cannot_win_and_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(contests, "train_unit", failing)
    found = held(tmp_path).run()
    failed = [each for each in found["rungs"][0]["results"] if each["reason"]]
    assert [each["arm"] for each in failed] == [0, 1]
    assert "out of luck" in failed[0]["reason"]
    assert failed[0]["accuracy"] is None
    assert found["arms"][found["winner"]]["arch"] == ARCHS[1]


def test_if_all_arms_fail_the_reason_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(contests, "train_unit", failing)
    alone = replace(
        CONTEST, arms=arms_of(ARCHS[:1], [TEACHER, ()]), plan=Plan(Bracket((rung("1/3", 2),)), 2)
    )
    with pytest.raises(AutodasError, match=r"no finalist could be trained.*out of luck"):
        held(tmp_path, alone).run()


def test_without_rungs_the_first_arm_is_taken(tmp_path):
    found = held(tmp_path, replace(CONTEST, plan=Plan(Bracket()))).run()
    assert (found["winner"], found["rungs"], found["cost"], found["doubts"]) == (0, [], 0.0, [])


def test_the_chance_of_another_is_that_of_a_paired_test():
    rng = np.random.default_rng(0)
    best, other = rng.random(50), rng.random(50) + 0.05
    paired = stats.ttest_rel(other, best)
    # For many images Student's distribution is the normal one.
    wanted = stats.norm.cdf(-paired.statistic)
    assert chance_that_better([list(other)], [list(best)]) == pytest.approx(wanted, rel=1e-9)
    assert chance_that_better([[1.0, 2.0]], [[1.0, 2.0]]) == 0.5
    assert chance_that_better([[2.0, 3.0]], [[1.0, 2.0]]) == 0.0


def test_the_luck_of_seeds_is_worked_by_hand():
    luck = Luck.of([(1.0, 1.2), (2.0, 1.6)])
    assert luck.variance == pytest.approx((0.2**2 / 2 + 0.4**2 / 2) / 2)
    assert luck.degrees == 2
    # All images differ by 0.3 and so say nothing; each of the means has the luck of two seeds.
    best, other = [[1.0, 2.0], [1.0, 2.0]], [[1.3, 2.3], [1.3, 2.3]]
    wanted = stats.t(2).cdf(-0.3 / math.sqrt(luck.variance))
    assert chance_that_better(other, best, luck) == pytest.approx(wanted)
    once = stats.t(2).cdf(-0.3 / math.sqrt(luck.variance * 1.5))
    assert chance_that_better(other[:1], best, luck) == pytest.approx(once)
    assert Luck.of([]) == Luck(0.0, 0)


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    return held(tmp_path_factory.mktemp("twice"), TWICE).run()


def test_the_best_train_once_more_and_the_mean_decides(twice):
    once, both = twice["rungs"]
    by_loss = sorted(once["results"], key=lambda each: each["calibrated_cross_entropy"])
    best = [each["arm"] for each in by_loss[:3]]
    assert once["promoted"] == [each["arm"] for each in both["results"]] == best
    for each in both["results"]:
        arm = TWICE.arms[each["arm"]]
        found = [train_unit(TWICE.unit(arm, Fraction(1, 6), again=a)) for a in (False, True)]
        assert found[0]["losses"] != found[1]["losses"]
        for name in ("accuracy", "cross_entropy", "calibrated_cross_entropy"):
            values = [{**one["quality"], **one}[name] for one in found]
            assert each[name] == pytest.approx(sum(values) / 2)
    means = {each["arm"]: each["calibrated_cross_entropy"] for each in both["results"]}
    assert twice["winner"] == min(means, key=means.__getitem__)
    assert both["promoted"] == [twice["winner"]]
    assert (both["again"], both["fidelity"], both["cost"]) == (True, "1/6", pytest.approx(0.5))
    assert twice["cost"] == pytest.approx(7 / 6)


def test_doubts_count_the_luck_of_seeds(twice):
    fidelity, pairs, losses = Fraction(1, 6), [], {}
    for number, arm in enumerate(TWICE.arms):
        units = (TWICE.unit(arm, fidelity, again=again) for again in (False, True))
        losses[number] = [train_unit(unit)["losses"] for unit in units]
    best = [each["arm"] for each in twice["rungs"][1]["results"]]
    pairs = [tuple(np.mean(losses[number], axis=1)) for number in best]
    for doubt in twice["doubts"]:
        mine = losses[doubt["arm"]][: 2 if doubt["arm"] in best else 1]
        wanted = chance_that_better(mine, losses[twice["winner"]], Luck.of(pairs))
        assert doubt["chance"] == pytest.approx(wanted, rel=1e-6)
    assert len(twice["doubts"]) == 3


@pytest.mark.parametrize("after", [4, 5, 6])
def test_a_contest_killed_in_its_second_trainings_goes_on(twice, tmp_path, after):
    with pytest.raises(Killed):
        held(tmp_path, TWICE, DiesAfter(after)).run()
    again = held(tmp_path, TWICE, DiesAfter(7 - after)).run()
    assert without_seconds(again) == without_seconds(twice)


def test_who_fails_the_second_time_cannot_win(twice, tmp_path, monkeypatch):
    seed = TWICE.unit(TWICE.arms[0], Fraction(1, 6), again=True).setup.seed
    best = TWICE.arms[twice["winner"]]

    def failing_later(unit):
        if (unit.setup.seed, unit.setup.arch, unit.setup.teachers) == (
            seed, best.arch, best.teachers,
        ):  # fmt: skip
            raise AutodasError("out of luck")
        return train_unit(unit)

    monkeypatch.setattr(contests, "train_unit", failing_later)
    found = held(tmp_path, TWICE).run()
    assert found["winner"] != twice["winner"]
    (failed,) = (each for each in found["rungs"][1]["results"] if each["reason"])
    assert failed["arm"] == twice["winner"]
    assert failed["calibrated_cross_entropy"] is None


def test_doubts_are_about_the_last_rung(undisturbed):
    (doubt,) = undisturbed["doubts"]
    assert doubt["arm"] in undisturbed["rungs"][0]["promoted"]
    assert doubt["arm"] != undisturbed["winner"]
    assert 0 <= doubt["chance"] <= 0.5


@pytest.mark.parametrize("recipe", ["digits-cnn-short", "digits-vit-short", "digits-teacher"])
@pytest.mark.parametrize("trainings", ["1.5", "2", "3", "6"])
def test_a_plan_costs_what_is_allowed_with_the_final_training(recipe, trainings):
    data, recipe, allowed = load_data("digits"), get_recipe(recipe), Fraction(trainings)
    plan = Ladder.of(data, recipe).plan(allowed, 60)
    full = recipe.epochs * math.ceil(len(data.train_labels) / recipe.batch_size)
    steps = full
    for number, each in enumerate(plan.bracket.rungs, 1):
        part, shrunk, pace = short_training(data, recipe, each.fidelity)
        batches = math.ceil(len(part.train_labels) / recipe.batch_size)
        assert batches == pace.batches
        again = plan.again if number == len(plan.bracket.rungs) else 0
        steps += (each.arms + again) * shrunk.epochs * batches
    assert 0.95 * allowed <= Fraction(steps, full) <= Fraction(102, 100) * allowed
    assert plan.cost == Fraction(steps, full) - 1
    assert (plan.again > 0) == (allowed >= 3)


def test_rungs_of_few_steps_are_taken_only_if_others_cost_too_much():
    # 80 steps of a full training: 27, 9 and 3 on the rungs.
    ladder = Ladder.of(load_data("digits"), get_recipe("digits-cnn-short"))
    assert [str(rung.fidelity) for rung in ladder.plan(Fraction(3), 60).bracket.rungs] == ["1/3"]
    lower = ladder.plan(Fraction(3, 2), 60).bracket.rungs
    assert [(str(rung.fidelity), rung.arms) for rung in lower] == [("1/9", 4)]


def test_if_many_must_be_tried_the_rungs_begin_lower():
    ladder = Ladder.of(load_data("digits"), get_recipe("digits-cnn-short"))
    assert ladder.plan(Fraction(3), 60, least=3).again == 3
    once = ladder.plan(Fraction(3), 60, least=4)
    assert ([rung.arms for rung in once.bracket.rungs], once.again) == ([6], 0)
    lower = ladder.plan(Fraction(3), 60, least=8)
    assert [str(rung.fidelity) for rung in lower.bracket.rungs] == ["1/9", "1/3"]
    assert lower.bracket.arms >= 8
    # More than can be paid: as many as can.
    most = ladder.plan(Fraction(3), 60, least=60)
    assert [str(rung.fidelity) for rung in most.bracket.rungs] == ["1/27", "1/9", "1/3"]
    assert most.cost <= 2 * Fraction(103, 100)


def test_a_plan_for_too_little_has_no_rungs():
    ladder = Ladder.of(load_data("digits"), get_recipe("digits-cnn-short"))
    assert ladder.plan(Fraction(1), 60).bracket.rungs == ()
    assert ladder.plan(Fraction(21, 20), 60).bracket.rungs == ()
    assert ladder.plan(Fraction(5), 1).bracket.rungs == ()


@pytest.mark.parametrize(
    ("text", "number", "minutes"),
    [("3", 3, None), (2.5, Fraction(5, 2), None), ("20m", None, 20.0), (" 1 ", 1, None)],
)
def test_trainings_are_a_number_or_minutes(text, number, minutes):
    found = Trainings.parsed(text)
    assert (found.number, found.minutes) == (number, minutes)
    assert Trainings.parsed(found.to_option()) == found


@pytest.mark.parametrize(
    "text", ["0.5", "-1", "many", "", "m", "0m", "nan", "inf", "1/0", "3 m 4", "1e9999999"]
)
def test_other_trainings_are_refused(text):
    with pytest.raises(InvalidInput, match="trainings are a number from 1 on") as caught:
        Trainings.parsed(text)
    assert "\n" not in str(caught.value)


def test_minutes_leave_what_the_final_training_does_not_take():
    twenty = Trainings.parsed("20m")
    assert twenty.for_rungs(300.0, at_once=1) == 3  # 20 minutes are 4 trainings of 5
    assert twenty.for_rungs(300.0, at_once=2) == 6
    assert Trainings.parsed("3").for_rungs(None, at_once=2) == 2
    with pytest.raises(InvalidInput, match="25 minutes here, more than the 20"):
        twenty.for_rungs(1500.0, at_once=1)


def test_the_pace_is_measured_once(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    unit = CONTEST.unit(CONTEST.arms[0], THIRD)
    first = seconds_of_a_training(unit, journal)
    assert first > 0
    assert seconds_of_a_training(unit, Journal(tmp_path / "journal.jsonl")) == first


DUEL = Rung(Fraction(1), 2, Fraction(1))
DUELLED = replace(
    CONTEST,
    arms=arms_of(ARCHS[:2], [TEACHER]),
    plan=Plan(Bracket((rung("1/6", 2),)), duel=DUEL),
)


@pytest.fixture(scope="module")
def duelled(tmp_path_factory):
    return held(tmp_path_factory.mktemp("duel"), DUELLED).run()


def test_the_winner_of_the_rungs_trains_in_full_with_teacher_and_without(duelled):
    rung, duel = duelled["rungs"]
    best = min(rung["results"], key=lambda each: each["calibrated_cross_entropy"])["arm"]
    arch = duelled["arms"][best]["arch"]
    assert duelled["arms"][2] == {"arch": arch, "teachers": [], "losses": []}
    assert [each["arm"] for each in duel["results"]] == [best, 2]
    assert (duel["duel"], duel["fidelity"], duel["cost"]) == (True, "1", 2.0)
    assert duelled["cost"] == pytest.approx(2 / 6 + 2)
    data = load_data("digits")
    for each, teachers in zip(duel["results"], (TEACHER, ()), strict=True):
        unit = DUELLED.unit(Arm(arch, teachers), Fraction(1))
        part, _, pace = short_training(data, HASTY, unit.setup.fidelity)
        assert len(part.train_labels) + len(part.test_labels) == len(data.train_labels)
        assert pace.cost == 1
        found = train_unit(unit)
        assert each["accuracy"] == found["accuracy"]
        assert each["calibrated_cross_entropy"] == found["calibrated_cross_entropy"]
    wins = min(duel["results"], key=lambda each: each["calibrated_cross_entropy"])["arm"]
    assert duelled["winner"] == wins == duel["promoted"][0]
    (doubt,) = duelled["doubts"]
    assert doubt["arm"] == next(each["arm"] for each in duel["results"] if each["arm"] != wins)
    assert 0 <= doubt["chance"] <= 0.5


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_contest_killed_before_or_in_its_duel_goes_on(duelled, tmp_path, after):
    with pytest.raises(Killed):
        held(tmp_path, DUELLED, DiesAfter(after)).run()
    again = held(tmp_path, DUELLED, DiesAfter(4 - after)).run()
    assert without_seconds(again) == without_seconds(duelled)
    assert not list(tmp_path.glob("checkpoints/*"))


@pytest.mark.parametrize("fails", [{TEACHER}, {()}, {TEACHER, ()}])
def test_who_fails_a_duel_cannot_win_it(tmp_path, monkeypatch, fails):
    alone = replace(DUELLED, arms=arms_of(ARCHS[:1], [TEACHER]), plan=Plan(Bracket(), duel=DUEL))

    def failing(unit):
        if unit.setup.teachers in fails:
            raise AutodasError("out of luck")
        return train_unit(unit)

    monkeypatch.setattr(contests, "train_unit", failing)
    if len(fails) == 2:
        with pytest.raises(AutodasError, match=r"no finalist could be trained.*out of luck"):
            held(tmp_path, alone).run()
        return
    found = held(tmp_path, alone).run()
    winner = found["arms"][found["winner"]]
    assert (tuple(winner["teachers"]) in fails, found["doubts"]) == (False, [])


@pytest.mark.parametrize(
    ("trainings", "arms", "paid"), [(3, 1, True), (2.9, 1, False), (4, 60, True), (3.9, 60, False)]
)
def test_a_duel_is_planned_where_it_leaves_a_training_for_rungs(trainings, arms, paid):
    ladder = Ladder.of(load_data("digits"), get_recipe("digits-cnn-short"))
    plan = ladder.plan_with_duel(Fraction(str(trainings)), arms)
    assert (plan is not None) == paid
    if plan is not None:
        assert plan.duel == Rung(Fraction(1), 2, Fraction(1))
        assert 0.95 * trainings <= 1 + plan.cost <= 1.02 * trainings
        assert len(plan.bracket.rungs) == (arms > 1)
