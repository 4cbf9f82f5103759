"""Everything odd about a folder of images is said at once."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from autodas.cli.main import main
from autodas.core.errors import FileProblem, InvalidInput
from autodas.data.catalog import load_data
from autodas.steps.check import Config, run


def noise(seed, width=20, height=18):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Two classes of three images to train on and two to test on, nothing odd about them."""
    monkeypatch.setenv("AUTODAS_CACHE", str(tmp_path / "cache"))
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
    for litter in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (root / "train" / "cat" / litter).write_text("x")
    found = check(root)
    assert found["odd"] == {}
    assert found["usable"]
    assert (found["images"], found["parts"]) == (10, {"train": 6, "val": 4})
    assert found["classes"] == {"cat": 3, "dog": 3}
    assert found["summary"] == [
        "10 images (6 in train, 4 in val)",
        "2 classes of 3 images to train on",
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
    noise(55).save(root / "train" / "cat" / "scan", "PNG")
    noise(56).save(root / "train" / "cat" / "scan.2020", "PNG")
    assert main(["check", f"folder:{root}@64", "--json"]) == 2
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
        ["train/cat/scan", "train/cat/scan.2020"],
        ["train/dog/film.gif"],
        ["train/stray.png"],
        ["val/dog/phone.HEIC"],
    ]
    assert len(set(found["odd"])) == 11
    (sizes,) = odd(root)[7]
    assert sizes == "3 sizes, the most frequent 20×18 (15 images)"


def test_what_cannot_be_used_is_looked_at_all_the_same(root):
    (root / "val" / "dog").rename(root / "val" / "dogs")
    (root / "train" / "cat" / "0.png").write_bytes(b"x")
    noise(50).save(root / "train" / "stray.png")
    (root / "train" / "cat" / "film.gif").write_bytes(b"GIF89a")
    found = check(root)
    assert found["images"] == 11
    assert found["parts"] == {"train": 6, "val": 4}
    assert found["classes"] == {"cat": 3, "dog": 3}
    assert list(found["odd"].values()) == [
        [
            f"{root / 'val' / 'dog'}: no such class folder, but {root / 'train'} has it",
            f"{root / 'val' / 'dogs'}: is a class that {root / 'train'} does not have",
        ],
        ["train/cat/0.png is no image of a known format (JPEG, PNG, BMP, WEBP, PPM, TIFF)"],
        ["train/cat/film.gif"],
        ["train/stray.png"],
    ]


def one_class(root):
    for part in ("train", "val"):
        shutil.rmtree(root / part / "dog")


def empty_class(root):
    shutil.rmtree(root / "val" / "dog")
    (root / "val" / "dog").mkdir()


def two_to_train_on(root):
    shutil.copytree(root / "train", root / "Training")


def none_to_train_on(root):
    (root / "train").rename(root / "test")


def no_test(root):
    shutil.rmtree(root / "val")


def broken(root):
    (root / "val" / "dog" / "0.png").write_bytes(b"x")


def two_sizes(root):
    noise(50, 40, 40).save(root / "val" / "dog" / "0.png")


def lost_class(root):
    for file in (root / "train" / "dog").iterdir():
        file.write_bytes(b"x")


def lost_part(root):
    for file in (root / "val").rglob("*.png"):
        file.write_bytes(b"x")


@pytest.mark.parametrize(
    ("change", "found_in", "why"),
    [
        (one_class, ("", 5), "has 1 class folders"),
        (empty_class, ("", 8), "holds no images"),
        (two_to_train_on, ("", 16), "is the same part as Training/"),
        (none_to_train_on, ("", 10), "has no folders train/ and val/"),
        (no_test, ("", 6), "say how much is held out to test on, --val-split 0.1"),
        (no_test, (",val-split=0.01", 6), "leaves nothing on one side"),
        (lambda _: None, (",val-split=0.1", 10), "nothing to split, it has train and val already"),
        (broken, ("", 10), "is no image of a known format"),
        (two_sizes, ("", 10), "2 sizes"),
        (lost_class, (",skip-broken", 10), "no image of the class dog to train on can be read"),
        (lost_part, (",skip-broken", 10), "no image of val can be read"),
    ],
)
def test_what_other_commands_refuse_ends_with_another_status(root, capsys, change, found_in, why):
    more, images = found_in
    change(root)
    name = f"folder:{root}{more}"
    with pytest.raises((FileProblem, InvalidInput)):
        load_data(name)
    assert main(["check", name, "--json"]) == 2
    out, told = capsys.readouterr()
    found = json.loads(out)
    assert (found["usable"], found["images"]) == (False, images)
    assert why in str(found["odd"])
    assert told.splitlines()[-1] == f"autodas: error: {name} cannot be used as it is"
    assert main(["check", name]) == 2
    assert f"{images} images" in capsys.readouterr().out


