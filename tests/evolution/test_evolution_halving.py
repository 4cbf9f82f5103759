"""Successive halving: who is tried, who goes on, who wins, whatever the order of the results."""

import json
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok
from autodas.evolution import ArmResult, Bracket, Rung, SuccessiveHalving, hyperband

NINTH, THIRD, FULL = Fraction(1, 9), Fraction(1, 3), Fraction(1)


def bracket_of(*rungs):
    return Bracket(tuple(Rung(fidelity, arms, fidelity) for arms, fidelity in rungs))


NINE = bracket_of((9, NINTH), (3, THIRD), (1, FULL))
NAMES = "abcdefghi"


def finish(halving, evaluate, order=list):
    """Tell everything that is asked; the records in the order told."""
    records = []
    while not halving.finished:
        each = order(halving.ask())[0]
        records.append(halving.tell(each.key, each.fidelity, evaluate(each.key, each.fidelity)))
    return records


@st.composite
def problems(draw, may_fail=True):
    """A bracket, its arms in prior order, and the result of each arm at each fidelity."""
    counts = sorted(draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)), reverse=True)
    fidelities = [Fraction(k + 1, len(counts)) for k in range(len(counts))]
    bracket = bracket_of(*zip(counts, fidelities, strict=True))
    arms = [f"arm {n}" for n in range(counts[0] + draw(st.integers(0, 2)))]
    results = st.integers(-2, 2).map(lambda n: Ok(float(n)))
    if may_fail:
        results |= st.sampled_from([Failed("diverged"), Failed("no memory", "traceback")])
    table = {(arm, f): draw(results) for arm in arms for f in fidelities}
    return bracket, arms, table


def expected(bracket, arms, table):
    """Entrants of each rung and the winner, by the definition and nothing else."""
    entrants, rungs = set(arms[: bracket.arms]), []
    for number, rung in enumerate(bracket.rungs):
        rungs.append(entrants)
        fine = [
            arm for arm in arms if arm in entrants and isinstance(table[arm, rung.fidelity], Ok)
        ]
        fine.sort(key=lambda arm: table[arm, rung.fidelity].value, reverse=True)
        if not fine:
            return rungs, None
        is_last = number + 1 == len(bracket.rungs)
        entrants = set(fine[: 1 if is_last else bracket.rungs[number + 1].arms])
    return rungs, next(iter(entrants))


def state(halving):
    return halving.ask(), halving.history, halving.ranking, halving.winner, halving.spent


@given(problems(), st.randoms(use_true_random=False))
def test_rungs_and_winner_are_those_of_the_definition(problem, rng):
    bracket, arms, table = problem
    halving = SuccessiveHalving(arms, bracket)
    finish(halving, lambda *what: table[what], lambda asked: rng.sample(asked, len(asked)))
    rungs, winner = expected(bracket, arms, table)
    assert [set(record.arms) for record in halving.history] == rungs
    assert [record.fidelity for record in halving.history] == [
        rung.fidelity for rung in bracket.rungs[: len(rungs)]
    ]
    if winner is None:
        assert isinstance(halving.winner, Failed)
    else:
        assert halving.winner == Ok(winner)
        assert halving.ranking[0].arm == winner
        assert halving.history[-1].promoted == (winner,)


@given(problems())
def test_failures_are_counted_and_never_go_on(problem):
    bracket, arms, table = problem
    halving = SuccessiveHalving(arms, bracket)
    finish(halving, lambda *what: table[what])
    for record in halving.history:
        failed = {arm for arm in record.arms if isinstance(table[arm, record.fidelity], Failed)}
        assert not failed & set(record.promoted)
        assert sum(record.failures.values()) == len(failed)
    assert halving.failures == sum(sum(each.failures.values()) for each in halving.history)


@given(problems())
def test_costs_add_up_and_stay_within_the_bracket(problem):
    bracket, arms, table = problem
    halving = SuccessiveHalving(arms, bracket)
    finish(halving, lambda *what: table[what])
    assert halving.spent == sum(record.cost for record in halving.history)
    assert halving.spent == sum(len(each.arms) * each.fidelity for each in halving.history)
    assert halving.spent <= bracket.cost
    if not halving.failures:
        assert halving.spent == bracket.cost


@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_the_results_does_not_matter(problem, rng):
    bracket, arms, table = problem
    first, second = SuccessiveHalving(arms, bracket), SuccessiveHalving(arms, bracket)
    finish(first, lambda *what: table[what])
    finish(second, lambda *what: table[what], lambda asked: rng.sample(asked, len(asked)))
    assert state(first) == state(second)


