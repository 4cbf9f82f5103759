"""Islands: what goes from epoch to epoch and from island to island."""

import json

import pytest
from evolution_toys import ALGORITHMS, ONE_MAX, one_max, search, step

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok
from autodas.evolution import Asked, Resident, Snapshot, merged, restore, snapshot

# Where a population grows old, when somebody was born matters, which a snapshot does not say.
NAMES = [name for name in ALGORITHMS if name != "regularised"]
every_algorithm = pytest.mark.parametrize("name", NAMES)


def genome(key):
    return tuple(int(bit) for bit in key)


def seen_of(keys):
    found = Asked()
    found.update(keys)
    return found


def resident(ones, id_=0):
    key = "1" * ones + "0" * (20 - ones)
    return Resident(id_, key, float(ones), (float(ones), -float(sum(genome(key)[:6]))))


@every_algorithm
def test_an_island_goes_on_as_if_nothing_had_happened(name):
    whole = ALGORITHMS[name](ONE_MAX)
    asked, _ = search(whole, one_max)
    first = ALGORITHMS[name](ONE_MAX)
    seen = [each.key for _ in range(4) for each in step(first, one_max)[0]]
    text = json.dumps(snapshot(first).to_json())
    second = ALGORITHMS[name](ONE_MAX)
    restore(second, Snapshot.from_json(json.loads(text)), seen_of(seen), genome)
    later, _ = search(second, one_max)
    assert [*seen, *(each.key for each in later)] == [each.key for each in asked]
    assert [each.id for each in later] == [each.id for each in asked[len(seen) :]]
    assert first.history + second.history == whole.history
    assert second.best.candidate.key == whole.best.candidate.key
    assert snapshot(second) == snapshot(whole)


@every_algorithm
def test_immigrants_join_and_are_never_asked(name):
    first = ALGORITHMS[name](ONE_MAX)
    seen = [each.key for each in step(first, one_max)[0]]
    second = ALGORITHMS[name](ONE_MAX)
    stranger = resident(20)
    earlier = snapshot(first)
    restore(second, earlier, seen_of(seen), genome, [stranger, earlier.residents[0]])
    assert second.best.candidate.key == stranger.key
    keys = [each.candidate.key for each in second.population]
    assert stranger.key in keys
    assert len(set(keys)) == len(keys) <= 20
    later, _ = search(second, one_max)
    assert stranger.key not in {each.key for each in later}
    ids = [each.candidate.id for each in second.population]
    assert len(set(ids)) == len(ids)


def test_immigrants_of_two_epochs_have_different_numbers():
    first = ALGORITHMS["elite_adaptive"](ONE_MAX)
    restore(first, Snapshot(1, 0, (resident(5),)), Asked(), genome, [resident(9), resident(8)])
    second = ALGORITHMS["elite_adaptive"](ONE_MAX)
    restore(second, snapshot(first), Asked(), genome, [resident(7)])
    assert [each.candidate.id for each in second.population] == [-1, -2, -3, 0]


def test_immigrants_of_a_fresh_island_are_numbered_below_zero():
    algorithm = ALGORITHMS["elite_adaptive"](ONE_MAX)
    restore(algorithm, Snapshot(), Asked(), genome, [resident(9), resident(8)])
    assert [each.candidate.id for each in algorithm.population] == [-1, -2]


def test_a_fresh_island_asks_at_random():
    algorithm = ALGORITHMS["elite_adaptive"](ONE_MAX)
    restore(algorithm, Snapshot(), Asked(), genome)
    assert (algorithm.generation, algorithm.asked) == (0, 0)
    candidates = algorithm.ask()
    assert {each.origin for each in candidates} == {"random"}
    assert [each.id for each in candidates] == list(range(20))
    with pytest.raises(InvalidInput, match="only a fresh search"):
        restore(algorithm, Snapshot(), Asked(), genome)


def test_the_best_goes_along_where_the_population_lost_it():
    first = ALGORITHMS["regularised"](ONE_MAX, population=2, sample=1, children=2)
    first.ask()
    first.tell([Ok(99.0), Ok(1.0)])
    first.ask()
    first.tell([Ok(2.0), Ok(3.0)])
    earlier = Snapshot.from_json(json.loads(json.dumps(snapshot(first).to_json())))
    assert [each.fitness for each in earlier.residents] == [2.0, 3.0]
    assert earlier.best.fitness == 99.0
    second = ALGORITHMS["regularised"](ONE_MAX, population=2, sample=1, children=2)
    restore(second, earlier, Asked(), genome)
    assert second.best.value == 99.0
    assert second.best.candidate.key == first.best.candidate.key


def test_an_island_on_which_all_failed_has_no_best():
    first = ALGORITHMS["elite_adaptive"](ONE_MAX)
    first.tell([Failed("crash")] * len(first.ask()))
    earlier = Snapshot.from_json(json.loads(json.dumps(snapshot(first).to_json())))
    assert earlier == Snapshot(generation=1, asked=20, residents=(), best=None)
    second = ALGORITHMS["elite_adaptive"](ONE_MAX)
    restore(second, earlier, Asked(), genome)
    assert second.best is None


@pytest.mark.parametrize("told", [8, 9])
def test_an_island_that_was_told_all_generations_or_more_is_finished(told):
    algorithm = ALGORITHMS["elite_adaptive"](ONE_MAX, generations=8)
    restore(algorithm, Snapshot(told, 180, (resident(5),)), Asked(), genome)
    assert algorithm.finished
    assert algorithm.progress == 1.0
    with pytest.raises(InvalidInput, match=f"finished after {told} generations"):
        algorithm.ask()


@pytest.mark.parametrize("record", [{}, {"generation": "x"}, {"generation": 1, "asked": 2}])
def test_a_record_that_is_none_is_refused(record):
    with pytest.raises(InvalidInput, match="not a record of an island"):
        Snapshot.from_json(record)


def test_records_of_islands_are_added_up():
    first, second = ALGORITHMS["elite_adaptive"](ONE_MAX), ALGORITHMS["random"](ONE_MAX, seed=1)
    search(first, one_max)
    search(second, one_max)
    found = merged([first.history[3], second.history[3]])
    assert found.generation == 3
    assert found.evaluated == first.history[3].evaluated + second.history[3].evaluated
    assert found.best == max(first.history[3].best, second.history[3].best)
    assert sum(found.origins.values()) == 40
    assert sum(found.failures.values()) == sum(
        sum(each.history[3].failures.values()) for each in (first, second)
    )
