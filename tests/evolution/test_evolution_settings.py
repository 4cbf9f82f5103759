"""Settings that nobody names, the law by which parents are drawn, and what is done with ties."""

from __future__ import annotations

from collections import Counter
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import numpy as np
import pytest
from evolution_toys import NUMBERS, rng

from autodas.core.results import Ok
from autodas.evolution import (
    NSGA2,
    AdaptiveElite,
    Algorithm,
    ArmResult,
    Bracket,
    Candidate,
    EliteEvolution,
    FixedElite,
    Individual,
    Origin,
    RandomSearch,
    Rates,
    RegularisedEvolution,
    Request,
    Resident,
    Rung,
    RungRecord,
    Snapshot,
    Standing,
    Told,
    Tournament,
    Variation,
    merged,
    revived,
)
from autodas.evolution.history import GenerationRecord


def bred(algorithm, points):
    """Candidates of the generation after one in which these points were told, in order of id."""
    algorithm.ask()
    algorithm.tell([Ok(float(point[0])) for point in points], points)
    return algorithm.ask()


def shares(candidates):
    counts = Counter(str(each.origin.value) for each in candidates)
    return {name: count / len(candidates) for name, count in counts.items()}


def falling(count):
    """Points of which each dominates all later ones: rank and id are the same."""
    return [(float(-i), float(-i)) for i in range(count)]


def test_elites_are_those_of_the_paper_unless_named():
    assert [AdaptiveElite().ratio(t) for t in (0.0, 0.5, 1.0)] == pytest.approx([0.5, 0.3, 0.1])
    assert [FixedElite().ratio(t) for t in (0.0, 1.0)] == [0.2, 0.2]
    source = rng()
    draws = np.bincount([Tournament().draw(4, 0.0, source) for _ in range(8000)])
    # the best of three even draws from 4: ranks 0..3 with probability 37, 19, 7, 1 of 64
    assert draws / 8000 == pytest.approx(np.array([37, 19, 7, 1]) / 64, abs=0.02)
    assert Tournament().ratio(0.5) == 1.0  # anyone can become a parent


def test_an_elite_of_one_has_the_best_as_every_parent_whatever_the_pressure():
    assert AdaptiveElite(0.1, 0.1, 1.0).draw(5, 0.0, rng()) == 0


def test_elite_evolution_draws_a_tenth_anew_and_crosses_half_of_the_rest():
    algorithm = EliteEvolution(NUMBERS, population=1000, generations=3, seed=0)
    found = shares(bred(algorithm, falling(1000)))
    assert found["newcomer"] == 0.1
    assert found["crossover"] == pytest.approx(0.45, abs=0.05)
    rounded = EliteEvolution(NUMBERS, population=10, generations=3, seed=0, newcomers=0.27)
    assert shares(bred(rounded, falling(10)))["newcomer"] == 0.3


def test_nsga2_draws_a_tenth_anew_and_crosses_nine_tenths_of_the_rest():
    algorithm = NSGA2(NUMBERS, population=300, generations=3, seed=0)
    found = shares(bred(algorithm, falling(300)))
    assert found["newcomer"] == 0.1
    assert found["crossover"] == pytest.approx(0.81, abs=0.05)


def mutated_of_two(kind, **settings):
    """The share of the children of two parents that were mutated as well."""
    touched = []
    counted = Variation(
        NUMBERS.random,
        lambda genome, source: touched.append(genome) or NUMBERS.mutate(genome, source),
        NUMBERS.crossover,
        str,
    )
    algorithm = kind(counted, population=300, generations=3, seed=0, **settings)
    candidates = bred(algorithm, falling(300))
    crossed = sum(len(each.parents) == 2 for each in candidates)
    of_one = sum(len(each.parents) == 1 for each in candidates)
    return (len(touched) - of_one) / crossed


def test_half_of_the_children_of_two_are_mutated_unless_told_otherwise():
    assert mutated_of_two(NSGA2) == pytest.approx(0.5, abs=0.1)
    assert mutated_of_two(EliteEvolution) == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize(("rate", "tolerance"), [(0.0, 0.0), (0.1, 0.06), (1.0, 0.0)])
def test_as_many_of_the_children_of_two_are_mutated_as_the_rate_says(rate, tolerance):
    share = mutated_of_two(NSGA2, rates=Rates(crossover=1.0, mutation=rate))
    assert share == pytest.approx(rate, abs=tolerance)


