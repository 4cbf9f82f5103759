"""How many arms are tried at which fidelity, and that no plan costs more than its budget."""

import math
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput
from autodas.evolution import Bracket, Rung, hyperband, plan_bracket

ETAS = st.sampled_from([3, 2, 4, 2.5, 1.5, Fraction(7, 3), 1.2])
FRACTIONS = st.fractions(min_value=Fraction(1, 100), max_value=1, max_denominator=100)
BUDGETS = st.fractions(min_value=0, max_value=12, max_denominator=50) | st.floats(0, 12)


def units(bracket, whole):
    return [(rung.arms, rung.fidelity * whole) for rung in bracket.rungs]


def flat(fidelity):
    return fidelity


def with_overhead(fidelity):
    return fidelity + Fraction(1, 50)


def in_blocks(fidelity):
    return math.ceil(fidelity * 8) / 8


def falling(fidelity):
    return Fraction(11, 10) - fidelity


# ------------------------------------------------------------------------------- hyperband


def test_the_brackets_of_81_units_reduced_by_3():
    # Li et al. 2018, Algorithm 1, by hand: (s_max + 1) / (s + 1) * 3 ** s arms to begin with is
    # 81, 5/4 * 27 = 33.75, 5/3 * 9 = 15, 5/2 * 3 = 7.5 and 5. The columns of s = 4 and s = 0 are
    # those of Table 1.
    assert [units(bracket, 81) for bracket in hyperband(Fraction(1, 81), 3)] == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]


def test_a_reduction_factor_need_not_be_whole():
    # s_max = 2 because 0.16 * 2.5 ** 2 = 1; in binary fractions the product is not exact.
    assert [units(bracket, 1) for bracket in hyperband(0.16, 2.5)] == [
        [(7, Fraction(4, 25)), (2, Fraction(2, 5)), (1, 1)],
        [(4, Fraction(2, 5)), (1, 1)],
        [(3, 1)],
    ]


# math.log(243, 3) and math.log(1000, 10) fall short of 5 and 3.
@pytest.mark.parametrize(
    ("smallest", "eta", "brackets"),
    [(Fraction(1, 243), 3, 6), (0.001, 10, 4), (Fraction(1, 242), 3, 5), (1, 3, 1)],
)
def test_the_number_of_brackets_is_exact(smallest, eta, brackets):
    assert len(hyperband(smallest, eta)) == brackets


@given(FRACTIONS, ETAS)
def test_every_bracket_ends_with_full_trainings_and_begins_no_lower_than_allowed(smallest, eta):
    brackets = hyperband(smallest, eta)
    assert [len(each.rungs) for each in brackets] == list(range(len(brackets), 0, -1))
    for bracket in brackets:
        assert bracket.rungs[-1].fidelity == 1
        assert bracket.rungs[0].fidelity >= smallest
        assert bracket.cost == sum(rung.arms * rung.fidelity for rung in bracket.rungs)


def test_brackets_are_reduced_by_3_unless_told_otherwise():
    assert hyperband(Fraction(1, 81)) == hyperband(Fraction(1, 81), 3)


# ----------------------------------------------------------------------------------- plans


def test_a_plan_goes_up_to_full_trainings_and_is_reduced_by_3_unless_told_otherwise():
    # 18 arms for 4 of 100 steps, 6 for 12 and 2 for 36, and the same up to a full training.
    plan = plan_bracket(2.2, 50, steps=100, smallest=Fraction(1, 27))
    assert units(plan, 100) == [(19, 4), (6, 12), (2, 36)]
    assert units(plan_bracket(2, 2, steps=10, smallest=0.1), 10) == [(2, 10)]


def test_a_plan_worked_by_hand():
    # The smallest of 100 steps not below 1/27 is 4. Three rungs that end with two arms or more
    # need 18 arms or more: 18 for 4 steps, 6 for 12 and 2 for 36 cost 2.16 trainings.
    # A 19th costs 0.04 more, a 20th is too dear.
    plan = plan_bracket(2.2, 50, steps=100, smallest=Fraction(1, 27), eta=3)
    assert units(plan, 100) == [(19, 4), (6, 12), (2, 36)]
    assert plan.cost == Fraction(22, 10)
    # For 2 trainings only two rungs can be paid, so fewer than 18 arms: 17 and 5, for six steps
    # and 18: (17 + 15) * 6 = 192.
    plan = plan_bracket(2, 50, steps=100, smallest=Fraction(1, 27), eta=3)
    assert units(plan, 100) == [(17, 6), (5, 18)]


