"""Everything odd about a folder of images is said at once."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from autodas.cli.main import main
from autodas.core.errors import FileProblem, InvalidInput
from autodas.steps.check import Config, run


def noise(seed, width=20, height=18):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def root(tmp_path):
    """Two classes of three images to train on and two to test on, nothing odd about them."""
    seed = 0
    for part, count in (("train", 3), ("val", 2)):
        for name in ("cat", "dog"):
            folder = tmp_path / "pets" / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                seed += 1
                noise(seed).save(folder / f"{i}.png")
    return tmp_path / "pets"


def check(root, more=""):
    return run(Config(f"folder:{root}{more}"))


def test_a_sound_folder(root):
    (root / "train" / "cat" / "notes.txt").write_text("x")
    (root / "train" / ".hidden").mkdir()
    found = check(root)
    assert found["odd"] == {}
    assert (found["images"], found["parts"]) == (10, {"train": 6, "val": 4})
    assert found["classes"] == {"cat": 3, "dog": 3}
    assert found["summary"] == [
        "10 images (6 in train, 4 in val)",
        "2 classes of 3 to 3 images to train on",
        "nothing is odd about them",
    ]


def odd(root, more=""):
    """What is odd, without the names of kinds, which are for people."""
    return list(check(root, more)["odd"].values())


def test_everything_odd_is_said_at_once(root, capsys):
    (root / "train" / "cat" / "broken.png").write_bytes(b"\x89PNG nonsense")
    noise(50, 30, 4).save(root / "train" / "dog" / "tiny.png")
    Image.new("L", (5000, 20)).save(root / "train" / "dog" / "huge.png")
    shutil.copy(root / "train" / "cat" / "0.png", root / "val" / "cat" / "same.png")
    shutil.copy(root / "train" / "cat" / "1.png", root / "train" / "dog" / "cat.png")
    shutil.copy(root / "train" / "cat" / "2.png", root / "train" / "cat" / "twin.png")
    (root / "train" / "dog" / "film.gif").write_bytes(b"GIF89a")
    (root / "val" / "dog" / "phone.HEIC").write_bytes(b"x")
    noise(51).save(root / "train" / "stray.png")
    for part in ("train", "val"):
        (root / part / "fish").mkdir()
        noise(52 + len(part)).save(root / part / "fish" / "0.png")
    assert main(["check", f"folder:{root}@64", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == 18
    assert list(found["odd"].values()) == [
        ["fish"],
        ["train/cat/broken.png is no image of a known format (JPEG, PNG, BMP, WEBP, PPM, TIFF)"],
        ["train/dog/huge.png 5000×20"],
        ["train/dog/tiny.png 30×4"],
        ["train/cat/0.png = val/cat/same.png"],
        ["train/cat/1.png = train/dog/cat.png"],
        ["train/cat/2.png = train/cat/twin.png"],
        ["train/dog/film.gif"],
        ["train/stray.png"],
        ["val/dog/phone.HEIC"],
    ]
    assert len(set(found["odd"])) == 10
    (sizes,) = odd(root)[7]
    assert sizes == "3 sizes, the most frequent 20×18 (15 images)"


def test_what_cannot_be_used_is_looked_at_all_the_same(root):
    (root / "val" / "dog").rename(root / "val" / "dogs")
    (root / "train" / "cat" / "0.png").write_bytes(b"x")
    found = check(root)
    assert found["images"] == 10
    problem, broken = found["odd"].values()
    assert problem == [f"{root / 'val' / 'dog'}: no such class folder, but {root / 'train'} has it"]
    assert broken[0].startswith("train/cat/0.png is no image")


def test_nothing_to_test_on(root):
    shutil.rmtree(root / "val")
    assert odd(root) == [["say how much is held out, with --val-split 0.1"]]
    assert odd(root, ",val-split=0.2") == []


def test_what_is_no_folder_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="checked is one of folder:…, csv:…, hf:…, got 'digits'"):
        run(Config("digits"))
    with pytest.raises(FileProblem, match="cannot be read: No such file"):
        run(Config(f"folder:{tmp_path / 'none'}"))


def test_what_is_said_of_images_becomes_part_of_their_name(root, capsys):
    shutil.rmtree(root / "val")
    (root / "train" / "cat" / "0.png").write_bytes(b"x")
    words = ("check", "--data", f"folder:{root}@16", "--json")
    for more, told in (
        (("--val-split", "0.2"), ",val-split=0.2"),
        (("--skip-broken",), ",skip-broken"),
        (("--val-split", "0.2", "--skip-broken"), ",val-split=0.2,skip-broken"),
        (("--no-skip-broken",), ""),
    ):
        assert main([*words, *more]) == 0
        assert json.loads(capsys.readouterr().out)["data"] == f"folder:{root}@16{told}"
    assert main(["search", "--data", "digits", "--val-split", "0.2"]) == 2
    assert (
        "--val-split is about --data folder:…, csv:… or hf:…, got digits" in capsys.readouterr().err
    )
    assert main(["search", "--skip-broken"]) == 2
    assert (
        "--skip-broken is about --data folder:…, csv:… or hf:…, got none" in capsys.readouterr().err
    )
    assert main([*words, "--val-split", "2"]) == 2
    assert "val-split must be a share between 0 and 1, got '2'" in capsys.readouterr().err
