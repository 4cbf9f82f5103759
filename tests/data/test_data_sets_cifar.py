"""CIFAR in its published forms: folders and archives, python and binary, and damaged ones."""

import io
import tarfile

import numpy as np
import pytest
import torch
from python2_pickle import python2_pickle

from autodas.core.errors import FileProblem, MissingData
from autodas.data import bundles, cifar
from autodas.data.images import CIFAR100, IMAGENET

PER_FILE = 4
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6 * PER_FILE, 3072), dtype=np.uint8)
LABELS = RNG.integers(0, 10, 6 * PER_FILE).tolist()


def files(form, classes=10, pixels=PIXELS, labels=LABELS):
    """The files of a small data set in one of the published forms."""
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    parts = [slice(i * PER_FILE, (i + 1) * PER_FILE) for i in range(6)]
    if classes == 100:
        names, parts = ["train", "test"], [slice(0, 5 * PER_FILE), slice(5 * PER_FILE, None)]
    found = {}
    for name, part in zip(names, parts, strict=True):
        own = labels[part]
        if form == "python":
            keys = {"labels": own} if classes == 10 else {"fine_labels": own, "coarse_labels": [0]}
            found[name] = python2_pickle({"batch_label": name, **keys, "data": pixels[part]})
        else:
            before = b"" if classes == 10 else b"\x07"
            rows = zip(own, pixels[part], strict=True)
            found[f"{name}.bin"] = b"".join(
                before + bytes([label]) + row.tobytes() for label, row in rows
            )
    return found


FOLDERS = {
    ("python", 10): "cifar-10-batches-py",
    ("binary", 10): "cifar-10-batches-bin",
    ("python", 100): "cifar-100-python",
    ("binary", 100): "cifar-100-binary",
}


def write_folder(base, form, classes=10, **content):
    folder = base / FOLDERS[form, classes]
    folder.mkdir()
    for name, data in files(form, classes, **content).items():
        (folder / name).write_bytes(data)
    return folder


def archive_name(form, classes=10):
    return f"cifar-{classes}-{form}.tar.gz"


def write_archive(base, form, classes=10, content=None, extra=()):
    """A ``.tar.gz`` of the files, after the members in ``extra``."""
    place = base / archive_name(form, classes)
    with tarfile.open(place, "w:gz") as archive:
        for member in extra:
            archive.addfile(member)
        for name, data in (content or files(form, classes)).items():
            member = tarfile.TarInfo(f"{FOLDERS[form, classes]}/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return place


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The folder of optional data, and a cache and a network that hold nothing."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("AUTODAS_DATA", str(folder))
    monkeypatch.setenv("AUTODAS_CACHE", str(tmp_path / "cache"))

    def unreachable(remotes, folder):
        raise MissingData(f"{remotes[0].url} cannot be reached")

    monkeypatch.setattr(cifar, "download", unreachable)
    return folder


@pytest.mark.parametrize("write", [write_folder, write_archive])
@pytest.mark.parametrize("form", ["python", "binary"])
@pytest.mark.parametrize("classes", [10, 100])
def test_every_form_gives_the_same(own, write, form, classes):
    write(own, form, classes)
    data = cifar.load_cifar10() if classes == 10 else cifar.load_cifar100()
    assert data.num_classes == classes
    assert data.input_shape == (3, 32, 32)
    assert data.train_images.dtype == torch.uint8
    np.testing.assert_array_equal(
        data.train_images.numpy(), PIXELS[: 5 * PER_FILE].reshape(-1, 3, 32, 32)
    )
    np.testing.assert_array_equal(
        data.test_images.numpy(), PIXELS[5 * PER_FILE :].reshape(-1, 3, 32, 32)
    )
    assert data.train_labels.tolist() == LABELS[: 5 * PER_FILE]
    assert data.test_labels.tolist() == LABELS[5 * PER_FILE :]
    assert data.normalisation == (IMAGENET if classes == 10 else CIFAR100)


def test_is_decoded_once_and_again_when_the_file_changes(own, monkeypatch):
    place = write_archive(own, "binary")
    calls = []
    read = cifar.read_bundle
    monkeypatch.setattr(cifar, "read_bundle", lambda *a: calls.append(a) or read(*a))
    first, again = cifar.load_cifar10(), cifar.load_cifar10()
    assert len(calls) == 1
    assert first.digest == again.digest
    assert torch.equal(first.train_images, again.train_images)
    write_archive(own, "binary", content=files("binary", pixels=255 - PIXELS))
    assert place.is_file()
    changed = cifar.load_cifar10()
    assert len(calls) == 2
    assert torch.equal(changed.train_images, 255 - first.train_images)
    assert changed.digest != first.digest


def test_a_damaged_cache_is_decoded_again(own, tmp_path):
    write_archive(own, "binary")
    first = cifar.load_cifar10()
    (file,) = (tmp_path / "cache" / "data").iterdir()
    content = file.read_bytes()
    for damaged in (content[:-1] + bytes([content[-1] ^ 1]), content[:100], b""):
        file.write_bytes(damaged)
        assert cifar.load_cifar10().digest == first.digest
        assert len(file.read_bytes()) == len(content)


def test_what_is_loaded_can_be_changed_without_changing_the_cache(own):
    write_archive(own, "binary")
    cifar.load_cifar10()
    cifar.load_cifar10().train_images.zero_()
    assert cifar.load_cifar10().train_images.any()


def link(name, target, kind=tarfile.SYMTYPE):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (tarfile.TarInfo("../evil"), "'../evil', which lies outside"),
        (tarfile.TarInfo("/etc/evil"), "'/etc/evil', which lies outside"),
        (tarfile.TarInfo("cifar-10-batches-py/../../evil"), "which lies outside"),
        (link("cifar-10-batches-py/data_batch_1", "/etc/passwd"), "a link or device"),
        (link("x", "/etc/passwd", tarfile.LNKTYPE), "a link or device"),
        (link("x", "", tarfile.CHRTYPE), "a link or device"),
    ],
)
def test_archives_that_reach_outside_are_refused(own, extra, complaint):
    write_archive(own, "python", extra=[extra])
    with pytest.raises(FileProblem, match=complaint):
        cifar.load_cifar10()


