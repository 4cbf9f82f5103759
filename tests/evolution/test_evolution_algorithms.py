"""What is particular to one algorithm."""

import numpy as np
import pytest
from evolution_toys import (
    ALGORITHMS,
    NUMBERS,
    ONE_MAX,
    SYMBOLIC,
    one_max,
    rng,
    search,
    step,
    symbolic,
)
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok
from autodas.evolution import (
    NSGA2,
    AdaptiveElite,
    EliteEvolution,
    FixedElite,
    Individual,
    Rates,
    RegularisedEvolution,
    Tournament,
    by_fitness,
    crowding_distance,
    evolve,
    non_dominated_fronts,
)
from autodas.evolution.selection import elite_size


def test_the_adaptive_ratio_by_hand():
    # p(t) = 0.5 - (0.5 - 0.1) t / 4
    selection = AdaptiveElite(p_max=0.5, p_min=0.1)
    assert [selection.ratio(t / 4) for t in range(5)] == pytest.approx([0.5, 0.4, 0.3, 0.2, 0.1])


def test_the_ratio_falls_from_its_maximum_to_its_minimum_over_a_run():
    algorithm = ALGORITHMS["elite_adaptive"](ONE_MAX, generations=6)
    assert algorithm.progress == 0.0
    search(algorithm, one_max)
    ratios = [record.elite_ratio for record in algorithm.history]
    assert ratios[0] is None
    assert ratios[1:] == pytest.approx([0.5, 0.4, 0.3, 0.2, 0.1])
    short = ALGORITHMS["elite_adaptive"](ONE_MAX, generations=3)
    search(short, one_max)
    assert [record.elite_ratio for record in short.history] == [None, 0.5, pytest.approx(0.1)]


@pytest.mark.parametrize("generations", [1, 2])
def test_a_run_too_short_to_have_a_schedule_still_runs(generations):
    algorithm = ALGORITHMS["elite_adaptive"](ONE_MAX, generations=generations)
    search(algorithm, one_max)
    assert algorithm.generation == generations


@pytest.mark.parametrize(
    ("ratio", "n", "size"),
    [
        (0.07, 100, 7),
        (0.5, 20, 10),
        (0.3, 10, 3),
        (0.05, 10, 1),
        (1.0, 7, 7),
        (1e-12, 9, 1),
        (1.0, 1, 1),
    ],
)
def test_elite_sizes_by_hand(ratio, n, size):
    assert elite_size(ratio, n) == size


@pytest.mark.parametrize("selection", [AdaptiveElite(0.5, 0.1), AdaptiveElite(0.5, 0.1, 0.8)])
def test_parents_come_from_the_elite_only(selection):
    source = rng()
    early = [selection.draw(40, 0.0, source) for _ in range(2000)]
    late = [selection.draw(40, 1.0, source) for _ in range(2000)]
    assert set(early) == set(range(20))
    assert set(late) == set(range(4))


def test_pressure_prefers_the_better_ranks():
    source = rng()
    draws = np.bincount([AdaptiveElite(1.0, 1.0, 1.0).draw(5, 0.0, source) for _ in range(8000)])
    # weights 2, 1.5, 1, 0.5, 0 of 5; the last has none
    assert draws / 8000 == pytest.approx([0.4, 0.3, 0.2, 0.1], abs=0.02)


def test_a_tournament_draws_by_the_known_law():
    source = rng()
    draws = np.bincount([Tournament(2).draw(4, 0.0, source) for _ in range(8000)])
    # the best of two even draws from 4: ranks 0..3 with probability 7, 5, 3, 1 of 16
    assert draws / 8000 == pytest.approx(np.array([7, 5, 3, 1]) / 16, abs=0.02)


def test_a_population_never_loses_its_best():
    algorithm = ALGORITHMS["elite_adaptive"](SYMBOLIC)
    previous = []
    while not algorithm.finished:
        step(algorithm, symbolic)
        values = [each.value for each in algorithm.population]
        assert values == sorted(values, reverse=True)
        if previous:
            assert all(now >= then for now, then in zip(values, previous, strict=False))
        previous = values


def test_newcomers_are_drawn_in_every_bred_generation():
    algorithm = EliteEvolution(ONE_MAX, population=20, generations=6, seed=0, newcomers=0.25)
    search(algorithm, one_max)
    assert algorithm.history[0].origins == {"random": 20}
    assert [each.origins["newcomer"] for each in algorithm.history[1:]] == [5] * 5


def test_twins_bound_how_many_equals_survive():
    algorithm = ALGORITHMS["elite_twins"](ONE_MAX)
    search(algorithm, one_max)
    values = [each.value for each in algorithm.population]
    assert max(values.count(value) for value in values) == 2
    plain = ALGORITHMS["elite_adaptive"](ONE_MAX)
    search(plain, one_max)
    assert plain.history[-1].distinct_fitness < algorithm.history[-1].distinct_fitness


