"""Images in NumPy containers, plain and as JPEG."""

import io
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from autodas.core.errors import FileProblem, MissingData
from autodas.data import containers
from autodas.data.containers import load_container
from autodas.data.images import CIFAR100, IMAGENET


def jpeg(picture, kind="JPEG"):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind)
    return buffer.getvalue()


def compressed(pictures, labels, part):
    streams = [each if isinstance(each, bytes) else jpeg(each) for each in pictures]
    return {
        f"{part}_jpeg": np.frombuffer(b"".join(streams), np.uint8),
        f"{part}_offsets": np.cumsum([0] + [len(stream) for stream in streams]),
        f"{part}_labels": np.asarray(labels),
    }


def plain(pictures, labels, part):
    return {f"{part}_images": np.asarray(pictures), f"{part}_labels": np.asarray(labels)}


# Every picture has one colour, which JPEG keeps nearly exactly; the red channel is its number.
PICTURES = [np.full((8, 8, 3), (10 * i, 100, 200), np.uint8) for i in range(20)]
LABELS = [i % 2 for i in range(20)]


def container(form, **changes):
    arrays = form(PICTURES, LABELS, "train") | form(PICTURES[:6], LABELS[:6], "test")
    arrays["class_names"] = np.asarray(["even", "odd"])
    arrays |= changes
    return {key: value for key, value in arrays.items() if value is not None}


@pytest.fixture
def save(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTODAS_DATA", str(tmp_path))
    monkeypatch.setenv("AUTODAS_CACHE", str(tmp_path / "cache"))

    def write(arrays):
        np.savez(tmp_path / "c.npz", **arrays)
        return tmp_path / "c.npz"

    return write


def load():
    return load_container("mine", "c.npz", IMAGENET)


@pytest.mark.parametrize("form", [plain, compressed])
def test_reads_images_with_their_labels(save, form):
    save(container(form))
    data = load()
    assert data.train_images.shape == (20, 3, 8, 8)
    assert data.test_images.shape == (6, 3, 8, 8)
    assert data.num_classes == 2
    numbers = (data.train_images[:, 0, 4, 4].float() / 10).round().int()
    assert sorted(numbers.tolist()) == list(range(20))
    assert (numbers % 2).tolist() == data.train_labels.tolist()
    assert (data.train_images[:, 2].float() - 200).abs().max() <= 3


def test_rows_stay_rows(save):
    picture = np.arange(5 * 8 * 3, dtype=np.uint8).reshape(5, 8, 3)
    save(container(plain, **plain([picture], [0], "test")))
    assert load().test_images[0, 1, 2].tolist() == picture[2, :, 1].tolist()


def test_the_order_is_mixed_and_fixed(save):
    save(container(plain))
    numbers = (load().train_images[:, 0, 0, 0] // 10).tolist()
    # Pinned: probe batches of tables that exist depend on it.
    assert numbers == [1, 16, 14, 8, 0, 17, 6, 9, 12, 13, 2, 7, 18, 4, 3, 11, 15, 10, 19, 5]


JPEGS = compressed(PICTURES, LABELS, "train")
MIXED = JPEGS["train_offsets"][[0, 2, 1, *range(3, 21)]]
CUT = jpeg(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8))[:-40]


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        (container(plain, train_labels=None), "holds no 'train_labels'"),
        (container(plain, train_images=None), "holds no 'train_jpeg'"),
        (container(plain, class_names=None), "holds no 'class_names'"),
        (container(plain, train_labels=np.zeros(19, int)), "holds 20 images .* shape .19,"),
        (container(plain, train_labels=np.zeros(20)), "holds 20 images"),
        (container(plain, train_labels=np.full(20, 2)), "not all in 0 to 1"),
        (container(plain, train_labels=np.full(20, -1)), "not all in 0 to 1"),
        (container(plain, test_images=np.zeros((6, 8, 8), np.uint8)), "'test_images' is uint8"),
        (container(plain, test_images=np.zeros((6, 8, 8, 3))), "'test_images' is float64"),
        (container(compressed, train_offsets=JPEGS["train_offsets"][1:]), "do not divide"),
        (container(compressed, train_offsets=JPEGS["train_offsets"][::-1]), "do not divide"),
        (container(compressed, train_offsets=MIXED), "do not divide"),
        (container(compressed, train_jpeg=JPEGS["train_jpeg"][:-1]), "do not divide"),
        (container(compressed, train_jpeg=JPEGS["train_jpeg"].astype(int)), "no list of bytes"),
        (container(compressed, **compressed([b"hello"], [0], "test")), "test image 0: is no image"),
        (
            container(compressed, **compressed([PICTURES[0], CUT], [0, 1], "test")),
            "test image 1: is damaged",
        ),
        (
            container(compressed, **compressed([PICTURES[0], PICTURES[1][:4]], [0, 1], "test")),
            r"test image 1: has shape \(3, 4, 8\)",
        ),
    ],
)
def test_refuses_what_does_not_fit(save, arrays, complaint):
    file = save(arrays)
    with pytest.raises(FileProblem, match=complaint) as caught:
        load()
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_runs_no_pickle(save):
    file = save(container(plain, class_names=np.asarray([object()], dtype=object)))
    with pytest.raises(FileProblem, match="no container of plain arrays"):
        load()
    file.write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(FileProblem, match="no container of plain arrays"):
        load()


