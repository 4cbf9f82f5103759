"""Mutation and crossover: parents stay, children are well typed, sensible and within limits."""

from __future__ import annotations

import numpy as np
import pytest
from expression_samples import TYPES
from hypothesis import given, settings
from hypothesis import strategies as st

from autodas.core.values import SCALAR
from autodas.expressions import (
    MUTATIONS,
    Grammar,
    crossover,
    grow,
    mutate,
    parse,
    to_text,
    type_of,
    walk,
)

SEEDS = st.integers(0, 2**32)


def check(child, grammar, max_size, max_depth):
    assert type_of(child, TYPES) == SCALAR
    assert grammar.objection(child) == ""
    assert child.size <= max_size
    assert child.depth <= max_depth


@pytest.mark.parametrize("name", [*MUTATIONS, "any"])
@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, max_size=st.integers(6, 30), max_depth=st.integers(6, 14))
def test_mutants_are_valid_and_the_parent_stays(grammar, name, seed, max_size, max_depth):
    rng = np.random.default_rng(seed)
    parent = grow(grammar, rng, max_size=max_size, max_depth=max_depth)
    text = to_text(parent)
    weights = None if name == "any" else {other: float(other == name) for other in MUTATIONS}
    child = mutate(parent, grammar, rng, max_size=max_size, max_depth=max_depth, weights=weights)
    check(child, grammar, max_size, max_depth)
    assert child != parent
    assert to_text(parent) == text


@settings(max_examples=200, deadline=None)
@given(seed=SEEDS, max_size=st.integers(6, 30), max_depth=st.integers(6, 14))
def test_crossover_children_are_valid_and_parents_stay(grammar, seed, max_size, max_depth):
    rng = np.random.default_rng(seed)
    first, second = (grow(grammar, rng, max_size=max_size, max_depth=max_depth) for _ in range(2))
    texts = to_text(first), to_text(second)
    child = crossover(first, second, grammar, rng, max_size=max_size, max_depth=max_depth)
    check(child, grammar, max_size, max_depth)
    assert (to_text(first), to_text(second)) == texts
    donors = {node for _, node in walk(second)}
    assert child == first or donors & {node for _, node in walk(child)}


def test_variation_is_reproducible(grammar):
    def run():
        rng = np.random.default_rng(5)
        a, b = grow(grammar, rng), grow(grammar, rng)
        return mutate(a, grammar, rng), crossover(a, b, grammar, rng)

    assert run() == run()


def test_each_mutation_does_what_its_name_says(grammar):
    parent = parse("add(layers_mean(log(l2(sqrt(weight)))), layers_last(cka))")
    rng = np.random.default_rng(0)
    only = {name: {other: float(other == name) for other in MUTATIONS} for name in MUTATIONS}
    children = {
        name: [mutate(parent, grammar, rng, weights=only[name]) for _ in range(40)]
        for name in MUTATIONS
    }
    leaves = [node.name for _, node in walk(parent)]
    for child in children["leaf"]:
        names = [node.name for _, node in walk(child)]
        assert sum(a != b for a, b in zip(names, leaves, strict=True)) == 1
    for child in children["point"]:
        assert child.size == parent.size
        assert child.leaves == parent.leaves
    assert all(child.size > parent.size for child in children["insert"])
    assert all(child.size < parent.size for child in children["hoist"])
    assert len({child.size for child in children["subtree"]}) > 3
    assert all(len(set(made)) > 1 for name, made in children.items() if name != "leaf")


def test_a_crossover_without_a_partner_gives_the_first_parent(grammar):
    first = parse("layers_mean(cka)")
    assert crossover(first, first, grammar, np.random.default_rng(0)) == first


def test_a_parent_beyond_the_grammar_can_still_vary():
    # Written by hand, with a composition that would never be grown.
    leaves = {"weight": TYPES["weight"]}
    grammar = Grammar(leaves)
    parent = parse("layers_mean(mean(standardise(tanh(weight))))")
    assert grammar.objection(parent)
    rng = np.random.default_rng(0)
    for _ in range(50):
        child = mutate(parent, grammar, rng)
        assert type_of(child, leaves) == SCALAR
        assert child != parent


def test_a_full_parent_yields_a_child_within_the_limit(grammar):
    rng = np.random.default_rng(0)
    parent = grow(grammar, rng, max_size=25)
    for _ in range(30):
        assert mutate(parent, grammar, rng, max_size=4, max_depth=4).size <= 4
