"""Two texts of one network are one architecture, and what is no text of one is refused."""

from __future__ import annotations

import numpy as np
import pytest

from autodas.core.errors import InvalidInput
from autodas.spaces import SPACES, ChoiceSpace, Each, get_space
from spellings import spellings


@pytest.fixture(params=SPACES.names(), scope="module")
def space(request):
    return get_space(request.param)


def test_every_spelling_has_one_canonical_text(space):
    rng = np.random.default_rng(0)
    tried = 0
    for text in (space.encode(space.sample(rng)) for _ in range(20)):
        assert space.canonical(text) == text
        for other in spellings(space, text):
            assert space.canonical(other) == text
            tried += 1
    assert tried or space.name == "nasbench201"


def test_a_text_is_refused_where_an_architecture_is_wanted(space):
    text = space.encode(next(iter(space.enumerate())))
    for method in (space.encode, space.build, space.cost):
        with pytest.raises(InvalidInput, match=f"space '{space.name}': an architecture is") as told:
            method(text)
        assert "decode() reads" in str(told.value)


def test_an_architecture_is_refused_where_its_text_is_wanted(space):
    with pytest.raises(InvalidInput, match=f"space '{space.name}': the text of an architecture"):
        space.decode(next(iter(space.enumerate())))


def test_an_architecture_of_another_space_is_refused():
    other = next(iter(get_space("digits-cnn").enumerate()))
    for name in ("digits-vit", "nasbench101", "nasbench201", "autoformer", "pit"):
        with pytest.raises(InvalidInput, match=f"space '{name}'"):
            get_space(name).encode(other)


def of(choices):
    return ChoiceSpace("s", "d", choices, lambda *_: None, input_shape=(1, 8, 8), num_classes=2)


@pytest.mark.parametrize(
    ("choices", "complaint"),
    [
        ({"a": ((1, 2), (3, 4))}, r"an option of 'a' must be a finite number.*got \(1, 2\)"),
        ({"a": ([1], [2])}, r"got \[1\]"),
        ({"a": (None, 1)}, "got None"),
        ({"a": (b"x", b"y")}, "got b'x'"),
        ({"a": (np.int64(1), np.int64(2))}, "an option of 'a'"),
        ({"a": (float("nan"), 1.0)}, "got nan"),
        ({"a": (1.0, float("inf"))}, "got inf"),
        ({"b": (1, 2), "a": Each(((1, 2), (3, -float("inf"))))}, "'a'.*got -inf"),
        ({"a": (1, 1.0)}, r"options of 'a' must be different and at least one, got \(1, 1.0\)"),
        ({"a": (True, 1)}, "must be different"),
        ({"a": ("x", "x")}, "must be different"),
        ({"a": Each(((1, 2), (0, False)))}, "must be different"),
        ({"a": ()}, "at least one"),
        ({"a": Each(())}, "'a' is made at no position"),
        ({1: (2, 3)}, "named by a string, got 1"),
    ],
)
def test_choices_that_cannot_be_written_and_read_are_refused(choices, complaint):
    with pytest.raises(InvalidInput, match=complaint) as caught:
        of(choices)
    assert "space 's'" in str(caught.value)


def test_whatever_is_not_refused_can_be_read_back():
    space = of({"n": (-1, 2**70, 0.1, 1e300), "t": ("", "é\n", "1", "\ud800"), "b": (True, False)})
    for arch in space.enumerate():
        assert space.decode(space.encode(arch)) == arch
