"""Fashion-MNIST from IDX files."""

import functools
import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from autodas.core.errors import FileProblem, MissingData
from autodas.data import fashion_mnist
from autodas.data.fashion_mnist import DEBIAN, FILES, load_fashion_mnist, read_idx

# The time of day in the header would give every worker of pytest-xdist other test names.
packed = functools.partial(gzip.compress, mtime=0)


def idx(array):
    header = b"\x00\x00\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return packed(header + array.astype(np.uint8).tobytes())


RNG = np.random.default_rng(0)
ARRAYS = [
    RNG.integers(0, 256, (30, 28, 28)),
    RNG.integers(0, 10, 30),
    RNG.integers(0, 256, (12, 28, 28)),
    RNG.integers(0, 10, 12),
]


def write(folder, arrays=ARRAYS):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(FILES, arrays, strict=True):
        (folder / name).write_bytes(idx(array))


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The folder of optional data; nothing is installed, cached or delivered."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("AUTODAS_DATA", str(folder))
    monkeypatch.setenv("AUTODAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "debian")

    def unreachable(remotes, folder):
        raise MissingData(f"{remotes[0].url} cannot be reached")

    monkeypatch.setattr(fashion_mnist, "download", unreachable)
    return folder


@pytest.mark.parametrize("place", ["data/fashion-mnist", "data", "debian", "cache/downloads"])
def test_is_found_in_every_place(own, tmp_path, place):
    write(tmp_path / place)
    data = load_fashion_mnist()
    assert data.input_shape == (1, 28, 28)
    assert data.num_classes == 10
    np.testing.assert_array_equal(data.train_images[:, 0].numpy(), ARRAYS[0])
    assert data.train_labels.tolist() == ARRAYS[1].tolist()
    np.testing.assert_array_equal(data.test_images[:, 0].numpy(), ARRAYS[2])
    assert data.test_labels.tolist() == ARRAYS[3].tolist()
    assert data.ready(data.test_images).dtype == torch.float32


def test_says_where_it_looked(own):
    with pytest.raises(MissingData, match=r"AUTODAS_DATA .* dataset-fashion-mnist.*be reached"):
        load_fashion_mnist()


@pytest.mark.parametrize(
    ("number", "array", "complaint"),
    [
        (0, np.zeros((29, 28, 28)), r"holds \(29, 28, 28\), the labels \(30,\)"),
        (0, np.zeros(30), r"holds \(30,\)"),
        (3, np.full(12, 10), "holds label 10"),
    ],
)
def test_parts_that_do_not_fit(own, number, array, complaint):
    arrays = [*ARRAYS[:number], array, *ARRAYS[number + 1 :]]
    write(own, arrays)
    with pytest.raises(FileProblem, match=complaint):
        load_fashion_mnist()


GOOD = gzip.decompress(idx(np.arange(6).reshape(2, 3)))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (packed(GOOD)[:20], "cut off or no gzip"),
        (b"hello", "cut off or no gzip"),
        (packed(b""), "no IDX file"),
        (packed(b"\x00\x00\x0d" + GOOD[3:]), "no IDX file of bytes"),
        (packed(b"\x00\x00\x08\x09" + GOOD[4:]), "no IDX file of bytes"),
        (packed(GOOD[:8]), "cut off"),
        (packed(GOOD[:-1]), "announces 6 bytes, holds 5"),
        (packed(GOOD[:4] + b"\xff" * 8 + GOOD[12:]), "announces 18446744065119617025"),
    ],
)
def test_damaged_files(tmp_path, content, complaint):
    file = tmp_path / "file.gz"
    file.write_bytes(content)
    with pytest.raises(FileProblem, match=complaint) as caught:
        read_idx(file)
    assert str(caught.value).startswith(f"{file}: ")


def test_reads_shape_and_order(tmp_path):
    file = tmp_path / "file.gz"
    file.write_bytes(packed(GOOD))
    assert read_idx(file).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_an_unpacked_bomb_is_not_held_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "LARGEST", 100)
    file = tmp_path / "file.gz"
    file.write_bytes(packed(GOOD + bytes(10**6)))
    with pytest.raises(FileProblem, match="announces 6 bytes, holds 89"):
        read_idx(file)


@pytest.mark.skipif(
    not Path(DEBIAN).is_dir(), reason="Debian's package dataset-fashion-mnist is not installed"
)
def test_the_real_one(monkeypatch):
    monkeypatch.delenv("AUTODAS_DATA", raising=False)
    data = load_fashion_mnist()
    assert data.train_images.shape == (60_000, 1, 28, 28)
    assert data.test_images.shape == (10_000, 1, 28, 28)
    assert data.train_labels.bincount().tolist() == [6000] * 10
    assert data.train_labels[:5].tolist() == [9, 0, 0, 3, 0]
    ready = data.ready(data.train_images)
    assert ready.mean().item() == pytest.approx(0, abs=1e-3)
    assert ready.std().item() == pytest.approx(1, abs=1e-3)
