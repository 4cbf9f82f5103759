"""How ways to teach are written, and what they are called in tables."""

import pytest

from autodas.core.errors import InvalidInput
from autodas.workbench.ways import in_words, named_ways, refuse_twins, way_of, ways_among


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


def test_a_path_that_holds_the_sign_of_joining_is_refused_as_such(tmp_path):
    file = tmp_path / "a+b.safetensors"
    file.touch()
    with pytest.raises(InvalidInput, match=r"the path of one cannot hold it; give the file .*a\+b"):
        way_of(str(file))


def test_one_network_under_two_names_is_refused():
    one, other = "untrained:digits-cnn-teacher", "untrained:digits-cnn-teacher/9"
    refuse_twins([one, other, one, "none"])
    with pytest.raises(InvalidInput, match=f"'{one}' and '{one}/10' are one network"):
        refuse_twins([one, other, f"{one}/10"])


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
