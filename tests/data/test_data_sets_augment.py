"""Random crops and mirror images."""

import numpy as np
import pytest
import torch

from autodas.core.errors import InvalidInput
from autodas.data.augment import crop_and_flip

IMAGES = torch.arange(6 * 3 * 8 * 10, dtype=torch.int32).remainder(251).to(torch.uint8)
IMAGES = IMAGES.view(6, 3, 8, 10) + 1


def rng(seed=0):
    return np.random.default_rng(seed)


def reference(images, rng, padding, flip):
    """The same, one image and one pixel at a time."""
    count, _, height, width = images.shape
    top, left = rng.integers(2 * padding + 1, size=(2, count)) - padding
    mirrored = rng.random(count) < 0.5
    out = np.zeros(images.shape, images.numpy().dtype)
    for b in range(count):
        for y in range(height):
            for x in range(width):
                column = width - 1 - x if flip and mirrored[b] else x
                row, column = y + top[b], column + left[b]
                if 0 <= row < height and 0 <= column < width:
                    out[b, :, y, x] = images[b, :, row, column]
    return out


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize(("padding", "flip"), [(4, True), (4, False), (1, True), (0, True)])
def test_agrees_with_a_plain_reference(dtype, padding, flip):
    images = IMAGES.to(dtype)
    found = crop_and_flip(images, rng(), padding=padding, flip=flip)
    assert found.dtype == dtype
    assert found.shape == images.shape
    np.testing.assert_array_equal(found.numpy(), reference(images, rng(), padding, flip))


def test_is_decided_by_the_generator():
    first, again, other = (crop_and_flip(IMAGES, rng(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_leaves_its_argument_alone_and_shares_no_memory():
    before = IMAGES.clone()
    crop_and_flip(IMAGES, rng(), padding=0, flip=False).zero_()
    assert torch.equal(IMAGES, before)


def test_options_do_not_change_what_later_draws_give():
    states = []
    for flip in (True, False):
        generator = rng()
        crop_and_flip(IMAGES, generator, flip=flip)
        states.append(generator.random())
    assert states[0] == states[1]


def test_fill_and_frequencies():
    images = torch.zeros(4000, 1, 4, 4)
    images[:, :, 0, 0] = 1.0
    found = crop_and_flip(images, rng(), padding=1, fill=-1.0)
    # A third of all shifts keeps the row of the marked pixel in sight at each of its two places.
    shares = [(found[:, 0, y, x] == 1).float().mean() for y in (0, 1) for x in (0, 1, 2, 3)]
    assert np.allclose(shares, 1 / 18, atol=0.015)
    assert (found == -1).any()
    assert set(found.unique().tolist()) == {-1.0, 0.0, 1.0}


@pytest.mark.gpu
def test_gives_the_same_on_a_gpu():
    assert torch.equal(crop_and_flip(IMAGES.cuda(), rng()).cpu(), crop_and_flip(IMAGES, rng()))


def test_refuses_what_is_no_batch():
    with pytest.raises(InvalidInput, match=r"needs images .* got \(3, 8, 10\) and 4"):
        crop_and_flip(IMAGES[0], rng())
    with pytest.raises(InvalidInput, match="and -1"):
        crop_and_flip(IMAGES, rng(), padding=-1)
