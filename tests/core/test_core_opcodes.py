"""A pickle of plain containers is read as what was pickled; anything else is refused."""

from __future__ import annotations

import collections
import pickle
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.errors import FileProblem
from autodas.core.opcodes import (
    ACTIONS,
    CONSTANTS,
    Machine,
    Mark,
    Name,
    Refused,
    calls,
    describe,
    names,
)

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
    marked.stack = [7, Mark()]
    assert marked.since_mark() == []
    assert marked.stack == [7]
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


def test_a_key_without_its_value_is_a_damage():
    holder = machine()
    holder.stack = [{}]
    with pytest.raises(ValueError, match="shorter"):
        holder.set_items(["a", 1, "b"])
    data = b"\x80\x02}(X\x01\x00\x00\x00au."
    with pytest.raises(FileProblem, match=r"x\.pkl: is damaged or no test file"):
        machine().read(data, "x.pkl", "test file")


CALLS = calls(lambda name, arguments: ["called", name, arguments])


def caller():
    """A machine that knows one name, and says with what it was called."""
    fourth = {"SHORT_BINUNICODE": lambda text: text}
    nothing = dict.fromkeys(("FRAME", "MEMOIZE"), lambda *_: None)
    known = names({"fractions Fraction": "fraction"})
    return Machine({**CONSTANTS, **fourth}, {**ACTIONS, **known, **CALLS, **nothing})


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_known_name_is_a_symbol_and_its_call_what_the_reader_makes_of_it(protocol):
    assert caller().run(pickle.dumps(Fraction, protocol)) == Name("fraction")
    called = caller().run(pickle.dumps(Fraction(1, 3), protocol))
    assert called[:2] == ["called", "fraction"]
    assert isinstance(called[2], tuple)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (collections.OrderedDict(), "it names 'collections.OrderedDict'"),
        (Fraction, "it uses GLOBAL"),
        (1.5, "it uses BINFLOAT"),
    ],
)
def test_what_is_refused_is_said_of_the_file(value, words):
    reader = machine() if "GLOBAL" in words else caller()
    with pytest.raises(FileProblem, match=f"^x.pkl: is not a plain test file: {words}$"):
        reader.read(pickle.dumps(value, protocol=2), "x.pkl", "test file")


@pytest.mark.parametrize("stack", [["fraction", ()], [Name("fraction"), [1]], [(), Name("a")]])
def test_nothing_but_a_name_is_called_with_arguments(stack):
    reader = caller()
    reader.stack = stack
    with pytest.raises(Refused, match="it calls something that is no name"):
        CALLS["REDUCE"](reader, None)


@pytest.mark.parametrize("data", [b"", b"\x80\x02]", b"\x80\x02]].", b"\xff.", b"\x80\x02h\x05."])
def test_what_is_no_whole_pickle_is_damaged_in_one_line(data):
    with pytest.raises(FileProblem, match=r"^x.pkl: is damaged or no test file \(.+\)$"):
        machine().read(data, "x.pkl", "test file")