def test_parents_of_nsga2_win_tournaments_of_two():
    algorithm = NSGA2(
        NUMBERS, population=400, generations=3, seed=0, newcomers=0.0, rates=Rates(crossover=0.0)
    )
    candidates = bred(algorithm, falling(400))
    upper = np.mean([each.parents[0] < 200 for each in candidates])
    assert upper == pytest.approx(3 / 4, abs=0.05)  # of three it would be 7/8


@pytest.mark.parametrize("points", [[(1.0, 2.0, 3.0)] * 4, [(0.0, 0.0, 0.0)] * 4])
def test_of_exact_equals_in_three_objectives_the_first_told_stays(points):
    algorithm = NSGA2(NUMBERS, population=4, generations=3, seed=0)
    first = algorithm.ask()
    algorithm.tell([Ok(0.0)] * 4, points)
    algorithm.ask()
    algorithm.tell([Ok(0.0)] * 4, points)
    assert [each.candidate.id for each in algorithm.population] == [each.id for each in first]
    assert len(algorithm.front) == 4


def test_what_is_better_in_the_third_objective_alone_is_in_front():
    algorithm = NSGA2(NUMBERS, population=4, generations=3, seed=0)
    algorithm.ask()
    algorithm.tell(
        [Ok(0.0)] * 4, [(1.0, 1.0, 0.0), (1.0, 1.0, 1.0), (1.0, 0.0, 1.0), (2.0, 0.0, 0.0)]
    )
    assert [each.candidate.id for each in algorithm.front] == [1, 3]


def test_regularised_evolution_holds_tournaments_of_ten_different_ones_and_only_mutates():
    algorithm = RegularisedEvolution(NUMBERS, population=10, generations=3, seed=0, children=10)
    candidates = bred(algorithm, [(float(i == 6),) for i in range(10)])
    # All ten take part, so the best is always the parent.
    assert {each.parents for each in candidates} == {(6,)}
    algorithm = RegularisedEvolution(NUMBERS, population=40, generations=3, seed=0, children=40)
    assert shares(bred(algorithm, falling(40))) == {"mutation": 1.0}


def test_regularised_evolution_asks_for_one_child_at_a_time_as_real_et_al_do():
    algorithm = RegularisedEvolution(NUMBERS, population=10, generations=3, seed=0)
    assert len(bred(algorithm, falling(10))) == 1


def record(median=None, **counts):
    return GenerationRecord(
        generation=1, evaluated=4, best=1.0, best_now=1.0, median=median, elite_ratio=None,
        distinct_keys=4, distinct_fitness=4, failures=counts, origins=counts,
    )  # fmt: skip


def test_the_median_of_islands_is_the_middle_one():
    assert merged([record(each) for each in (0.9, 0.1, None, 0.4)]).median == 0.4
    assert merged([record(each) for each in (5.0, 1.0, 4.0, 2.0, 3.0)]).median == 3.0
    assert merged([record()]).median is None


def test_the_elite_of_islands_is_that_of_those_that_bred():
    first, second = replace(record(), elite_ratio=0.3), record()
    assert merged([first, second]).elite_ratio == merged([second, first]).elite_ratio == 0.3
    assert merged([second]).elite_ratio is None


def test_counts_of_islands_are_added_up_by_name():
    found = merged([record(a=3, b=1), record(a=1), record(a=3, c=2)])
    assert found.failures == found.origins == {"a": 7, "b": 1, "c": 2}


@pytest.mark.parametrize(("number", "origin"), [(-1, "newcomer"), (0, "random"), (1, "random")])
def test_those_from_elsewhere_are_newcomers(number, origin):
    found = revived(Resident(number, "7", 1.0, (2.0,)), int)
    assert found == Individual(
        Candidate(number, 7, "7", Origin(origin), parents=(), generation=0), Ok(1.0), (2.0,)
    )


@pytest.mark.parametrize("name", ["_propose", "_survivors"])
def test_an_algorithm_says_both_what_it_asks_and_what_it_keeps(name):
    parts = {"_propose": RandomSearch._propose, "_survivors": RandomSearch._survivors}
    assert type("Whole", (Algorithm,), dict(parts))(NUMBERS, population=2, generations=1, seed=0)
    part = type("Part", (Algorithm,), {name: parts[name]})
    with pytest.raises(TypeError, match="abstract"):
        part(NUMBERS, population=2, generations=1, seed=0)


