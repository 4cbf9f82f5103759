"""Data sets of Hugging Face's layouts, made on the spot; skipped where the extra is missing."""

import importlib

import numpy as np
import pytest
from PIL import Image

from autodas.core.errors import FileProblem, InvalidInput, MissingData
from autodas.data import load_data
from autodas.data.checkup import checked
from autodas.data.hugging_face import layout_of_hub

NAMES = ["tulip", "daisy"]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("AUTODAS_CACHE", str(tmp_path / "cache"))
    library = pytest.importorskip("datasets", reason='the extra is missing: "autodas[hf]"')
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", tmp_path / "hub" / "datasets")
    load_data.cache_clear()
    return library


def pictures(count, seed=0):
    rng = np.random.default_rng(seed)
    return [Image.fromarray(rng.integers(0, 256, (8, 10, 3), np.uint8)) for _ in range(count)]


def split(hub, count, labels=None, seed=0, names=NAMES, **more):
    columns = {"image": pictures(count, seed), "label": labels or [i % 2 for i in range(count)]}
    features = {"image": hub.Image(), "label": hub.ClassLabel(names=names)}
    for name, (feature, values) in more.items():
        columns[name], features[name] = values, feature
    return hub.Dataset.from_dict(columns, features=hub.Features(features))


def saved(hub, folder, **splits):
    hub.DatasetDict(splits).save_to_disk(str(folder))
    return folder


def test_what_save_to_disk_wrote_is_read(hub, tmp_path):
    folder = saved(
        hub,
        tmp_path / "flowers",
        train=split(hub, 6),
        validation=split(hub, 4, seed=1),
        test=split(hub, 3, labels=[-1] * 3, seed=2),
        extra=split(hub, 2, seed=3),
    )
    data = load_data(f"hf:{folder}@8")
    assert data.class_names == ("tulip", "daisy")
    assert data.train_labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert data.test_labels.tolist() == [0, 1, 0, 1]
    assert data.input_shape == (3, 8, 8)
    seen = np.asarray(pictures(6)[1])[:, 1:9].transpose(2, 0, 1)  # the centre square
    assert (data.train_images[1].numpy() == seen).all()
    load_data.cache_clear()
    assert load_data(f"hf:{folder}@8").digest == data.digest


def test_parquet_and_folders_of_images_are_read(hub, tmp_path):
    tables = tmp_path / "tables" / "data"
    tables.mkdir(parents=True)
    split(hub, 6).to_parquet(tables / "train-00000-of-00001.parquet")
    split(hub, 4, seed=1).to_parquet(tables / "test-00000-of-00001.parquet")
    found = layout_of_hub(str(tmp_path / "tables"))
    assert {part: len(images) for part, images in found.parts.items()} == {"train": 6, "test": 4}
    assert found.classes == ("tulip", "daisy")
    for part, count in (("train", 3), ("test", 2)):
        for name in NAMES:
            (tmp_path / "files" / part / name).mkdir(parents=True)
            for i, picture in enumerate(pictures(count, len(part + name))):
                picture.save(tmp_path / "files" / part / name / f"{i}.png")
    data = load_data(f"hf:{tmp_path / 'files'}@8")
    assert data.class_names == ("daisy", "tulip")
    assert sorted(data.train_labels.tolist()) == [0, 0, 0, 1, 1, 1]


def test_labels_may_be_names_or_numbers_and_a_part_may_be_held_out(hub, tmp_path):
    words = hub.Dataset.from_dict(
        {"img": pictures(12), "labels": ["b", "a", "c"] * 4},
        features=hub.Features({"img": hub.Image(), "labels": hub.Value("string")}),
    )
    words.save_to_disk(str(tmp_path / "words"))
    with pytest.raises(FileProblem, match=r"has no labelled split val or test: .*,val-split=0.1"):
        load_data(f"hf:{tmp_path / 'words'}@8")
    data = load_data(f"hf:{tmp_path / 'words'}@8,val-split=0.25")
    assert data.class_names == ("a", "b", "c")
    assert (len(data.train_labels), len(data.test_labels)) == (9, 3)
    numbers = hub.Dataset.from_dict(
        {"image": pictures(3), "label": [10, 9, 10]},
        features=hub.Features({"image": hub.Image(), "label": hub.Value("int64")}),
    )
    numbers.save_to_disk(str(tmp_path / "numbers"))
    found = layout_of_hub(str(tmp_path / "numbers"))
    assert found.classes == ("9", "10")
    assert [image.label for image in found.parts["train"]] == [1, 0, 1]


