"""How ways to teach are written, and what they are called in tables."""

import pytest

from autodas.core.errors import InvalidInput
from autodas.workbench.ways import in_words, named_ways, way_of, ways_among


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("none", ()),
        ("a", ("a",)),
        ("a+b", ("a", "b")),
        ("x/a.safetensors + b", ("x/a.safetensors", "b")),
    ],
)
def test_a_way_is_a_teacher_several_or_none(text, way):
    assert way_of(text) == way
    assert way_of(in_words(way)) == way


@pytest.mark.parametrize("text", ["", "a+", "none+a", "a+a"])
def test_what_is_no_way_is_refused(text):
    with pytest.raises(InvalidInput, match="a way to teach is a teacher, several"):
        way_of(text)


def test_files_are_called_by_their_names_in_the_order_given():
    found = named_ways(["runs/b.safetensors", "none", "a+runs/b.safetensors"])
    assert list(found.items()) == [
        ("b", ("runs/b.safetensors",)),
        ("none", ()),
        ("a+b", ("a", "runs/b.safetensors")),
    ]


def test_two_teachers_of_one_name_are_refused():
    with pytest.raises(InvalidInput, match="two of the teachers are called 'b'"):
        named_ways(["x/b.safetensors", "y/b.safetensors"])


@pytest.mark.parametrize(
    ("teachers", "without", "ways"),
    [
        ((), True, [("t",), ()]),
        ((), False, [("t",)]),
        (("a", "a+b"), True, [("a",), ("a", "b"), ()]),
        (("none", "a"), True, [(), ("a",)]),
        (("none", "a"), False, [(), ("a",)]),
    ],
)
def test_finalists_are_tried_with_all_that_are_named_and_without(teachers, without, ways):
    assert ways_among(teachers, "t", without=without) == ways