def test_damaged_files(save):
    file = save(container(plain))
    whole = file.read_bytes()
    for content in (whole[:-30], whole[:3000], whole[:2], b"", b"PK\x03\x04hello"):
        file.write_bytes(content)
        with pytest.raises(FileProblem):
            load()
    flipped = bytearray(whole)
    flipped[2000] ^= 1
    file.write_bytes(flipped)
    with pytest.raises(FileProblem, match="damaged"):
        load()


def test_a_shape_that_fits_no_memory(save):
    file = save(container(plain))
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999,), }"
    header = header.ljust(117) + "\n"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("train_jpeg.npy", array)
    with pytest.raises(FileProblem, match=r"damaged|no container"):
        load()


def test_a_container_that_unpacks_to_very_much(save, monkeypatch):
    file = save(container(plain))
    monkeypatch.setattr(containers, "LARGEST", 5000)
    with pytest.raises(FileProblem, match=r"unpacks to \d+ bytes, at most 5000") as caught:
        load()
    assert str(caught.value).startswith(str(file))


def test_is_named_when_absent(save, monkeypatch):
    with pytest.raises(MissingData, match=r"c\.npz is needed"):
        load()
    monkeypatch.delenv("AUTODAS_DATA")
    with pytest.raises(MissingData, match="set AUTODAS_DATA"):
        load()


def test_published_samples(data_folder):
    ten = load_container("cifar10-sample", "cifar10_sample.npz", IMAGENET)
    assert (len(ten.train_labels), len(ten.test_labels)) == (5438, 1017)
    hundred = load_container("cifar100-sample", "cifar100_sample.npz", CIFAR100)
    assert (len(hundred.train_labels), len(hundred.test_labels)) == (1117, 916)
    assert hundred.num_classes == 100
    flowers = load_container("flowers12", "flowers12_jpeg.npz", IMAGENET)
    assert flowers.train_images.shape == (288, 3, 224, 224)
    assert flowers.train_labels.bincount().tolist() == [24] * 12


@pytest.mark.slow
def test_all_of_cifar10_as_jpeg(data_folder):
    data = load_container("cifar10-jpeg", "cifar10_jpeg.npz", IMAGENET)
    assert data.train_images.shape == (50_000, 3, 32, 32)
    assert data.train_labels.bincount().tolist() == [5000] * 10
    # Mixed: no class is much more frequent at the beginning.
    assert data.train_labels[:1000].bincount().max() < 150