def test_rates_of_zero_and_one_are_kept():
    algorithm = EliteEvolution(
        ONE_MAX, population=20, generations=4, seed=0, rates=Rates(crossover=0.0), newcomers=0.0
    )
    search(algorithm, one_max)
    assert [each.origins for each in algorithm.history[1:]] == [{"mutation": 20}] * 3


def test_regularised_evolution_removes_the_oldest_not_the_worst():
    algorithm = RegularisedEvolution(
        ONE_MAX, population=10, generations=30, seed=0, sample=3, children=1
    )
    step(algorithm, lambda bits: Ok(100.0 + sum(bits)))
    first = algorithm.population
    for number in range(1, 6):
        # Every child is worse than everyone before, and still lives.
        step(algorithm, lambda bits: Ok(-100.0))
        assert algorithm.population[: 10 - number] == first[number:]
        assert len(algorithm.population) == 10
    assert algorithm.best.value > 100.0


def test_a_failed_child_ages_nobody_out():
    algorithm = RegularisedEvolution(
        ONE_MAX, population=10, generations=30, seed=0, sample=3, children=2
    )
    step(algorithm, lambda bits: Ok(float(sum(bits))))
    before = algorithm.population
    algorithm.ask()
    algorithm.tell([Failed("crash"), Ok(3.0)])
    assert algorithm.population[:9] == before[1:]
    assert algorithm.population[9].value == 3.0


@pytest.mark.parametrize(("fine", "asked"), [(15, 5), (18, 3), (20, 3), (0, 20)])
def test_a_population_that_failures_left_too_small_is_filled_up_at_random(fine, asked):
    algorithm = RegularisedEvolution(
        NUMBERS, population=20, generations=3, seed=0, sample=3, children=3
    )
    algorithm.ask()
    algorithm.tell([Ok(float(i)) if i < fine else Failed("crash") for i in range(20)])
    origins = [str(each.origin) for each in algorithm.ask()]
    bred = ["mutation"] * 3 if fine else []
    assert origins == bred + ["random"] * (asked - len(bred))


points = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=25
)


def dominates(a, b):
    return all(x >= y for x, y in zip(a, b, strict=True)) and a != b


@given(points)
def test_fronts_equal_those_of_a_brute_force_sort(rows):
    left, expected = set(range(len(rows))), []
    while left:
        front = {i for i in left if not any(dominates(rows[j], rows[i]) for j in left)}
        expected.append(sorted(front))
        left -= front
    found = non_dominated_fronts(np.array(rows, dtype=float))
    assert [list(front) for front in found] == expected


def test_crowding_distance_by_hand():
    # Objective 1 spans 4, objective 2 spans 8.
    front = np.array([[0.0, 8.0], [1.0, 6.0], [2.0, 2.0], [4.0, 0.0]])
    expected = [np.inf, (2 - 0) / 4 + (8 - 2) / 8, (4 - 1) / 4 + (6 - 0) / 8, np.inf]
    assert crowding_distance(front) == pytest.approx(expected)


def test_both_ends_of_an_objective_are_infinitely_far_from_the_others():
    assert crowding_distance(np.array([[4.0], [0.0], [1.0]])) == pytest.approx([np.inf, np.inf, 1])
    # Objective 2 has its ends elsewhere: the fourth is lower than the first.
    front = np.array([[0.0, 4.0], [1.0, 0.0], [2.0, 3.0], [4.0, 5.0]])
    expected = [np.inf, np.inf, (4 - 1) / 4 + (4 - 0) / 5, np.inf]
    assert crowding_distance(front) == pytest.approx(expected)
    assert crowding_distance(np.array([[3.0, 1.0]])) == pytest.approx([0.0])


def test_an_objective_that_is_constant_says_nothing_of_crowding():
    assert crowding_distance(np.array([[1.0], [1.0], [1.0]])) == pytest.approx([0.0, 0.0, 0.0])
    # What comes after it is still said.
    points = np.array([[1.0, 0.0], [1.0, 3.0], [1.0, 4.0]])
    assert crowding_distance(points) == pytest.approx([np.inf, 1.0, np.inf])


def trade(bits):
    ones_left, zeros_right = sum(bits[:10]), 10 - sum(bits[:15])
    return Ok(float(ones_left)), (float(ones_left), float(zeros_right))


def test_the_front_is_what_nobody_dominates():
    algorithm = NSGA2(ONE_MAX, population=30, generations=15, seed=0)
    everything = []
    while not algorithm.finished:
        candidates = algorithm.ask()
        results = [trade(each.genome) for each in candidates]
        everything += [objectives for _, objectives in results]
        algorithm.tell([fitness for fitness, _ in results], [each for _, each in results])
    front = [each.objectives for each in algorithm.front]
    assert len(set(front)) > 3
    assert len(everything) == 450
    assert not any(dominates(a, b) for a in everything for b in front)
    assert len(algorithm.population) == 30


