"""Images that stay in their files: the same data set as the decoded one, in less memory."""

import numpy as np
import pytest
import torch
from PIL import Image

from autodas.core.errors import FileProblem
from autodas.data import folder as folder_module
from autodas.data import probe_batch
from autodas.data.folder import load_folder
from autodas.data.image_files import ImageFiles
from autodas.data.validation import for_choosing

COUNTS = {"train": 6, "val": 2, "test": 3}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Three parts of two classes, of noise in different sizes; two training images are equal."""
    monkeypatch.setenv("AUTODAS_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for part, count in COUNTS.items():
        for name in ("left", "right"):
            folder = tmp_path / "noise" / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                size = (int(rng.integers(16, 30)), int(rng.integers(16, 30)), 3)
                picture = Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8))
                picture.save(folder / f"{i}.png")
            picture.save(folder / f"{count}.png")
    return tmp_path / "noise"


def in_files(name, monkeypatch):
    """The data set on a machine that has no room for its decoded images."""
    with monkeypatch.context() as small:
        small.setattr(folder_module, "_room", lambda: 0)
        return load_folder(name)


def parts(data):
    validation = () if data.validation is None else data.validation
    return [data.train_images, data.train_labels, data.test_images, data.test_labels, *validation]


def same(a, b):
    return all(torch.equal(x[:], y[:]) for x, y in zip(parts(a), parts(b), strict=True))


@pytest.mark.parametrize("parted", [True, False])
def test_is_the_same_data_set_as_the_decoded_one(root, monkeypatch, parted):
    name = f"folder:{root}@8"
    if not parted:
        name = f"folder:{root / 'train'}@8,val-split=0.4"
    decoded, files = load_folder(name), in_files(name, monkeypatch)
    for data, kind in ((decoded, torch.Tensor), (files, ImageFiles)):
        assert isinstance(data.train_images, kind)
        assert isinstance(data.test_images, kind)
    assert same(files, decoded)
    for attribute in ("digest", "class_names", "skipped", "in_words", "input_shape"):
        assert getattr(files, attribute) == getattr(decoded, attribute)
    assert probe_batch(files, 6, 0).digest == probe_batch(decoded, 6, 0).digest
    choosing = [for_choosing(data) for data in (files, decoded)]
    assert same(*choosing)
    assert isinstance(choosing[0].train_images, ImageFiles)
    assert isinstance(choosing[0].test_images, ImageFiles)


def test_equal_images_stay_together(root, monkeypatch):
    (root / "val").rename(root.parent / "val")
    chosen = for_choosing(in_files(f"folder:{root}@8", monkeypatch), 0.4)
    rows = [
        {image.numpy().tobytes() for image in images[:]}
        for images in (chosen.train_images, chosen.test_images)
    ]
    assert not rows[0] & rows[1]
    assert len(rows[0]) + len(rows[1]) == 12


def test_nothing_is_decoded_again_and_no_pixels_are_kept(root, monkeypatch, tmp_path):
    first = in_files(f"folder:{root}@8", monkeypatch)
    (kept,) = (tmp_path / "cache" / "data").iterdir()
    assert kept.name.endswith(".files.safetensors")
    monkeypatch.setattr(folder_module, "decode_picture", lambda *_: pytest.fail("decoded again"))
    assert in_files(f"folder:{root}@8", monkeypatch).digest == first.digest


def test_a_damaged_listing_counts_as_absent(root, monkeypatch, tmp_path):
    name = f"folder:{root}@8"
    expected = in_files(name, monkeypatch)
    (kept,) = (tmp_path / "cache" / "data").glob("*.files.safetensors")
    content = bytearray(kept.read_bytes())
    content[-3] ^= 1
    for damaged in (bytes(content), b"", b"x" * 40):
        kept.write_bytes(damaged)
        assert same(in_files(name, monkeypatch), expected)


def test_broken_images_are_found_before_the_training(root, monkeypatch):
    broken = root / "train" / "right" / "3.png"
    broken.write_bytes(broken.read_bytes()[:-60])
    with pytest.raises(FileProblem, match="is damaged"):
        in_files(f"folder:{root}@8", monkeypatch)
    data = in_files(f"folder:{root}@8,skip-broken", monkeypatch)
    assert data.skipped == 1
    assert data.train_labels.tolist() == [0] * 7 + [1] * 6


def test_images_of_one_size_need_none_named(root, monkeypatch):
    for file in root.rglob("*.png"):
        Image.open(file).resize((20, 12)).save(file)
    decoded, files = load_folder(f"folder:{root}"), in_files(f"folder:{root}", monkeypatch)
    assert files.input_shape == (3, 12, 20)
    assert same(files, decoded)
    assert decoded.train_files is None  # crops are cut from what is decoded, which is all there is


def test_only_folders_with_a_size_have_more_than_their_decoded_images(root, monkeypatch):
    decoded, files = load_folder(f"folder:{root}@8"), in_files(f"folder:{root}@8", monkeypatch)
    for data in (decoded, for_choosing(decoded), files):
        assert len(data.originals) == len(data.train_labels)
        assert min(data.originals.picture(0).size) >= 16
    assert decoded.originals.file(3) == root / "train" / "left" / "3.png"


def test_a_file_that_is_gone_is_named_in_one_line(root, monkeypatch):
    data = in_files(f"folder:{root}@8", monkeypatch)
    gone = root / "train" / "left" / "2.png"
    gone.unlink()
    with pytest.raises(FileProblem, match=str(gone)):
        data.train_images[:4]
    Image.new("RGB", (9, 30)).save(gone)
    assert data.train_images[2:3].shape == (1, 3, 8, 8)
