"""The digits and probe batches drawn from them."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput, UnknownName
from autodas.data import ImageData, load_data, probe_batch

# Of the split, the normalisation and every pixel. If this changes, shipped tables and teachers
# speak of other images than those that are loaded.
DIGEST = "04fac0dc1e37e9357b0e4f9e49642c05e0da46de3d7fc3bc38a75715dc1cd0f5"


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return load_data("digits")


def test_the_digits_are_the_ones_that_tables_and_teachers_were_made_with(digits):
    assert digits.digest == DIGEST


def test_the_split_is_stratified_and_complete(digits):
    assert digits.train_images.shape == (200, 1, 8, 8)
    assert digits.test_images.shape == (1597, 1, 8, 8)
    assert digits.train_labels.bincount().tolist() == [20] * 10
    assert digits.input_shape == (1, 8, 8)


def test_the_training_part_is_normalised(digits):
    assert digits.train_images.mean().item() == pytest.approx(0, abs=1e-3)
    assert digits.train_images.std().item() == pytest.approx(1, abs=1e-3)


def test_no_test_image_is_a_training_image(digits):
    train = {image.numpy().tobytes() for image in digits.train_images}
    shared = sum(image.numpy().tobytes() in train for image in digits.test_images)
    # scikit-learn's collection has no two equal images.
    assert shared == 0


def test_an_unknown_data_set_is_refused():
    with pytest.raises(UnknownName, match="did you mean 'digits'"):
        load_data("digit")


def test_labels_out_of_range_are_refused(digits):
    part = (digits.train_images, digits.train_labels)
    with pytest.raises(InvalidInput, match="labels outside 0 to 4"):
        ImageData.of_tensors("five", part, part, 5)


def test_wrong_shapes_are_refused(digits):
    flat = (digits.train_images[:, 0], digits.train_labels)
    with pytest.raises(InvalidInput, match=r"needs .*images"):
        ImageData.of_tensors("flat", flat, flat, 10)


@given(size=st.integers(1, 200), seed=st.integers(0, 5))
def test_class_counts_differ_by_at_most_one(size, seed):
    batch = probe_batch(load_data("digits"), size, seed)
    counts = batch.labels.bincount(minlength=10)
    assert len(batch.images) == len(batch.labels) == size
    assert int(counts.max() - counts.min()) <= 1


def test_no_image_is_drawn_twice_and_all_come_from_the_training_part(digits):
    batch = probe_batch(digits, 120, 3)
    train = {image.numpy().tobytes(): int(k) for image, k in zip(*_train(digits), strict=True)}
    drawn = [image.numpy().tobytes() for image in batch.images]
    assert len(set(drawn)) == 120
    assert [train[image] for image in drawn] == batch.labels.tolist()


def _train(digits):
    return digits.train_images, digits.train_labels


def test_the_seed_decides_the_batch(digits):
    first, again, other = (probe_batch(digits, 32, seed) for seed in (0, 0, 1))
    assert first.digest == again.digest
    assert torch.equal(first.images, again.images)
    assert first.digest != other.digest


def test_labels_are_mixed(digits):
    labels = probe_batch(digits, 60, 0).labels.tolist()
    assert labels != sorted(labels)
    assert labels[:10] != labels[10:20]


def test_noise_and_grey_keep_the_labels_and_take_the_content(digits):
    real, noise, grey = (probe_batch(digits, 40, 0, kind) for kind in ("real", "noise", "grey"))
    assert real.labels.tolist() == noise.labels.tolist() == grey.labels.tolist()
    assert len({real.digest, noise.digest, grey.digest}) == 3
    assert noise.images.dtype == torch.float32
    assert abs(noise.images.mean().item()) < 0.1
    assert torch.allclose(grey.images[:, 0, 0, 0], real.images.mean(dim=(1, 2, 3)), atol=1e-6)
    assert grey.images.std(dim=(1, 2, 3)).max().item() < 1e-6


@pytest.mark.parametrize("size", [0, -1, 201])
def test_impossible_sizes_are_refused(digits, size):
    with pytest.raises(InvalidInput, match=rf"batch of {size} images .* choose 1 to 200"):
        probe_batch(digits, size, 0)


def test_an_unknown_kind_is_refused(digits):
    with pytest.raises(UnknownName, match="did you mean 'noise'"):
        probe_batch(digits, 10, 0, "noises")


def test_the_batch_is_the_same_in_a_fresh_process(digits):
    code = (
        "from autodas.data import load_data, probe_batch;"
        "print(probe_batch(load_data('digits'), 32, 7, 'noise').digest)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == probe_batch(digits, 32, 7, "noise").digest