@given(problems(), st.data())
def test_a_run_goes_on_from_any_point_of_its_journal_in_any_order(problem, data):
    bracket, arms, table = problem
    whole, half = SuccessiveHalving(arms, bracket), SuccessiveHalving(arms, bracket)
    records = finish(whole, lambda *what: table[what])
    until = data.draw(st.integers(0, len(records)))
    for each in records[:until]:
        half.tell(each.key, each.fidelity, table[each.key, each.fidelity])
    journal = [json.dumps(each.to_json()) for each in records[:until]]
    journal = data.draw(st.permutations(journal))
    resumed = SuccessiveHalving(arms, bracket)
    resumed.replay(ArmResult.from_json(json.loads(line)) for line in journal)
    assert state(resumed) == state(half)
    finish(resumed, lambda *what: table[what])
    assert state(resumed) == state(whole)


@given(st.permutations(range(1, 82)), st.sampled_from([2, 3, 2.5, 1.5]), st.integers(0, 3))
def test_the_truly_best_wins_where_fidelity_does_not_mislead(values, eta, which):
    brackets = hyperband(Fraction(1, 27), eta)
    bracket = brackets[which % len(brackets)]
    if bracket.arms > len(values):
        bracket = brackets[-1]
    halving = SuccessiveHalving(values, bracket)
    finish(halving, lambda key, fidelity: Ok(int(key) * float(fidelity)))
    assert halving.winner == Ok(max(values[: bracket.arms]))


def test_a_run_worked_by_hand():
    scores = dict(zip(NAMES, [1.0, 9.0, 5.0, 2.0, 8.0, 3.0, 4.0, 7.0, 6.0], strict=True))
    halving = SuccessiveHalving(NAMES, NINE)
    assert [(r.arm, r.key, r.fidelity, r.rung) for r in halving.ask()] == [
        (name, name, NINTH, 0) for name in NAMES
    ]
    for name in NAMES:
        halving.tell(name, NINTH, Ok(scores[name]))
    assert [(r.key, r.fidelity, r.rung) for r in halving.ask()] == [
        ("b", THIRD, 1),
        ("e", THIRD, 1),
        ("h", THIRD, 1),
    ]
    assert halving.winner is None
    halving.tell("b", THIRD, Ok(0.5))
    halving.tell("e", THIRD, Failed("diverged", "a long traceback"))
    halving.tell("h", THIRD, Ok(0.75))
    halving.tell("h", FULL, Ok(0.9))
    assert halving.winner == Ok("h")
    assert [each.key for each in halving.ranking] == list("hbeicgfda")
    assert [each.rung for each in halving.ranking] == [2, 1, 1, 0, 0, 0, 0, 0, 0]
    assert json.loads(json.dumps(halving.history[1].to_json())) == {
        "rung": 1,
        "fidelity": "1/3",
        "arms": ["b", "e", "h"],
        "results": [0.5, {"failed": "diverged"}, 0.75],
        "promoted": ["h"],
        "failures": {"diverged": 1},
        "cost": "1",
    }
    assert halving.history[2].promoted == ("h",)


def test_of_equals_the_ones_given_first_go_on_and_win():
    halving = SuccessiveHalving("gfedcbahi", NINE)
    finish(halving, lambda *what: Ok(1.0), lambda asked: asked[::-1])
    assert halving.history[0].promoted == ("g", "f", "e")
    assert halving.winner == Ok("g")
    assert [each.key for each in halving.ranking] == list("gfedcbahi")


def test_a_tie_above_is_broken_as_the_arms_were_given_not_as_they_did_below():
    halving = SuccessiveHalving("ab", bracket_of((2, THIRD), (2, FULL)))
    finish(halving, lambda key, f: Ok(1.0) if f == FULL else Ok({"a": 1.0, "b": 2.0}[key]))
    assert halving.history[1].arms == ("b", "a")
    assert halving.winner == Ok("a")


def test_if_all_arms_of_a_rung_fail_there_is_no_winner():
    halving = SuccessiveHalving(NAMES, NINE)
    reasons = {"a": "no memory", "b": "diverged", "c": "diverged"}
    finish(halving, lambda key, f: Ok(1.0) if f == NINTH else Failed(reasons[key]))
    assert halving.winner == Failed(
        "all 3 arms failed at fidelity 1/3: diverged (2), no memory (1)"
    )
    assert halving.ask() == ()
    assert len(halving.history) == 2
    assert [each.key for each in halving.ranking][:4] == list("abcd")