@given(
    limits=st.fixed_dictionaries(
        {
            "budget": BUDGETS,
            "arms": st.integers(1, 60),
            "steps": st.integers(1, 120),
            "smallest": FRACTIONS,
            "eta": ETAS,
            "price": st.sampled_from([flat, with_overhead, in_blocks, falling]),
        }
    )
)
@settings(deadline=None)
def test_a_plan_is_a_halving_within_all_limits(limits):
    plan = plan_bracket(**limits)
    # Of a float, what it is written as counts.
    assert plan.cost <= Fraction(str(limits["budget"]))
    assert plan.arms <= limits["arms"]
    steps, eta = limits["steps"], Fraction(str(limits["eta"]))
    for k, rung in enumerate(plan.rungs):
        first = plan.rungs[0].fidelity * steps
        assert limits["smallest"] <= rung.fidelity <= 1
        assert rung.fidelity * steps == math.floor(first * eta**k)
        assert rung.arms == math.floor(plan.arms / eta**k)
        assert rung.arms >= 2
        assert rung.price == Fraction(str(limits["price"](rung.fidelity)))
    for lower, upper in pairwise(plan.rungs):
        assert upper.fidelity > lower.fidelity
        assert upper.arms < lower.arms


@given(
    budget=st.floats(0.3, 8),
    steps=st.integers(20, 200),
    smallest=FRACTIONS,
    spare=st.integers(0, 30),
    eta=ETAS,
)
@settings(deadline=None)
def test_at_least_95_percent_is_spent_where_arms_suffice(budget, steps, smallest, spare, eta):
    lowest = Fraction(math.ceil(smallest * steps), steps)
    if lowest > Fraction(budget) / 20:
        smallest = lowest = Fraction(1, steps)
    if lowest > Fraction(budget) / 20:
        budget = float(20 * lowest)
    arms = math.ceil(Fraction(budget) / lowest) + spare
    plan = plan_bracket(budget, arms, steps=steps, smallest=smallest, eta=eta)
    assert Fraction(95, 100) * Fraction(str(budget)) <= plan.cost


def all_brackets(budget, arms, steps, lowest, eta):
    """(rungs, arms, cost) of every bracket of two arms or more per rung within the budget."""
    for first in range(lowest, steps + 1):
        for n in range(2, arms + 1):
            cost, rungs, before = Fraction(0), 0, (n + 1, 0)
            while True:
                now = math.floor(n / eta**rungs), math.floor(first * eta**rungs)
                if not (2 <= now[0] < before[0] and before[1] < now[1] <= steps):
                    break
                cost += Fraction(now[0] * now[1], steps)
                rungs, before = rungs + 1, now
                straight_to_the_top = Fraction(n * now[1], steps)
                if cost <= budget and (rungs == 1 or straight_to_the_top > cost):
                    yield rungs, n, cost


@given(
    budget=st.integers(0, 60).map(lambda tenths: Fraction(tenths, 10)),
    arms=st.integers(1, 14),
    steps=st.integers(1, 14),
    lowest=st.integers(1, 14),
    eta=st.sampled_from([2, 3, Fraction(5, 2)]),
)
@settings(deadline=None)
def test_no_bracket_would_have_been_preferred(budget, arms, steps, lowest, eta):
    lowest = min(lowest, steps)
    plan = plan_bracket(budget, arms, steps=steps, smallest=Fraction(lowest, steps), eta=eta)
    others = list(all_brackets(budget, arms, steps, lowest, eta))
    enough = [each for each in others if each[2] >= Fraction(95, 100) * budget]
    if not enough:
        assert plan.cost == max((cost for *_, cost in others), default=0)
        assert len(plan.rungs) == max((n for n, _, cost in others if cost == plan.cost), default=0)
        return
    most = max(rungs for rungs, *_ in enough)
    assert len(plan.rungs) == most
    few = [n for rungs, n, _ in enough if rungs == most and n < 2 * eta**most]
    more = [n for rungs, n, _ in enough if rungs == most]
    assert plan.arms == (max(few) if few else min(more))


@pytest.mark.parametrize(
    ("budget", "arms"),
    [(0, 50), (0.01, 50), (0.0199, 50), (2.0, 1), (1000, 1)],
    ids=["no budget", "one arm", "just not two arms", "nothing to compare", "rich, no rival"],
)
def test_nothing_is_tried_where_nothing_can_be_compared(budget, arms):
    assert plan_bracket(budget, arms, steps=100, smallest=0.01) == Bracket()


def test_two_arms_at_the_smallest_fidelity_are_the_least():
    plan = plan_bracket(0.02, 50, steps=100, smallest=0.01)
    assert units(plan, 100) == [(2, 1)]


def test_a_budget_for_all_arms_in_full_is_spent_on_that():
    assert units(plan_bracket(3, 3, steps=10, smallest=0.1), 10) == [(3, 10)]
    assert units(plan_bracket(99, 3, steps=10, smallest=0.1), 10) == [(3, 10)]