def test_the_front_is_only_part_of_a_population():
    algorithm = NSGA2(ONE_MAX, population=30, generations=3, seed=0)
    candidates = algorithm.ask()
    results = [trade(each.genome) for each in candidates]
    algorithm.tell([fitness for fitness, _ in results], [each for _, each in results])
    points = [each for _, each in results]
    expected = [
        each.id
        for each, point in zip(candidates, points, strict=True)
        if not any(dominates(other, point) for other in points)
    ]
    assert 0 < len(expected) < 30
    assert [each.candidate.id for each in algorithm.front] == expected


def test_a_front_too_large_keeps_its_ends_and_its_loneliest():
    algorithm = NSGA2(ONE_MAX, population=4, generations=3, seed=0, newcomers=0.0)
    algorithm.ask()
    algorithm.tell([Ok(0.0)] * 4, [(0.0, 10.0), (1.0, 9.0), (2.0, 8.0), (10.0, 0.0)])
    algorithm.ask()
    algorithm.tell([Ok(0.0)] * 4, [(5.0, 5.0), (0.5, 9.5), (1.5, 8.5), (0.0, 0.0)])
    kept = {each.objectives for each in algorithm.population}
    assert {(0.0, 10.0), (10.0, 0.0), (5.0, 5.0)} < kept
    assert len(kept) == 4


@pytest.mark.parametrize("objectives", [[], [()] * 20, [(1.0,)] * 19 + [(1.0, 2.0)]])
def test_nsga2_needs_equal_objectives(objectives):
    algorithm = NSGA2(ONE_MAX, population=20, generations=3, seed=0)
    algorithm.ask()
    with pytest.raises(InvalidInput, match="same number of objectives"):
        algorithm.tell([Ok(1.0)] * 20, objectives)
    algorithm.tell([Ok(1.0)] * 20, [(1.0, 2.0)] * 20)


def test_evolve_runs_to_the_end_and_reports_each_generation():
    journal = []
    algorithm = evolve(
        ALGORITHMS["elite_adaptive"](ONE_MAX),
        lambda candidates: [one_max(each.genome) for each in candidates],
        journal.append,
    )
    assert algorithm.finished
    assert len(journal) == 8


def test_evolve_stops_once_so_many_generations_are_told():
    algorithm = ALGORITHMS["elite_adaptive"](ONE_MAX, generations=8)
    told = []
    for until in (3, 3, 2, 5, 99):
        evolve(
            algorithm,
            lambda candidates: [one_max(each.genome) for each in candidates],
            until=until,
        )
        told.append(algorithm.generation)
    assert told == [3, 3, 3, 5, 8]


def test_a_failure_is_below_every_number():
    candidate = ALGORITHMS["random"](ONE_MAX).ask()[0]
    failed = Individual(candidate, Failed("crash"))
    assert failed.value == -np.inf
    assert by_fitness([failed, Individual(candidate, Ok(-1e308))])[0].value == -1e308


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AdaptiveElite(0.1, 0.5), "p_min <= p_max must hold"),
        (lambda: AdaptiveElite(1.5, 0.5), r"p_max must lie in \(0, 1\], got 1.5"),
        (lambda: AdaptiveElite(0.5, 0.0), r"p_min must lie in \(0, 1\], got 0.0"),
        (lambda: AdaptiveElite(0.5, 0.1, 2.0), r"pressure must lie in \[0, 1\], got 2.0"),
        (lambda: FixedElite(0.0), r"p must lie in \(0, 1\], got 0.0"),
        (lambda: FixedElite(0.5, -1.0), r"pressure must lie in \[0, 1\], got -1.0"),
        (lambda: Tournament(0), "at least 1 contestant, got 0"),
        (lambda: Rates(crossover=1.1), r"crossover must lie in \[0, 1\], got 1.1"),
        (lambda: Rates(crossover=-0.1), r"crossover must lie in \[0, 1\], got -0.1"),
        (lambda: Rates(mutation=1.1), r"mutation must lie in \[0, 1\], got 1.1"),
        (lambda: Rates(mutation=-0.1), r"mutation must lie in \[0, 1\], got -0.1"),
        (lambda: AdaptiveElite(0.5, 0.1, 1.1), r"pressure must lie in \[0, 1\], got 1.1"),
        (lambda: AdaptiveElite(0.5, 0.1, -0.1), r"pressure must lie in \[0, 1\], got -0.1"),
        (lambda: FixedElite(1.1), r"p must lie in \(0, 1\], got 1.1"),
        (lambda: ALGORITHMS["elite_adaptive"](ONE_MAX, newcomers=1.0), "newcomers"),
        (lambda: ALGORITHMS["nsga2"](ONE_MAX, newcomers=-0.1), "newcomers"),
        (lambda: ALGORITHMS["elite_adaptive"](ONE_MAX, twins=0), "twins must be at least 1"),
        (lambda: ALGORITHMS["regularised"](ONE_MAX, sample=21), "sample must lie in"),
        (lambda: ALGORITHMS["regularised"](ONE_MAX, sample=0), "sample must lie in"),
        (lambda: ALGORITHMS["regularised"](ONE_MAX, children=0), "children must lie in"),
        (lambda: ALGORITHMS["regularised"](ONE_MAX, children=21), "children must lie in"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()
