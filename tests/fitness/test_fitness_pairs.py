"""How well scores order pairs, worked by hand."""

import warnings

import numpy as np
import pytest

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed
from autodas.fitness import (
    COMPARISONS,
    Goal,
    Objective,
    PairGoodness,
    PairIntervals,
    variance_shares,
)

STUDENT = np.array([0, 0, 0, 1, 1, 1])
TEACHER = np.array([0, 1, 2, 0, 1, 2])
TRUTH = np.array([50.0, 60.0, 70.0, 80.0, 90.0, 85.0])
TEACHERS, STUDENTS, ALL = COMPARISONS


def parts(score, truth=TRUTH):
    return PairGoodness(truth, STUDENT, TEACHER).parts(score).value


def test_a_score_of_students_alone_is_a_coin_among_teachers():
    found = parts([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
    assert found[TEACHERS] == 0.0
    assert found[STUDENTS] == 1.0
    # Of 15 comparisons 9 are of different students, all right; the other 6 are ties.
    assert found[ALL] == pytest.approx(9 / 15)


def test_a_score_of_teachers_alone_is_a_coin_among_students():
    found = parts([1.0, 2.0, 3.0, 1.0, 2.0, 3.0])
    # Student 0: three of three right; student 1: 80 < 90 right, 80 < 85 right, 90 > 85 wrong.
    assert found[TEACHERS] == pytest.approx((5 - 1) / 6)
    assert found[STUDENTS] == 0.0


def test_equal_and_unknown_accuracies_are_not_compared():
    truth = np.array([50.0, 50.0, 70.0, np.nan, 90.0, 85.0])
    found = parts([3.0, 2.0, 1.0, 9.0, 1.0, 2.0], truth)
    # Student 0: 50 < 70 twice, both wrong; student 1: 90 > 85 wrong.
    assert found[TEACHERS] == -1.0
    # Teacher 1: 50 < 90 wrong; teacher 2: 70 < 85 right; teacher 0 has one student left.
    assert found[STUDENTS] == 0.0


def test_what_orders_nothing_has_no_goodness():
    goodness = PairGoodness(TRUTH, STUDENT, TEACHER)
    assert goodness(np.ones(6)) == Failed("constant score")
    assert goodness([1, 2, 3, 4, 5, np.inf]) == Failed("score is not finite everywhere")
    one = PairGoodness(TRUTH[:3], STUDENT[:3], TEACHER[:3])
    assert one([1, 2, 3]) == Failed("no two students of one teacher differ in accuracy")
    with pytest.raises(InvalidInput, match="shape"):
        goodness([1.0])


def test_an_objective_takes_the_mean_of_the_three_on_some_rows():
    rows = np.array([0, 1, 3, 4])
    goal = Goal("pairs", TRUTH, rows, pairs=np.stack([STUDENT, TEACHER]))
    score = np.array([1.0, 2.0, 99.0, 3.0, 0.0, -99.0])
    # Left are 50, 60 | 80, 90 with scores 1, 2 | 3, 0: one of two; 1 of 2; of six 3 right, 3 wrong.
    found = Objective([goal]).either_way({"pairs": score}).value
    assert found[0].value == pytest.approx((0 + 0 + 0) / 3)
    assert Objective([goal])({"pairs": TRUTH}).value.value == 1.0
    turned, upright = Objective([goal]).either_way({"pairs": -TRUTH}).value
    assert (turned.value, upright) == (1.0, False)


def test_intervals_are_of_students_and_teachers_drawn_again():
    rng = np.random.default_rng(0)
    student, teacher = np.repeat(np.arange(12), 8), np.tile(np.arange(8), 12)
    truth = rng.normal(size=12)[student] + 0.5 * rng.normal(size=8)[teacher]
    noisy = truth + rng.normal(size=96)
    measured = PairIntervals(truth, student, teacher)
    exact, rough = measured.of(truth).value, measured.of(noisy).value
    gained = measured.difference(truth, noisy).value
    for name in COMPARISONS:
        assert (exact[name].value, exact[name].low, exact[name].high) == (1.0, 1.0, 1.0)
        assert rough[name].low < rough[name].value < rough[name].high < 1.0
        gap, p = gained[name]
        assert gap.value == pytest.approx(1.0 - rough[name].value)
        assert gap.low > 0.0
        assert p < 0.05
    assert measured.difference(noisy, noisy).value[TEACHERS][1] is None
    alone = measured.of(student.astype(float)).value[TEACHERS]
    assert (alone.value, alone.low, alone.high) == (0.0, 0.0, 0.0)


def test_a_student_that_was_drawn_twice_counts_twice_and_not_four_times():
    """Two students of which a score gets one right and one wrong: drawn (2, 0), (1, 1), (0, 2)."""
    truth = np.array([1.0, 2.0, 4.0, 3.0])
    student, teacher = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    measured = PairIntervals(truth, student, teacher)
    drawn = measured._samples([1.0, 2.0, 1.0, 2.0]).value[TEACHERS][1]
    assert set(np.round(drawn[np.isfinite(drawn)], 12)) == {-1.0, 0.0, 1.0}
    three = PairIntervals(np.array([1.0, 2, 2, 1, 2, 1]), np.repeat([0, 1, 2], 2), [0, 1] * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # not even where one teacher was drawn twice
        drawn = three._samples([1.0, 2.0] * 3).value[TEACHERS][1]
    assert len(drawn) == 1000
    assert np.isnan(drawn).any()
    # One of three right: drawn k times of three, (2k − 3) / 3.
    assert set(np.round(drawn[np.isfinite(drawn)], 6)) == set(np.round([-1, -1 / 3, 1 / 3, 1], 6))


def test_variance_is_shared_between_students_teachers_and_the_pair():
    # 10 between students, 1 between teachers, and ±0.5 that neither explains.
    values = np.array([0.5, 0.5, 1.5, 10.0, 12.0, 11.0])
    grid = values.reshape(2, 3)
    total = np.square(grid - grid.mean()).sum()
    students, teachers = variance_shares(values, STUDENT, TEACHER).value
    assert students == pytest.approx(3 * np.square(grid.mean(1) - grid.mean()).sum() / total)
    assert teachers == pytest.approx(2 * np.square(grid.mean(0) - grid.mean()).sum() / total)
    assert 0 < 1 - students - teachers < 0.02
    assert variance_shares(TEACHER + 5.0, STUDENT, TEACHER).value == (0.0, 1.0)
    order = np.random.default_rng(0).permutation(6)
    again = variance_shares(values[order], STUDENT[order], TEACHER[order]).value
    assert again == pytest.approx((students, teachers))


def test_nothing_is_shared_where_nothing_differs():
    assert variance_shares(np.full(6, 1e9), STUDENT, TEACHER) == Failed(
        "it is the same for all pairs"
    )
    with pytest.raises(InvalidInput, match="once with every teacher"):
        variance_shares(TRUTH[:5], STUDENT[:5], TEACHER[:5])


def test_shapes_that_do_not_fit_are_told_apart():
    with pytest.raises(InvalidInput, match=r"got \(6,\), \(5,\) and \(4,\)$"):
        PairGoodness(TRUTH, STUDENT[:5], TEACHER[:4])
    with pytest.raises(InvalidInput, match=r"got \(6,\), \(6,\) and \(5,\)$"):
        PairGoodness(TRUTH, STUDENT, TEACHER[:5])
    with pytest.raises(InvalidInput, match=r"got \(6,\), \(5,\) and \(6,\)$"):
        PairGoodness(TRUTH, STUDENT[:5], TEACHER)
    with pytest.raises(InvalidInput, match=r"one shape \(P,\), got \(2, 3\), "):
        PairGoodness(*(each.reshape(2, 3) for each in (TRUTH, STUDENT, TEACHER)))


@pytest.mark.parametrize("make", [PairGoodness, PairIntervals])
def test_one_pair_or_none_of_known_accuracy_orders_nothing(make):
    for truth in (np.full(6, np.nan), np.array([np.nan, 60.0, *[np.nan] * 4])):
        judge = make(truth, STUDENT, TEACHER)
        found = judge(TRUTH) if make is PairGoodness else judge.of(TRUTH)
        assert found == Failed("constant score")


def test_where_nothing_is_compared_there_is_no_interval_and_no_difference():
    one = PairIntervals(TRUTH[:3], STUDENT[:3], TEACHER[:3])
    nothing = Failed("no two students of one teacher differ in accuracy")
    assert one.of([1, 2, 3]) == one.difference([1, 2, 3], [3, 2, 1]) == nothing
    measured = PairIntervals(TRUTH, STUDENT, TEACHER)
    assert measured.difference(TRUTH, np.ones(6)) == Failed("nothing to compare with")
    assert measured.difference(np.ones(6), TRUTH) == Failed("constant score")


def test_variance_is_shared_in_a_large_table_without_holes_and_copies():
    student, teacher = np.repeat(np.arange(30), 20), np.tile(np.arange(20), 30)
    values = np.where(student % 2, 1.0, -1.0)
    assert variance_shares(values, student, teacher).value == pytest.approx((1.0, 0.0))
    hole = values.copy()
    hole[7] = np.nan
    twice = [np.append(each, each[0]) for each in (values, student, teacher)]
    for wrong in ((hole, student, teacher), twice):
        with pytest.raises(InvalidInput, match="once with every teacher"):
            variance_shares(*wrong)


@pytest.mark.parametrize(("gap", "same"), [(1e-7, True), (1e-5, False)])
def test_what_differs_by_the_rounding_of_single_precision_is_the_same(gap, same):
    found = variance_shares(-8.0 * (1 + gap * STUDENT), STUDENT, TEACHER)
    if same:
        assert found == Failed("it is the same for all pairs")
    else:
        assert found.value == pytest.approx((1.0, 0.0))