def test_what_other_commands_take_ends_well(root):
    two_sizes(root)
    broken(root)
    shutil.copy(root / "train" / "cat" / "0.png", root / "val" / "cat" / "same.png")
    (root / "stray.png").write_bytes(b"x")
    name = f"folder:{root}@16,skip-broken"
    assert main(["check", name]) == 0
    assert load_data(name).skipped == 1


def test_further_pages_and_frames_are_told(root):
    for number, name in enumerate(("pages.tif", "film.webp", "film.png", "single.tif")):
        more = [noise(60 + number), noise(70 + number)] if name != "single.tif" else []
        noise(50 + number).save(
            root / "train" / "cat" / name, save_all=True, append_images=more, lossless=True
        )
    found = check(root)
    assert found["odd"] == {
        "of several pages or frames, of which the first alone is read": [
            "train/cat/film.png", "train/cat/film.webp", "train/cat/pages.tif",
        ]
    }  # fmt: skip
    assert found["usable"]


def test_images_of_more_than_eight_bits_a_channel_cannot_be_read(root):
    (root / "val" / "cat" / "deep.ppm").write_bytes(b"P6 20 18 65535\n" + bytes(20 * 18 * 6))
    found = check(root)
    assert list(found["odd"].values()) == [
        ["val/cat/deep.ppm has more than 8 bits a channel; 8 bits a channel are read"]
    ]
    assert not found["usable"]


def test_images_of_one_flat_folder_are_looked_at(tmp_path):
    for i in range(3):
        noise(i).save(tmp_path / f"{i}.png")
    (tmp_path / "3.png").write_bytes(b"x")
    found = check(tmp_path)
    assert (found["images"], found["usable"]) == (4, False)
    problems, unread, outside = found["odd"].values()
    assert problems[0] == f"{tmp_path}: has 0 class folders, at least 2 are needed"
    assert unread[0].startswith("3.png ")
    assert outside == ["0.png", "1.png", "2.png", "3.png"]


def test_a_file_that_is_listed_twice_counts_twice_and_is_told(root, tmp_path):
    rows = ["train/cat/0.png,cat,train", "train/cat/1.png,cat,train", "train/dog/0.png,dog,train"]
    rows += ["val/cat/0.png,cat,test", "val/dog/0.png,dog,test"]
    listed = root / "list.csv"

    def told(*more):
        listed.write_text("\n".join(["path,label,split", *rows, *more]))
        return run(Config(f"csv:{listed}"))

    assert told()["usable"]
    assert list(told()["odd"].values()) == [["dog"]]
    found = told("./train/cat/0.png,dog,test")
    assert (found["images"], found["parts"]) == (6, {"train": 3, "test": 3})
    (*_, (kind, names)) = found["odd"].items()
    assert kind == "equal images in different parts, so that a test is no test"
    assert names == ["train/cat/0.png (train, cat) = train/cat/0.png (test, dog)"]
    (*_, (kind, names)) = told("train/cat/0.png,dog,train")["odd"].items()
    assert kind == "equal images in different classes"
    assert names == ["train/cat/0.png (train, cat) = train/cat/0.png (train, dog)"]
    (*_, (kind, names)) = told("train/cat/0.png,cat,train")["odd"].items()
    assert kind == "equal images"
    assert names == ["train/cat/0.png (train, cat) = train/cat/0.png (train, cat)"]
    assert told("train/cat/none.png,cat,train")["images"] == 6


def test_a_list_tells_all_that_is_wrong_with_it(root):
    listed = root / "list.csv"
    listed.write_text("path,label,split\ntrain/cat/0.png,cat,hold\nval/cat/0.png,cat,test\n")
    found = run(Config(f"csv:{listed}"))
    (problems,) = found["odd"].values()
    assert [each.removeprefix(f"{listed}: ") for each in problems] == [
        "has 1 different labels, at least 2 are needed",
        "has the split 'hold'; splits are train, val and test",
        "has no images of the split train",
    ]
    assert (found["images"], found["parts"]) == (1, {"test": 1})


def test_nothing_to_test_on(root):
    shutil.rmtree(root / "val")
    (why,) = odd(root)[0]
    assert "say how much is held out to test on, --val-split 0.1 or folder:" in why
    assert len(odd(root)) == 1
    assert odd(root, ",val-split=0.2") == []


def test_what_is_no_folder_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="checked is one of folder:…, csv:…, hf:…, got 'digits'"):
        run(Config("digits"))
    with pytest.raises(FileProblem, match="none: no such folder"):
        run(Config(f"folder:{tmp_path / 'none'}"))


def test_what_is_said_of_images_becomes_part_of_their_name(root, capsys):
    shutil.rmtree(root / "val")
    (root / "train" / "cat" / "0.png").write_bytes(b"x")
    words = ("check", "--data", f"folder:{root}@16", "--json")
    for more, told, status in (
        (("--val-split", "0.2"), ",val-split=0.2", 2),
        (("--skip-broken",), ",skip-broken", 2),
        (("--val-split", "0.2", "--skip-broken"), ",val-split=0.2,skip-broken", 0),
        (("--no-skip-broken",), "", 2),
    ):
        assert main([*words, *more]) == status
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