def test_fewer_arms_go_on_where_too_many_failed():
    halving = SuccessiveHalving(NAMES, NINE)
    finish(halving, lambda key, f: Ok(1.0) if key in "hi" else Failed("diverged"))
    assert halving.history[1].arms == ("h", "i")
    assert halving.winner == Ok("h")


def test_without_rungs_the_first_arm_wins_untried():
    halving = SuccessiveHalving("ba", Bracket())
    assert halving.finished
    assert halving.ask() == ()
    assert halving.winner == Ok("b")
    assert [(each.key, each.rung, each.result) for each in halving.ranking] == [
        ("b", None, None),
        ("a", None, None),
    ]
    assert halving.spent == 0


def test_one_arm_climbs_alone():
    halving = SuccessiveHalving("a", bracket_of((1, THIRD), (1, FULL)))
    finish(halving, lambda *what: Ok(-5))
    assert halving.winner == Ok("a")
    assert halving.spent == Fraction(4, 3)


def test_arms_beyond_the_bracket_are_not_tried_and_rank_last():
    halving = SuccessiveHalving("abc", bracket_of((2, FULL)))
    finish(halving, lambda *what: Failed("diverged") if what[0] == "a" else Ok(-1.0))
    assert [(each.key, each.rung) for each in halving.ranking] == [("b", 0), ("a", 0), ("c", None)]


def test_arms_are_opaque_and_named_by_their_key():
    arms = [{"depth": 2}, {"depth": 3}]
    halving = SuccessiveHalving(arms, bracket_of((2, FULL)), key=lambda arm: f"d{arm['depth']}")
    finish(halving, lambda key, f: Ok(float(key[1:])))
    assert halving.winner.value is arms[1]


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_refused(score):
    halving = SuccessiveHalving(NAMES, NINE)
    with pytest.raises(ValueError, match=r"score of 'c' at fidelity 1/9 is .*tell Failed"):
        halving.tell("c", NINTH, Ok(score))
    assert len(halving.ask()) == 9


@pytest.mark.parametrize(
    ("key", "fidelity"),
    [("z", NINTH), ("a", THIRD), ("a", Fraction(1, 7))],
    ids=["unknown arm", "rung not open", "no such rung"],
)
def test_what_was_not_asked_is_refused(key, fidelity):
    halving = SuccessiveHalving(NAMES, NINE)
    with pytest.raises(InvalidInput, match=f"training of '{key}' at .* was not asked for"):
        halving.tell(key, fidelity, Ok(1.0))
    assert halving.spent == 0


def test_a_journal_of_other_arms_is_refused():
    halving = SuccessiveHalving(NAMES, NINE)
    records = [ArmResult(name, NINTH, Ok(1.0)) for name in NAMES]
    with pytest.raises(InvalidInput, match="training of 'i' at fidelity 1/3 was not asked for"):
        halving.replay([ArmResult("i", THIRD, Ok(1.0)), *records])


def test_the_same_may_be_told_twice_but_nothing_else():
    halving = SuccessiveHalving("ab", bracket_of((2, THIRD), (1, FULL)))
    for _ in range(2):
        halving.tell("a", THIRD, Ok(1))
        halving.tell("b", THIRD, Failed("diverged", "here"))
    halving.tell("b", THIRD, Failed("diverged", "there"))
    assert halving.spent == Fraction(2, 3)
    with pytest.raises(InvalidInput, match=r"'a' was told twice at fidelity 1/3: 1.0, then 2.0"):
        halving.tell("a", THIRD, Ok(2.0))
    with pytest.raises(InvalidInput, match=r"failed \(diverged\), then 2.0"):
        halving.tell("b", THIRD, Ok(2.0))


@pytest.mark.parametrize(
    ("arms", "complaint"),
    [
        ([], "no arm"),
        (list("abcdefgha"), "two arms have the key 'a'"),
        (list("abc"), "tries 9 arms, only 3 are given"),
    ],
)
def test_arms_that_do_not_fit_are_refused(arms, complaint):
    with pytest.raises(InvalidInput, match=complaint):
        SuccessiveHalving(arms, NINE)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"key": "a", "fidelity": "1/0", "result": 1.0},
        {"key": "a", "fidelity": "much", "result": 1.0},
        {"key": "a", "fidelity": "1/3", "result": [1]},
        {"key": "a", "fidelity": "1/3", "result": {}},
    ],
)
def test_a_damaged_record_is_refused(record):
    with pytest.raises(InvalidInput, match="not a record of a training"):
        ArmResult.from_json(record)
