"""What every algorithm promises, whatever it is."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from evolution_toys import ALGORITHMS, ONE_MAX, TOYS, one_max, search, step

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok
from autodas.evolution import Told, Variation, replay

every_algorithm = pytest.mark.parametrize("name", ALGORITHMS)
every_toy = pytest.mark.parametrize("toy", TOYS)


@every_algorithm
@every_toy
def test_no_genome_is_asked_twice(name, toy):
    variation, evaluate = TOYS[toy]
    asked, _ = search(ALGORITHMS[name](variation), evaluate)
    assert len(asked) > 80
    assert max(Counter(each.key for each in asked).values()) == 1
    assert [each.id for each in asked] == list(range(len(asked)))


@every_algorithm
@every_toy
def test_the_best_ever_told_is_kept(name, toy):
    variation, evaluate = TOYS[toy]
    algorithm = ALGORITHMS[name](variation)
    asked, _ = search(algorithm, evaluate)
    results = {each.key: evaluate(each.genome) for each in asked}
    values = [r.value for r in results.values() if isinstance(r, Ok)]
    assert algorithm.best.value == max(values)
    bests = [record.best for record in algorithm.history]
    assert bests == sorted(bests)
    assert bests[-1] == max(values)


@every_algorithm
@every_toy
def test_children_name_their_parents(name, toy):
    variation, evaluate = TOYS[toy]
    asked, _ = search(ALGORITHMS[name](variation), evaluate)
    number = {"random": {0}, "newcomer": {0}, "mutation": {1}, "crossover": {2}}
    for each in asked:
        assert len(each.parents) in number[each.origin]
        assert all(asked[parent].generation < each.generation for parent in each.parents)
        assert len(set(each.parents)) == len(each.parents)


@every_algorithm
@every_toy
def test_a_failed_candidate_is_never_a_parent_nor_the_best(name, toy):
    variation, evaluate = TOYS[toy]
    algorithm = ALGORITHMS[name](variation)
    asked, _ = search(algorithm, evaluate)
    failed = {each.id for each in asked if isinstance(evaluate(each.genome), Failed)}
    if toy == "one_max":
        assert failed
    assert not failed & {parent for each in asked for parent in each.parents}
    assert all(isinstance(each.fitness, Ok) for each in (*algorithm.population, algorithm.best))
    counted = sum(sum(record.failures.values()) for record in algorithm.history)
    assert algorithm.failures == counted == len(failed)


@every_algorithm
def test_generations_in_which_everything_failed_recover(name):
    algorithm = ALGORITHMS[name](ONE_MAX)
    for _ in range(2):
        candidates = algorithm.ask()
        assert {each.origin for each in candidates} == {"random"}
        algorithm.tell([Failed("no memory")] * len(candidates))
        assert algorithm.best is None
        assert algorithm.population == ()
    assert algorithm.history[-1].failures == {"no memory": 20}
    assert algorithm.history[-1].best is None
    assert algorithm.history[-1].median is None
    search(algorithm, one_max)
    assert algorithm.best.value >= 13
    assert len(algorithm.population) == 20


@every_algorithm
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_fitness_that_is_no_number_counts_as_a_failure(name, bad):
    algorithm = ALGORITHMS[name](ONE_MAX)
    n = len(algorithm.ask())
    algorithm.tell([Ok(bad), *(Ok(float(i)) for i in range(1, n))], [(1.0,)] * n)
    assert algorithm.best.value == n - 1
    assert algorithm.history[0].failures == {"fitness is not a finite number": 1}
    assert len(algorithm.population) == n - 1


@every_algorithm
@every_toy
def test_replay_gives_what_the_undisturbed_run_gives(name, toy):
    variation, evaluate = TOYS[toy]
    whole = ALGORITHMS[name](variation, seed=3)
    asked, told = search(whole, evaluate)
    for cut in (0, 1, 4):
        journal = [json.loads(json.dumps(each.to_json())) for each in told[:cut]]
        resumed = ALGORITHMS[name](variation, seed=3)
        replay(resumed, map(Told.from_json, journal))
        rest, _ = search(resumed, evaluate)
        assert rest == asked[sum(len(each.keys) for each in told[:cut]) :]
        assert resumed.history == whole.history
        assert resumed.best == whole.best


def test_replay_refuses_the_journal_of_another_run():
    _, told = search(ALGORITHMS["elite_adaptive"](ONE_MAX, seed=1), one_max)
    with pytest.raises(InvalidInput, match="settings or code have changed"):
        replay(ALGORITHMS["elite_adaptive"](ONE_MAX, seed=2), told)


@pytest.mark.parametrize("record", [{}, {"keys": [], "fitness": ["high"], "objectives": []}])
def test_a_record_that_is_none_is_refused(record):
    with pytest.raises(InvalidInput, match="told generation"):
        Told.from_json(record)


@every_algorithm
def test_different_seeds_ask_different_candidates(name):
    first = ALGORITHMS[name](ONE_MAX, seed=0).ask()
    second = ALGORITHMS[name](ONE_MAX, seed=1).ask()
    assert {each.key for each in first} != {each.key for each in second}


CHILD = """
import sys
from evolution_toys import ALGORITHMS, TOYS, search
for name in ALGORITHMS:
    for toy, (variation, evaluate) in TOYS.items():
        asked, _ = search(ALGORITHMS[name](variation, seed=5), evaluate)
        print(name, toy, [each.key for each in asked])