def test_one_of_several_columns_of_labels_is_named(hub, tmp_path):
    coarse = hub.ClassLabel(names=["plant", "animal", "stone"])
    folder = saved(
        hub,
        tmp_path / "both",
        train=split(hub, 4, coarse=(coarse, [2, 1, 0, 0])),
        test=split(hub, 4, seed=1, coarse=(coarse, [0, 0, 0, 1])),
    )
    with pytest.raises(InvalidInput, match="several columns of labels, label, coarse: say which"):
        load_data(f"hf:{folder}@8")
    data = load_data(f"hf:{folder}@8,label=coarse")
    assert (data.class_names[2], data.train_labels.tolist()) == ("stone", [2, 1, 0, 0])
    with pytest.raises(InvalidInput, match=r"has no column 'colour': it has image .Image., label"):
        load_data(f"hf:{folder}@8,label=colour")
    with pytest.raises(InvalidInput, match="label=x is about a column of hf:NAME"):
        load_data("folder:somewhere,label=x")


def test_classes_of_each_split_are_told_by_its_own_names(hub, tmp_path):
    words = split(hub, 2).cast_column("label", hub.Value("string"))
    words = words.map(lambda row: {"label": NAMES[int(row["label"])]})
    folder = saved(
        hub,
        tmp_path / "turned",
        train=split(hub, 4, labels=[0, 0, 1, 1]),
        validation=words,
        test=split(hub, 3, labels=[0, 0, 2], seed=1, names=["daisy", "rose", "tulip"]),
    )
    found = layout_of_hub(str(folder))
    assert found.classes == ("tulip", "daisy")
    assert {part: [image.label for image in its] for part, its in found.parts.items()} == {
        "train": [0, 0, 1, 1],
        "val": [0, 1],
        "test": [1, 1, 0],
    }


def test_what_cannot_be_used_is_said_in_one_line(hub, tmp_path):
    plain = {"train": split(hub, 4).remove_columns("image")}
    blank = {"train": split(hub, 4).remove_columns("label")}
    partly = {"train": split(hub, 4, labels=[0, -1, 1, -1])}
    nothing = {"train": split(hub, 4, labels=[-1] * 4)}
    other = {"test": split(hub, 4)}
    twice = {"train": split(hub, 4), "training": split(hub, 4)}
    second = {"train": split(hub, 4).rename_column("image", "left").add_column("n", [0] * 4)}
    second["train"] = (
        second["train"].add_column("right", [None] * 4, feature=hub.Image()).remove_columns("n")
    )
    both = {"train": split(hub, 4), "test": split(hub, 4, labels=[0, 2, 0, 2], names=[*NAMES, "x"])}
    blind = {"train": split(hub, 4), "test": split(hub, 4).remove_columns("label")}
    bare = {"train": split(hub, 4), "test": split(hub, 4).remove_columns("image")}
    number = split(hub, 4).cast_column("label", hub.Value("int64"))
    lists = hub.Dataset.from_dict(
        {"image": pictures(4), "label": [[0], [1], [0, 1], [1]]},
        features=hub.Features({"image": hub.Image(), "label": hub.List(hub.Value("int64"))}),
    )
    for place, (splits, error, message) in enumerate(
        (
            (both, FileProblem, "labels of test are no class of train: x"),
            ({"train": split(hub, 4), "test": number}, FileProblem, "no class of train: 0, 1"),
            (blind, InvalidInput, "test has no column 'label': it has image .Image."),
            (bare, InvalidInput, "test has no column 'image': it has label .ClassLabel."),
            ({"train": lists}, InvalidInput, "'label' of train is of kind List, not one label"),
            (plain, InvalidInput, "no column of images .* its columns are label .ClassLabel."),
            (blank, InvalidInput, "no column of labels .* its columns are image .Image."),
            (partly, FileProblem, "2 of the 4 images of train have no label in 'label'"),
            (nothing, FileProblem, "4 of the 4 images of train have no label in 'label'"),
            (other, InvalidInput, "has no split train; its splits are test"),
            (twice, InvalidInput, "has two splits that are train: train, training"),
            (second, InvalidInput, "several columns of images, left, right"),
        )
    ):
        folder = saved(hub, tmp_path / str(place), **splits)
        with pytest.raises(error, match=message) as said:
            load_data(f"hf:{folder}@8")
        assert "\n" not in str(said.value)
    with pytest.raises(MissingData, match="hf:nobody/nothing is not to be had: ") as said:
        load_data("hf:nobody/nothing@8")
    assert "\n" not in str(said.value)


def test_they_are_checked_like_folders(hub, tmp_path):
    folder = saved(hub, tmp_path / "flowers", train=split(hub, 4), test=split(hub, 4))
    found = checked(f"hf:{folder}@8", lambda done, total: None)
    assert found.parts == {"train": 4, "test": 4}
    assert len(found.odd["equal images in different parts, so that a test is no test"]) == 4
    with pytest.raises(MissingData):
        checked("hf:nobody/nothing", lambda done, total: None)


def test_without_the_library_one_line_says_what_to_install(monkeypatch):
    def refuse(name, *rest, **more):
        if name == "datasets":
            raise ImportError("No module named 'datasets'")
        return real(name, *rest, **more)

    real = importlib.import_module
    monkeypatch.setattr("autodas.data.hugging_face.importlib.import_module", refuse)
    with pytest.raises(MissingData, match=r'pip install "autodas\[hf\]"'):
        load_data("hf:flowers@8")
