"""A grammar that nobody uses any more leaves the memory, with all that growing has learnt of it."""

from __future__ import annotations

import gc
import weakref

import numpy as np

from autodas.expressions import Grammar, grow
from autodas.scores.score import leaf_types


def test_grammars_that_have_grown_something_are_given_back():
    grammar = Grammar(leaf_types())
    grow(grammar, np.random.default_rng(0))
    left = weakref.ref(grammar)
    del grammar
    gc.collect()
    assert left() is None
