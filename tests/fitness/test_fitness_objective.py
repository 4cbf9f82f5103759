"""The fitness over several families."""

import numpy as np
import pytest

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok
from autodas.fitness import Goal, Objective

A = Goal("a", np.array([1.0, 2.0, 3.0, 4.0]))
B = Goal("b", np.array([1.0, 2.0, 3.0, np.nan, 9.0]), weight=3.0)
PERFECT = np.array([1.0, 2.0, 3.0, 4.0])
SWAPPED = np.array([2.0, 1.0, 3.0, -7.0, 4.0])  # one of six pairs is wrong


def test_the_mean_is_weighted_and_parts_are_told():
    found = Objective([A, B])({"a": PERFECT, "b": SWAPPED}).value
    assert found.parts == pytest.approx({"a": 1.0, "b": 4 / 6})
    assert found.value == pytest.approx((1.0 + 3.0 * 4 / 6) / 4.0)


def test_the_minimum_is_that_of_the_worst_family():
    found = Objective(goals=[A, B], combine="min")({"a": PERFECT, "b": Ok(SWAPPED)}).value
    assert found.value == pytest.approx(4 / 6)


def test_only_the_given_rows_count():
    goal = Goal("a", np.array([1.0, 2.0, 3.0, 0.0]), rows=np.array([0, 1, 2]))
    scores = np.array([1.0, 2.0, 3.0, 99.0])
    assert Objective([goal])({"a": scores}).value.value == 1.0
    unseen = np.array([1.0, 2.0, 3.0, np.nan])
    assert Objective([goal])({"a": unseen}).value.value == 1.0


def test_a_failure_names_its_family():
    objective = Objective([A, B])
    found = objective({"a": PERFECT, "b": Failed("no gradient", "details")})
    assert found == Failed("b: no gradient", "details")
    assert objective({"a": np.ones(4), "b": SWAPPED}).reason == "a: constant score"
    gap = np.array([1.0, np.nan, 2.0, 3.0])
    assert objective({"a": gap, "b": SWAPPED}).reason == "a: score is not finite everywhere"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Objective([]), "at least one family"),
        (lambda: Objective([A, A]), "families must differ"),
        (lambda: Objective([A], "median"), "choose mean or min"),
        (lambda: Objective([Goal("a", A.truth, weight=0.0)]), "weight must be above 0, got 0.0"),
        (lambda: Objective([A])({}), "no scores for the family 'a'"),
        (lambda: Objective([A])({"a": np.ones(3)}), r"shape \(4,\), got \(3,\)"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


def test_the_order_of_architectures_does_not_decide_the_last_digit():
    rng = np.random.default_rng(0)
    truth, scores, sizes = rng.normal(size=60), rng.normal(size=60), rng.normal(size=(2, 60))
    found = set()
    for _ in range(20):
        order = rng.permutation(60)
        goal = Goal("a", truth[order], sizes=sizes[:, order])
        objective = Objective([goal], measure="rho", size_control=0.5)
        found.add(objective({"a": scores[order]}).value.value)
    assert len(found) == 1


@pytest.mark.parametrize("shape", [(3,), (5,), (1, 4), (4, 1)])
@pytest.mark.parametrize("rows", [None, np.array([0, 1, 2])])
def test_scores_are_of_all_architectures_even_if_some_rows_count(shape, rows):
    objective = Objective([Goal("a", A.truth, rows)])
    message = rf"^a: scores must have the shape \(4,\), got \{str(shape)[:-1]}\)$"
    with pytest.raises(InvalidInput, match=message):
        objective({"a": np.arange(np.prod(shape)).reshape(shape)})


@pytest.mark.parametrize(("weight", "value"), [(2e-9, 0.999999996), (4e-11, 1.0)])
def test_a_fitness_is_told_to_nine_decimals(weight, value):
    # 1 in one family and -1 in another of so little weight: 1 - 2 · weight.
    goals = [A, Goal("b", -A.truth, weight=weight)]
    assert Objective(goals)({"a": PERFECT, "b": PERFECT}).value.value == value