def test_an_archive_with_a_huge_file_is_refused_before_it_is_read(own):
    place = own / "cifar-10-python.tar.gz"
    huge = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
    huge.size = 2**40
    import gzip

    place.write_bytes(gzip.compress(huge.tobuf() + bytes(4096)))
    with pytest.raises(FileProblem, match="1099511627776 bytes"):
        cifar.load_cifar10()


def test_an_archive_that_holds_a_file_twice(own):
    twice = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
    write_archive(own, "python", extra=[twice])
    with pytest.raises(FileProblem, match="'cifar-10-batches-py/data_batch_1' twice"):
        cifar.load_cifar10()


def test_a_huge_file_in_a_folder(own, monkeypatch):
    write_folder(own, "binary")
    monkeypatch.setattr(bundles, "LARGEST", 1000)
    with pytest.raises(FileProblem, match=r"data_batch_1\.bin: has 12292 bytes, at most 1000"):
        cifar.load_cifar10()


def broken(name, change):
    content = files("python")
    content[name] = change(content[name])
    return content


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (broken("data_batch_3", lambda data: data[:5000]), "data_batch_3: is damaged"),
        (broken("test_batch", lambda _: b"hello"), "test_batch: is"),
        (broken("test_batch", lambda _: python2_pickle({"labels": [1]})), "holds no 'data'"),
        (
            broken("test_batch", lambda _: python2_pickle({"labels": "x", "data": PIXELS[:1]})),
            "no list of integers",
        ),
        (
            broken("test_batch", lambda _: python2_pickle({"labels": [1], "data": PIXELS[0]})),
            "no array of rows of 3072",
        ),
        (
            broken("test_batch", lambda _: python2_pickle({"labels": [1], "data": PIXELS[:2]})),
            "2 images and 1 labels",
        ),
        (
            broken("test_batch", lambda _: python2_pickle({"labels": [10], "data": PIXELS[:1]})),
            "labels beyond 9",
        ),
        (
            broken("test_batch", lambda _: python2_pickle({"labels": [], "data": PIXELS[:0]})),
            "no images",
        ),
        ({k: v for k, v in files("python").items() if k != "data_batch_4"}, "holds no .*_4"),
    ],
)
def test_broken_files_are_named_in_one_line(own, content, complaint):
    write_archive(own, "python", content=content)
    with pytest.raises(FileProblem, match=complaint) as caught:
        cifar.load_cifar10()
    assert "cifar-10-python.tar.gz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_archives_that_are_cut_off_or_none_at_all(own):
    place = write_archive(own, "python")
    whole = place.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:30], b"hello", b"\x80\x02}.", b""):
        place.write_bytes(content)
        with pytest.raises(FileProblem, match=r"cut off or no \.tar\.gz|holds no"):
            cifar.load_cifar10()


def test_a_binary_file_that_is_cut_off(own):
    folder = write_folder(own, "binary")
    file = folder / "data_batch_2.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(FileProblem, match=r"data_batch_2\.bin: has 12291 bytes, no multiple"):
        cifar.load_cifar10()


def test_a_folder_that_lacks_a_file(own):
    (write_folder(own, "python") / "data_batch_5").unlink()
    with pytest.raises(MissingData, match=r"cifar10 needs .*data_batch_5, and there is no such"):
        cifar.load_cifar10()


def test_says_where_it_looked(own):
    with pytest.raises(MissingData) as caught:
        cifar.load_cifar10()
    message = str(caught.value)
    assert str(own) in message
    assert "cifar-10-python.tar.gz or cifar-10-binary.tar.gz" in message
    assert "cannot be reached" in message


def test_downloads_what_is_not_there(own, tmp_path, monkeypatch):
    place = write_archive(tmp_path, "python", 100)

    def deliver(remotes, folder):
        (remote,) = remotes
        assert remote.url.startswith("https://")
        assert folder == tmp_path / "cache" / "downloads"
        folder.mkdir(parents=True)
        return [place.rename(folder / remote.name)]

    monkeypatch.setattr(cifar, "download", deliver)
    first = cifar.load_cifar100()
    monkeypatch.undo()
    monkeypatch.setenv("AUTODAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUTODAS_DATA", raising=False)
    assert cifar.load_cifar100().digest == first.digest