def test_rungs_that_cost_what_all_arms_would_cost_at_the_top_are_not_made():
    # 4 arms for 1 of 2 steps and 2 of them for 2 cost 4 trainings, like all 4 in full.
    plan = plan_bracket(4, 4, steps=2, smallest=0.5, eta=2)
    assert units(plan, 2) == [(4, 2)]


def test_of_equally_dear_brackets_short_of_the_budget_the_one_with_more_rungs_is_taken():
    # 5 arms for 1 of 2 steps and 2 for 2 cost 4.5 trainings, like 9 arms for 1; none costs 4.56.
    plan = plan_bracket(4.8, 9, steps=2, smallest=0.5, eta=2)
    assert units(plan, 2) == [(5, 1), (2, 2)]


@pytest.mark.parametrize(("budget", "rungs"), [("216/95", 3), ("217/95", 2)])
def test_95_percent_of_the_budget_are_enough_for_more_rungs_and_less_is_not(budget, rungs):
    # 18 arms for 4 of 100 steps, 6 for 12 and 2 for 36 cost 2.16 trainings. There is no 19th arm,
    # and for five steps it would be 2.7; 18 and 6 arms cost 2.16 for six steps and 2.52 for seven,
    # but 17 and 5 cost 2.24 for seven.
    plan = plan_bracket(Fraction(budget), 18, steps=100, smallest=Fraction(1, 27))
    assert len(plan.rungs) == rungs
    assert plan.cost == (Fraction(216, 100) if rungs == 3 else Fraction(224, 100))


def test_no_fidelity_is_above_the_largest():
    plan = plan_bracket(2, 40, steps=100, smallest=0.01, largest=0.1)
    assert max(rung.fidelity for rung in plan.rungs) <= Fraction(1, 10)
    assert plan.cost >= Fraction(19, 10)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"budget": -1}, "budget must not be negative, got -1"),
        ({"budget": math.nan}, "budget must be a finite number, got nan"),
        ({"budget": math.inf}, "budget must be a finite number, got inf"),
        ({"arms": 0}, "arms must be at least 1, got 0"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"smallest": 0}, r"smallest must lie in \(0, 1\], got 0"),
        ({"smallest": 1.5}, r"smallest must lie in \(0, 1\], got 1.5"),
        ({"largest": 2}, r"largest must lie in \(0, 1\], got 2"),
        ({"eta": 1}, "eta must be above 1, got 1"),
        ({"smallest": 0.5, "largest": 0.4}, "from 0.5 to 0.4"),
        ({"smallest": 0.11, "largest": 0.19}, "no whole number of 10 steps"),
        ({"price": lambda fidelity: 0}, "price of a training must be above 0, got 0"),
        ({"price": lambda fidelity: math.nan}, "price must be a finite number, got nan"),
    ],
)
def test_a_plan_refuses_what_makes_no_sense(change, complaint):
    good = {"budget": 2, "arms": 5, "steps": 10, "smallest": 0.1}
    with pytest.raises(InvalidInput, match=complaint):
        plan_bracket(**good | change)


@pytest.mark.parametrize(
    ("rungs", "complaint"),
    [
        ([(4, "1/2"), (2, "1/2")], "fidelities must grow from rung to rung, got 1/2 after 1/2"),
        ([(4, "1/4"), (5, "1/2")], "more arms than the one below, got 5 after 4"),
        ([(0, "1/4")], "at least 1 arm, got 0"),
        ([(1, "0")], "must lie in"),
        ([(1, "5/4")], "must lie in"),
    ],
)
def test_a_bracket_must_narrow_down(rungs, complaint):
    with pytest.raises(InvalidInput, match=complaint):
        Bracket(tuple(Rung(Fraction(f), arms, Fraction(1)) for arms, f in rungs))


def test_a_bracket_may_keep_all_its_arms_down_to_one_that_is_trained_in_full():
    one = Bracket((Rung(Fraction(1, 100), 1, Fraction(1, 100)), Rung(Fraction(1), 1, Fraction(1))))
    assert one.arms == 1
    assert one.cost == Fraction(101, 100)
    assert (Bracket().arms, Bracket().cost) == (0, 0)


@pytest.mark.parametrize("price", [0, -1])
def test_a_rung_costs_something(price):
    with pytest.raises(InvalidInput, match=f"must be above 0, got {price}"):
        Rung(Fraction(1), 2, Fraction(price))


def test_the_least_that_can_be_planned_is_one_arm_for_one_whole_step():
    # Every argument at the edge of its range.
    assert plan_bracket(0, 1, steps=1, smallest=1, largest=1) == Bracket()
    assert units(plan_bracket(2, 2, steps=1, smallest=1, largest=1, eta=1.001), 1) == [(2, 1)]
