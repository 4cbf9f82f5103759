"""What was found is a value: it cannot be changed, and holds its place in sets and dictionaries."""

import dataclasses

import numpy as np
import pytest

from autodas.fitness import (
    BinnedTau,
    Choice,
    Combination,
    Correlation,
    FamilyFeatures,
    Fitness,
    Goal,
    Interval,
    Yardstick,
    top1_regret,
    top_of_list,
)

X = np.arange(4.0)
WITH_ARRAYS = [Goal("a", X), FamilyFeatures(X[:, None], X, "a"), Combination((0,), np.ones(1))]
PLAIN = [
    BinnedTau(0.5, 2, 16),
    Choice(1, 0.0, 0.0, 0.0),
    Correlation(0.5, 4),
    Interval(0.5, 0.4, 0.6),
    Yardstick(X, X, X, n_boot=2).row(X).value,
    top1_regret(X, X, X).value[0],
    top_of_list(X, X).value,
]


def name(value):
    return type(value).__name__


@pytest.mark.parametrize("value", [*PLAIN, *WITH_ARRAYS, Fitness(0.5, {"a": 0.5})], ids=name)
def test_what_was_found_cannot_be_changed(value):
    first = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, first, getattr(value, first))


@pytest.mark.parametrize("value", PLAIN, ids=name)
def test_equal_numbers_are_equal_values(value):
    assert len({value, dataclasses.replace(value)}) == 1


@pytest.mark.parametrize("value", WITH_ARRAYS, ids=name)
def test_what_holds_arrays_equals_itself_alone(value):
    assert len({value, value, dataclasses.replace(value)}) == 2
