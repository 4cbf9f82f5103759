"""From image files to class names, with the preprocessing of the training."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import autodas
from autodas.core.errors import FileProblem, InvalidInput
from autodas.data import load_data


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A student of two colours, whose images are cut from wider ones."""
    root = tmp_path_factory.mktemp("predict")
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("val", 4)):
        for name, channel in (("blue", 2), ("red", 0)):
            folder = root / "set" / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 90, (20, 30, 3), dtype=np.uint8)
                pixels[..., channel] += 150
                Image.fromarray(pixels).save(folder / f"{i}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTODAS_CACHE", str(root / "cache"))
        data = f"folder:{root / 'set'}@8"
        autodas.distill_student(
            space="digits-cnn", arch='{"depth":[1,1,1],"width":[8,8,8]}', data=data,
            teacher="none", seeds=1, epochs=6, jobs=1, out=root / "run",
        )  # fmt: skip
        yield root, load_data(data)


def test_files_are_seen_as_in_training(trained):
    root, data = trained
    student = autodas.load_student(root / "run")
    files = sorted((root / "set" / "val").glob("*/*.png"))
    found = student.predict([str(file) for file in files])
    with torch.no_grad():
        expected = student(data.ready(data.test_images)).double().softmax(1)
    seen = torch.tensor([each.probabilities for each in found], dtype=torch.float64)
    assert torch.allclose(seen, expected, atol=1e-6)
    assert [each.file for each in found] == files
    for each, row in zip(found, expected, strict=True):
        assert each.label == int(row.argmax())
        assert each.name == ("blue", "red")[each.label]
        assert each.probability == pytest.approx(float(row.max()))
    assert [each.name for each in student.predict(files[0])] == [found[0].name]
    assert student.predict([]) == []


def test_a_student_in_training_mode_predicts_the_same_and_learns_nothing(trained):
    root, _ = trained
    files = sorted((root / "set" / "val").glob("*/*.png"))[:3]
    student = autodas.load_student(root / "run")
    expected, weights = student.predict(files), student.state_dict()
    before = {name: tensor.clone() for name, tensor in weights.items()}
    student.train()
    assert student.predict(files) == expected
    assert student.training
    assert all(torch.equal(before[name], tensor) for name, tensor in student.state_dict().items())


def test_the_transform_is_the_students(trained):
    root, _ = trained
    told = json.loads((root / "run" / "student.json").read_text())
    assert told["transform"] == {
        "resize": 8,
        "crop": [8, 8],
        "interpolation": "bilinear",
        "antialias": True,
    }
    student, file = autodas.load_student(root / "run"), root / "set" / "val" / "red" / "0.png"
    expected = student.predict(file)
    student.predict._description.pop("transform")  # as of earlier versions
    assert student.predict(file) == expected
    student.predict._description["transform"] = told["transform"] | {"resize": None}
    with pytest.raises(FileProblem, match="has 30×20 pixels, this student sees 8×8"):
        student.predict(file)


def test_the_description_says_all_that_is_needed(trained):
    root, data = trained
    told = json.loads((root / "run" / "student.json").read_text())
    assert told["class_names"] == ["blue", "red"]
    assert (
        "shorter side to 8 pixels (bilinear, antialiased), cut the centre square"
        in (told["preprocessing"])
    )
    assert told["normalisation"]["mean"] == [0.485, 0.456, 0.406]
    assert told["data_digest"] == data.digest


def test_what_cannot_be_seen_is_said(trained, tmp_path):
    student = autodas.load_student(trained[0] / "run")
    (tmp_path / "no.png").write_text("x")
    with pytest.raises(FileProblem, match=r"no\.png: is no image"):
        student.predict(tmp_path / "no.png")
    student.predict._description = {"input_shape": [3, 8, 8]}
    with pytest.raises(InvalidInput, match="does not say how its images are normalised"):
        student.predict(tmp_path / "no.png")
    student.predict._description = {
        "input_shape": [1, 8, 8],
        "normalisation": {"mean": [0.5], "std": [0.5]},
    }
    with pytest.raises(InvalidInput, match="images of 1 channels, files are read as 3"):
        student.predict(tmp_path / "no.png")
