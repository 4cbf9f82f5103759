"""What cannot be read is told by ``check``, refused in one line, or left out if asked for."""

import os
import zlib

import numpy as np
import pytest
from PIL import Image

from autodas.core.errors import FileProblem, MissingData
from autodas.data.folder import load_folder
from autodas.steps.check import Config, run


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Two classes of three images to train on and one to test on, 20 × 18 pixels."""
    monkeypatch.setenv("AUTODAS_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for part, count in (("train", 3), ("test", 1)):
        for name in ("cat", "dog"):
            (tmp_path / "pets" / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (18, 20, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "pets" / part / name / f"{i}.png")
    return tmp_path / "pets"


def too_large(file):
    """Says in its header that it has 10,000 × 10,000 pixels."""
    content = bytearray((file.parent / "0.png").read_bytes())
    content[16:24] = (10_000).to_bytes(4) * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4)
    file.write_bytes(content)


def truncated(file):
    file.write_bytes((file.parent / "0.png").read_bytes()[:-100])


def locked(file):
    truncated(file)
    file.chmod(0)


BROKEN = {
    "a link to nothing": lambda file: file.symlink_to("nothing.png"),
    "a link to itself": lambda file: file.symlink_to(file),
    "a link through a file": lambda file: file.symlink_to("0.png/1.png"),
    "a link to a name too long": lambda file: file.symlink_to("x" * 300),
    "a folder": lambda file: file.mkdir(),
    "a pipe": os.mkfifo,
    "zero bytes": lambda file: file.write_bytes(b""),
    "text": lambda file: file.write_text("not an image"),
    "truncated": truncated,
    "too large": too_large,
    "no permission": locked,
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("more", ["", "@16", "@16,val-split=0.34"])
def test_what_check_says_is_left_out_is_left_out(root, kind, more):
    if "split" in more:
        root = root / "train"
    folder = root if "split" in more else root / "train"
    BROKEN[kind](folder / "dog" / "x.png")
    found = run(Config(f"folder:{root}{more},skip-broken"))
    ((told, (file,)),) = found["odd"].items()
    assert told == "cannot be read (left out with --skip-broken)"
    assert file.startswith(f"{(folder / 'dog' / 'x.png').relative_to(root)} ")
    assert found["usable"]
    data = load_folder(f"folder:{root}{more},skip-broken")
    assert data.skipped == 1
    assert len(data.train_labels) + len(data.test_labels) == found["images"] - 1
    with pytest.raises((FileProblem, MissingData)) as refused:
        load_folder(f"folder:{root}{more}")
    assert "x.png" in str(refused.value)


def test_a_link_that_leads_somewhere_again_is_read(root):
    name = f"folder:{root},skip-broken"
    link = root / "train" / "cat" / "x.png"
    link.symlink_to(root.parent / "elsewhere.png")
    assert load_folder(name).skipped == 1
    (root / "train" / "dog" / "2.png").rename(root.parent / "elsewhere.png")
    data = load_folder(name)
    assert (data.skipped, data.train_labels.tolist()) == (0, [0, 0, 0, 0, 1, 1])
    (root.parent / "elsewhere.png").unlink()
    assert load_folder(name).skipped == 1


def test_a_list_may_name_files_that_are_gone_and_counts_every_line(root):
    lines = [f"{file.relative_to(root)},{file.parent.name}" for file in root.rglob("*.png")]
    lines += ["gone.png,cat", "gone.png,dog"]
    (root / "list.csv").write_text("\n".join(["path,label", *lines]))
    name = f"csv:{root / 'list.csv'},val-split=0.3,skip-broken"
    assert run(Config(name))["images"] == 10
    assert load_folder(name).skipped == 2


def test_links_to_folders_around_them_are_not_followed(root):
    expected = load_folder(f"folder:{root}")
    (root / "train" / "cat" / "again").symlink_to(root / "train")
    assert load_folder(f"folder:{root}").digest == expected.digest
    found = run(Config(f"folder:{root}"))
    assert found["images"] == 8
    assert list(found["odd"].values()) == [["train/cat/again"]]


def test_two_folders_that_link_to_each_other_end(root):
    (root / "train" / "cat" / "dogs").symlink_to(root / "train" / "dog")
    (root / "train" / "dog" / "cats").symlink_to(root / "train" / "cat")
    found = run(Config(f"folder:{root}"))
    assert found["parts"] == {"train": 12, "test": 2}


def test_a_folder_whose_name_ends_like_a_size_is_told_from_a_size(root):
    root = root.rename(root.with_name("pets@64"))
    for load in (load_folder, lambda name: run(Config(name))):
        with pytest.raises(FileProblem, match=r"pets: is not there, but pets@64 is") as told:
            load(f"folder:{root}")
        example = str(told.value).rpartition(", ")[2]
        assert example == f"folder:{root}@64"
    assert load_folder(example).input_shape == (3, 64, 64)


@pytest.mark.parametrize(("mark", "called"), [(";", "semicolons"), ("\t", "tabs")])
def test_a_list_with_other_separators_than_commas_is_told_so(root, mark, called):
    (root / "list.csv").write_text(f"path{mark}label\ntrain/cat/0.png{mark}cat\n")
    for load in (load_folder, lambda name: run(Config(name))):
        with pytest.raises(FileProblem, match=rf"has {called} between its columns; save it with"):
            load(f"csv:{root / 'list.csv'}")