def drawn_by(selection, **settings):
    """A search that crosses whatever it can, and how often it drew a parent for a generation."""
    drawn = []

    class Counted:
        ratio = selection.ratio

        def draw(self, *arguments):
            drawn.append(selection.draw(*arguments))
            return drawn[-1]

    algorithm = EliteEvolution(
        NUMBERS, population=10, generations=3, seed=0, selection=Counted(), newcomers=0.0,
        rates=Rates(1.0, 0.0), **settings,
    )  # fmt: skip
    return bred(algorithm, falling(10)), drawn


def test_a_mother_that_is_the_whole_elite_is_given_up_after_eight_more_draws():
    candidates, drawn = drawn_by(FixedElite(0.1))
    assert shares(candidates) == {"mutation": 1.0}
    assert drawn == [0] * 10 * (1 + 8)


@pytest.mark.parametrize(("attempts", "times"), [(1, 1), (3, 3), (None, 50)])
def test_what_is_known_is_bred_again_so_often_and_then_drawn(attempts, times):
    calls = []
    fresh = iter(range(4))

    def random(source):
        calls.append("random")
        return next(fresh)

    def mutate(genome, source):
        calls.append("mutate")
        return genome

    settings = {} if attempts is None else {"attempts": attempts}
    variation = Variation(random, mutate, NUMBERS.crossover, str)
    algorithm = EliteEvolution(
        variation, population=2, generations=3, seed=0, newcomers=0.0,
        rates=Rates(0.0, 0.0), **settings,
    )  # fmt: skip
    algorithm.ask()
    algorithm.tell([Ok(0.0)] * 2)
    calls.clear()
    # Both places breed what is known; the first draw for either is new.
    assert [each.key for each in algorithm.ask()] == ["2", "3"]
    assert calls == [*["mutate"] * times, "random"] * 2


@pytest.mark.parametrize("attempts", [1, 4])
def test_a_place_stays_empty_once_nothing_new_was_drawn_as_often(attempts):
    calls = []

    def random(source):
        calls.append("random")
        return 7

    variation = Variation(random, NUMBERS.mutate, NUMBERS.crossover, str)
    algorithm = RandomSearch(variation, population=2, generations=3, seed=0, attempts=attempts)
    assert [each.genome for each in algorithm.ask()] == [7]
    # Once for the first place; for the second it is known, proposed or drawn.
    assert len(calls) == 1 + 2 * attempts


def test_the_least_of_every_setting_is_allowed_and_the_most():
    least = {"population": 2, "generations": 1, "seed": 0, "attempts": 1}
    assert RegularisedEvolution(NUMBERS, sample=1, children=1, **least).sample == 1
    assert RegularisedEvolution(NUMBERS, sample=2, children=2, **least).children == 2
    assert EliteEvolution(NUMBERS, newcomers=0.0, twins=1, **least).twins == 1
    assert (AdaptiveElite(1.0, 1.0, 0.0).p_min, AdaptiveElite(1.0, 1.0, 1.0).pressure) == (1, 1)
    assert (FixedElite(1.0, 0.0).p, FixedElite(1.0, 1.0).pressure) == (1, 1)
    assert Tournament(1).draw(1, 0.0, rng()) == 0
    assert (Rates(0.0, 0.0).crossover, Rates(1.0, 1.0).mutation) == (0, 1)


SOMEONE = Individual(Candidate(0, 7, "7", Origin.RANDOM, (), 0), Ok(1.0))


@pytest.mark.parametrize(
    ("what", "field"),
    [
        (AdaptiveElite(), "p_max"),
        (FixedElite(), "p"),
        (Tournament(), "k"),
        (Rates(), "crossover"),
        (NUMBERS, "key"),
        (SOMEONE, "fitness"),
        (SOMEONE.candidate, "key"),
        (Told(("7",), (Ok(1.0),)), "keys"),
        (record(), "best"),
        (Resident(0, "7", 1.0), "key"),
        (Snapshot(), "asked"),
        (Bracket(), "rungs"),
        (Rung(Fraction(1), 1, Fraction(1)), "arms"),
        (Request("a", "a", Fraction(1), 0), "rung"),
        (ArmResult("a", Fraction(1), Ok(1.0)), "result"),
        (RungRecord(0, Fraction(1), ("a",), (Ok(1.0),), ("a",), {}, Fraction(1)), "promoted"),
        (Standing("a", "a", None, None), "rung"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_is_shared_cannot_be_changed(what, field):
    with pytest.raises(FrozenInstanceError):
        setattr(what, field, getattr(what, field))
