"""What every data set with 8-bit images has in common: forms, digests, probe batches."""

import numpy as np
import pytest
import torch

from autodas.core.errors import InvalidInput, MissingData, UnknownName
from autodas.data import DATASETS, ImageData, load_data, probe_batch
from autodas.data.images import IMAGENET, Normalisation

OPTIONAL = ["cifar10-sample", "cifar100-sample", "flowers12"]


def toy(counts=(9, 3, 1), normalisation=IMAGENET, seed=0):
    """Raw pixels with so many training images of each class."""
    rng = np.random.default_rng(seed)
    labels = torch.from_numpy(rng.permutation(np.repeat(np.arange(len(counts)), counts)))
    images = torch.from_numpy(rng.integers(0, 256, (len(labels), 3, 4, 4), dtype=np.uint8))
    part = (images, labels)
    return ImageData.of_tensors("toy", part, part, len(counts), normalisation)


@pytest.mark.parametrize("name", OPTIONAL)
def test_optional_data_sets(data_folder, name):
    data = load_data(name)
    assert data is load_data(name)
    assert data.name == name
    batch = probe_batch(data, 40, seed=0)
    assert batch.images.dtype == torch.float32
    assert batch.images.shape == (40, *data.input_shape)
    # Normalised: not the raw 0 … 255.
    assert batch.images.abs().max() < 4
    assert (
        batch.labels.bincount().max() - batch.labels.bincount(minlength=data.num_classes).min() <= 1
    )


def test_names_of_folders_are_understood(tmp_path):
    with pytest.raises(Exception, match="no such folder"):
        load_data(f"folder:{tmp_path / 'none'}@32")
    with pytest.raises(UnknownName, match="did you mean 'cifar10'"):
        load_data("cifar-10")


def test_every_source_describes_itself():
    assert [source.name for source in DATASETS] == list(DATASETS.names())
    assert all(len(source.description) < 140 for source in DATASETS)


def test_what_is_absent_is_said_in_one_line(monkeypatch):
    monkeypatch.delenv("AUTODAS_DATA", raising=False)
    for name in OPTIONAL:
        with pytest.raises(MissingData, match="set AUTODAS_DATA") as caught:
            DATASETS.get(name).load()
        assert "\n" not in str(caught.value)


def test_ready_normalises_pixels_and_leaves_the_rest_alone():
    data = toy()
    ready = data.ready(data.train_images)
    assert torch.equal(ready, IMAGENET(data.train_images))
    assert data.ready(ready) is ready


def test_the_digest_depends_on_everything_a_network_sees():
    assert toy().digest == toy().digest
    others = [toy(seed=1), toy(normalisation=Normalisation((0.5,) * 3, (0.5,) * 3)), toy((9, 4, 1))]
    assert len({toy().digest, *(other.digest for other in others)}) == 4


def test_raw_pixels_need_a_fitting_normalisation():
    with pytest.raises(InvalidInput, match=r"or uint8 ones with a normalisation, got torch\.uint8"):
        toy(normalisation=None)
    with pytest.raises(InvalidInput, match="has 3 channels, its normalisation 1"):
        toy(normalisation=Normalisation((0.5,), (0.5,)))


@pytest.mark.parametrize(
    ("size", "counts"),
    [(3, [1, 1, 1]), (5, [2, 2, 1]), (7, [3, 3, 1]), (10, [6, 3, 1]), (13, [9, 3, 1])],
)
def test_batches_are_as_balanced_as_the_data_allow(size, counts):
    data = toy()
    for seed in range(5):
        batch = probe_batch(data, size, seed)
        assert batch.labels.bincount(minlength=3).tolist() == counts
        # No image twice.
        assert len(batch.images.flatten(1).unique(dim=0)) == size


def test_batches_of_raw_pixels_are_fixed_by_their_arguments():
    data = toy()
    batches = [
        probe_batch(data, 5, seed, kind) for seed in (0, 1) for kind in ("real", "noise", "grey")
    ]
    again = [
        probe_batch(data, 5, seed, kind) for seed in (0, 1) for kind in ("real", "noise", "grey")
    ]
    assert [batch.digest for batch in batches] == [batch.digest for batch in again]
    assert len({batch.digest for batch in batches}) == 6
    grey = batches[2].images
    assert torch.allclose(grey, grey[:, :, :1, :1].expand_as(grey))


@pytest.mark.parametrize("size", [0, -1, 14])
def test_impossible_sizes(size):
    with pytest.raises(InvalidInput, match=f"batch of {size} images .* choose 1 to 13"):
        probe_batch(toy(), size, 0)