"""


def test_fresh_processes_with_different_hash_seeds_agree():
    def run(hash_seed):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        return subprocess.run(
            [sys.executable, "-c", CHILD], env=environment, capture_output=True, check=True
        ).stdout

    first = run("1")
    assert first.count(b"\n") == len(ALGORITHMS) * len(TOYS)
    assert first == run("2")


@every_algorithm
def test_ask_and_tell_must_alternate(name):
    algorithm = ALGORITHMS[name](ONE_MAX)
    with pytest.raises(InvalidInput, match="before ask"):
        algorithm.tell([])
    algorithm.ask()
    with pytest.raises(InvalidInput, match="twice"):
        algorithm.ask()


@every_algorithm
def test_results_that_do_not_fit_change_nothing(name):
    algorithm = ALGORITHMS[name](ONE_MAX)
    undisturbed = ALGORITHMS[name](ONE_MAX)
    candidates = algorithm.ask()
    with pytest.raises(InvalidInput, match="20 candidates were asked, 19 results"):
        algorithm.tell([Ok(1.0)] * 19)
    with pytest.raises(InvalidInput, match="objectives of 3"):
        algorithm.tell([Ok(1.0)] * 20, [(1.0,)] * 3)
    assert algorithm.generation == 0
    assert undisturbed.ask() == candidates
    for each in (algorithm, undisturbed):
        each.tell(
            [one_max(c.genome) for c in candidates], [(float(sum(c.genome)),) for c in candidates]
        )
    assert algorithm.ask() == undisturbed.ask()


@every_algorithm
def test_a_finished_search_asks_no_more(name):
    algorithm = ALGORITHMS[name](ONE_MAX, generations=2)
    search(algorithm, one_max)
    assert algorithm.generation == 2
    with pytest.raises(InvalidInput, match="finished after 2 generations"):
        algorithm.ask()


@every_algorithm
def test_a_small_space_is_searched_whole_and_then_the_search_ends(name):
    def random(rng):
        return (int(rng.integers(5)), int(rng.integers(5)))

    variation = Variation(
        random,
        lambda pair, rng: (pair[0], int(rng.integers(5))),
        lambda a, b, rng: (a[0], b[1]),
        str,
    )
    algorithm = ALGORITHMS[name](variation, attempts=200)
    asked = []
    while not algorithm.finished:
        candidates = algorithm.ask()
        asked += candidates
        if candidates:
            algorithm.tell(
                [Ok(float(sum(c.genome))) for c in candidates], [(1.0,)] * len(candidates)
            )
    assert len(asked) == 25
    assert algorithm.best.value == 8.0
    assert algorithm.generation < 8


@every_algorithm
def test_history_adds_up(name):
    algorithm = ALGORITHMS[name](ONE_MAX)
    for generation in range(3):
        candidates, told = step(algorithm, one_max)
        record = algorithm.history[-1]
        fine = sorted(r.value for r in told.fitness if isinstance(r, Ok))
        assert record.generation == generation
        assert sum(record.origins.values()) == len(candidates)
        assert record.best_now == fine[-1]
        assert record.median == np.median(fine)
        assert record.evaluated == candidates[-1].id + 1
        assert record.distinct_keys == len(algorithm.population)
        assert record.distinct_fitness == len({each.value for each in algorithm.population})
        assert json.loads(json.dumps(record.to_json())) == record.to_json()
    assert record.evaluated == sum(sum(each.origins.values()) for each in algorithm.history)


@pytest.mark.parametrize("name", [n for n in ALGORITHMS if n != "random"])
def test_breeding_beats_drawing(name):
    def best(kind):
        reached = []
        for seed in range(3):
            algorithm = ALGORITHMS[kind](ONE_MAX, seed=seed, generations=15)
            search(algorithm, one_max)
            reached.append(algorithm.best.value)
        return sum(reached)

    assert best(name) > best("random")


@every_algorithm
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"population": 1}, "population must be at least 2, got 1"),
        ({"generations": 0}, "generations must be at least 1, got 0"),
        ({"attempts": 0}, "attempts must be at least 1, got 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(name, settings, message):
    with pytest.raises(InvalidInput, match=message):
        ALGORITHMS[name](ONE_MAX, **settings)
