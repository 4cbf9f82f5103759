"""A pickle of plain containers is read as what was pickled; anything else is refused."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.opcodes import ACTIONS, CONSTANTS, Machine, Mark, Refused, describe

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=12,
)


def machine():
    return Machine(CONSTANTS, ACTIONS)


def same(one, other):
    """Equal, and of the same types all the way down."""
    return repr(one) == repr(other)


@given(PLAIN, st.sampled_from([2, 3]))
def test_what_was_pickled_comes_back(value, protocol):
    if protocol == 2 and "b'" in repr(value):
        protocol = 3  # bytes were calls before
    assert same(machine().run(pickle.dumps(value, protocol=protocol)), value)


@pytest.mark.parametrize("value", [(1, 2, 3), (1, 2), (1,), (), {"a": 1}, [(3, 2, 1), {"b": [0]}]])
def test_order_within_tuples_and_dictionaries_is_kept(value):
    assert same(machine().run(pickle.dumps(value, protocol=2)), value)


def test_a_mark_at_the_very_bottom_is_found_and_a_missing_one_refused():
    marked = machine()
    marked.stack = [Mark(), 1, 2]
    assert marked.since_mark() == [1, 2]
    assert marked.stack == []
    for stack in ([1], [1, 2, 3]):
        marked.stack = stack
        with pytest.raises(Refused, match="a mark is missing"):
            marked.since_mark()


def test_only_the_container_on_top_takes_items():
    holder = machine()
    holder.stack = [[], 7]
    with pytest.raises(Refused, match="no list"):
        holder.append([1])
    holder.stack = [{}, 7]
    with pytest.raises(Refused, match="no dictionary"):
        holder.set_items(["a", 1])


def test_a_damage_is_told_in_eighty_characters():
    assert describe(ValueError("x " * 100)) == ("x " * 40)[:80]
    assert describe(ValueError("")) == "ValueError"
