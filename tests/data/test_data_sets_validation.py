"""The validation part that choices are made on: cut from the training images, never from others."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput
from autodas.data import ImageData, load_data
from autodas.data.images import Normalisation
from autodas.data.validation import for_choosing, stratified

CLASSES = 4


def data_of(labels, contents=None, *, raw=False):
    """Images whose pixels are their number, or their content; test images have negative ones."""
    numbers = torch.tensor(range(len(labels)) if contents is None else contents)
    kind = torch.uint8 if raw else torch.float32
    images = numbers.to(kind).view(-1, 1, 1, 1).repeat(1, 1, 2, 2)
    test = torch.full((5, 1, 2, 2), 255 if raw else -1).to(kind)
    how = Normalisation((0.5,), (0.5,)) if raw else None
    parts = (images, torch.tensor(labels)), (test, torch.zeros(5, dtype=torch.int64))
    return ImageData.of_tensors("toy", *parts, CLASSES, how)


def numbers(images):
    return images[:, 0, 0, 0].int().tolist()


def parts_of(data, **options):
    """Numbers of the images for fitting, and of those for judging."""
    found = for_choosing(data, **options)
    return numbers(found.train_images), numbers(found.test_images)


labels_of_images = st.lists(st.integers(0, CLASSES - 1), min_size=8, max_size=60)


@given(labels=labels_of_images, share=st.sampled_from([0.1, 0.2, 0.5]), seed=st.integers(0, 9))
def test_every_class_gives_its_share_to_within_one_image(labels, share, seed):
    sizes = np.bincount(labels, minlength=CLASSES)
    count = round(share * sizes[sizes > 1].sum())
    assume(0 < count < sizes[sizes > 1].sum())
    found = for_choosing(data_of(labels), share, seed)
    fitting, judging = numbers(found.train_images), numbers(found.test_images)
    assert sorted(fitting + judging) == list(range(len(labels)))
    assert len(judging) == count
    assert found.train_labels.tolist() == [labels[i] for i in fitting]
    assert found.test_labels.tolist() == [labels[i] for i in judging]
    judged = np.bincount(found.test_labels, minlength=CLASSES)
    for size, mine in zip(sizes, judged, strict=True):
        assert abs(mine - share * size) < 1.5 if size > 1 else mine == 0
        assert mine < size or size == 0


@given(
    labels=labels_of_images,
    contents=st.lists(st.integers(0, 30), min_size=60, max_size=60),
    raw=st.booleans(),
)
def test_equal_images_are_never_on_both_sides(labels, contents, raw):
    data = data_of(labels, contents[: len(labels)], raw=raw)
    try:
        fitting, judging = parts_of(data, share=0.3)
    except InvalidInput:
        assume(False)  # too few that differ
    assert not set(fitting) & set(judging)
    assert sorted(fitting + judging) == sorted(contents[: len(labels)])


def test_equal_images_of_several_classes_stay_together_too():
    labels = [0, 1] * 10
    contents = [i // 2 for i in range(20)]  # each image once as class 0, once as class 1
    sides = [set(side) for side in parts_of(data_of(labels, contents), share=0.2)]
    assert not sides[0] & sides[1]


def test_no_image_of_the_test_part_is_among_them():
    data = load_data("digits")
    seen = for_choosing(data)
    theirs = {image.numpy().tobytes() for image in data.test_images}
    assert len(theirs) > 1500
    for images in (seen.train_images, seen.test_images):
        assert not theirs & {image.numpy().tobytes() for image in images}
    garbage = dataclasses.replace(data, test_images=torch.full_like(data.test_images, torch.nan))
    assert for_choosing(garbage).digest == seen.digest


def test_digits_give_four_images_of_each_class_as_they_always_did():
    found = for_choosing(load_data("digits"))
    assert torch.bincount(found.test_labels).tolist() == [4] * 10
    assert torch.bincount(found.train_labels).tolist() == [16] * 10
    # Labels of short trainings were made on this part.
    assert found.digest.startswith("7b8f6a7a529eac87")


def test_fashion_mnist_gives_what_its_labels_were_made_on(data_folder):
    found = for_choosing(load_data("fashion-mnist@12/4000"))
    assert torch.bincount(found.test_labels).tolist() == [80] * 10
    assert found.digest.startswith("1a55b058430d60c9")


def test_the_draw_depends_on_its_arguments_alone():
    labels = [0, 1, 2, 3] * 10
    first = parts_of(data_of(labels))
    assert parts_of(data_of(labels)) == first  # another object of equal content
    assert parts_of(data_of(labels), seed=1) != first
    assert len(parts_of(data_of(labels), share=0.4)[1]) == 16
    data = data_of(labels)
    assert for_choosing(data) is for_choosing(data)


def test_raw_pixels_stay_raw_and_names_stay():
    data = data_of([0, 1] * 10, raw=True)
    found = for_choosing(data)
    assert (found.name, found.num_classes, found.normalisation) == ("toy", 4, data.normalisation)
    assert found.train_images.dtype == found.test_images.dtype == torch.uint8


def test_the_only_image_of_a_class_is_kept_for_fitting():
    fitting, judging = parts_of(data_of([0] * 10 + [1] + [2] * 10 + [3]), share=0.5)
    assert len(judging) == 10
    assert {10, 21} <= set(fitting)


@pytest.mark.parametrize(
    ("labels", "contents", "share"),
    [
        ([0, 1] * 10, None, 0.01),
        ([0, 1] * 10, None, 0.99),
        ([0, 1] * 10, None, 0.0),
        ([0, 1] * 10, None, 1.5),
        ([0, 1] * 10, None, -0.2),
        ([0, 1, 2, 3], None, 0.5),  # a class of one image each
        ([0, 0, 0, 0], [7, 7, 7, 7], 0.5),  # one image four times
        ([], None, 0.5),
    ],
)
def test_a_part_without_images_is_refused_in_one_line(labels, contents, share):
    images = data_of(torch.tensor(labels, dtype=torch.int64).tolist() or [0], contents)
    if not labels:
        none = (images.train_images[:0], images.train_labels[:0])
        images = ImageData.of_tensors("toy", none, none, CLASSES)
    with pytest.raises(InvalidInput, match="leaves nothing on one side") as refused:
        for_choosing(images, share)
    assert f"{share:g} of {len(labels)} training images of toy" in str(refused.value)
    assert "\n" not in str(refused.value)


@given(labels=labels_of_images, seed=st.integers(0, 5), data=st.data())
def test_of_each_class_one_draw_is_part_of_the_other(labels, seed, data):
    few, many = sorted(
        data.draw(st.lists(st.integers(0, len(labels)), min_size=2, max_size=2), label="counts")
    )
    every = torch.tensor(labels)
    small, large = (stratified(every, count, seed, "x").tolist() for count in (few, many))
    assert (len(small), len(large)) == (few, many)
    assert small == sorted(set(small))
    for label in set(labels):
        mine = [{i for i in draw if labels[i] == label} for draw in (small, large)]
        assert mine[0] <= mine[1] or mine[1] <= mine[0]
        assert len(mine[0] - mine[1]) <= 1
        size = labels.count(label)
        assert abs(len(mine[0]) - few * size / len(labels)) < 1


def test_draws_of_other_purposes_and_seeds_differ():
    labels = torch.tensor([0, 1] * 40)
    draws = [stratified(labels, 20, *which).tolist() for which in ((0, "a"), (0, "b"), (1, "a"))]
    assert len({tuple(draw) for draw in draws}) == 3
