"""Training on images that stay in their files."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from autodas.core.errors import AutodasError, MissingData
from autodas.data import folder as folder_module
from autodas.data.folder import load_folder
from autodas.data.images import IMAGENET
from autodas.distill import get_recipe, train
from autodas.distill.batches import PictureLoader
from autodas.distill.short import short_training
from autodas.networks import ResNet, seeded
from autodas.networks.import_timm import import_transforms
from autodas.teachers import Teacher

try:
    import_transforms()
    HERE = True
except MissingData:
    HERE = False
needs_torchvision = pytest.mark.skipif(not HERE, reason="needs the extra images")

PLAIN = replace(get_recipe("cnn-short"), epochs=3, batch_size=7, padding=1, shift=1)


@pytest.fixture
def sets(tmp_path, monkeypatch):
    """A folder of 24 pictures of noise at 8 pixels, decoded and in its files."""
    monkeypatch.setenv("AUTODAS_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for part, count in (("train", 10), ("val", 2)):
        for name in ("left", "right"):
            folder = tmp_path / "noise" / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
    name = f"folder:{tmp_path / 'noise'}@8"
    decoded = load_folder(name)
    with monkeypatch.context() as small:
        small.setattr(folder_module, "_room", lambda: 0)
        return decoded, load_folder(name)


def cnn(seed=0):
    return seeded(lambda: ResNet((1, 1, 1), (4, 4, 8), channels=3, num_classes=2), seed)


def state(network):
    return torch.cat([v.flatten().double() for v in network.state_dict().values()])


def trained(data, recipe, **options):
    network = cnn()
    found = train(network, data, recipe, seed=1, **options)
    return state(network), found.history, found.quality


def assert_same(a, b):
    assert torch.equal(a[0], b[0])
    assert a[1:] == b[1:]


@pytest.mark.parametrize("fidelity", [None, 0.5])
def test_is_the_training_on_decoded_images_to_the_bit(sets, fidelity):
    if fidelity:
        sets = [short_training(data, PLAIN, fidelity)[0] for data in sets]
        assert len(sets[0].test_labels) == 4
    assert_same(*(trained(data, PLAIN) for data in sets))


@needs_torchvision
def test_crops_are_cut_from_the_files(sets):
    decoded, files = sets
    recipe = replace(get_recipe("image-cnn"), epochs=2, batch_size=7)
    assert_same(trained(decoded, recipe), trained(files, recipe))
    views = [
        next(PictureLoader(data, recipe, seed=0).epoch(0, [torch.arange(20)]))
        for data in (decoded, files, replace(decoded, train_files=None))
    ]
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])
    # Where nothing is cropped, the views are of what the student will see later.
    uncropped = replace(recipe, resized_crop=0.0, erasing=0.0, colour_jitter=1e-9)
    shown = next(PictureLoader(files, uncropped, seed=0).epoch(0, [torch.arange(20)]))
    assert torch.equal(shown, decoded.train_images)


class Killed(BaseException):
    pass


class Dies:
    """A listener that kills the training after so many epochs."""

    def __init__(self, after):
        self.left = after

    def advance(self, n=1):
        self.left -= 1
        if not self.left:
            raise Killed

    def start(self, *_):
        pass

    finish = note = start


@pytest.mark.parametrize("name", ["plain", pytest.param("image-vit", marks=needs_torchvision)])
def test_a_killed_training_ends_with_the_same_bits(sets, tmp_path, name):
    recipe = PLAIN if name == "plain" else replace(get_recipe(name), epochs=3, batch_size=7)
    path = tmp_path / "c.safetensors"
    with pytest.raises(Killed):
        trained(sets[1], recipe, checkpoint=path, progress=Dies(2))
    assert_same(trained(sets[1], recipe, checkpoint=path), trained(sets[1], recipe))


def test_a_teacher_is_asked_about_every_batch(sets):
    network = seeded(lambda: ResNet((1, 1, 1), (4, 4, 8), num_classes=2), 5).eval()
    teacher = Teacher("t", network, "0" * 64, 2, None, True, "a teacher", IMAGENET)
    recipe = replace(PLAIN, padding=0, flip=False, shift=0)
    looked_up, asked = (trained(data, recipe, teacher=teacher) for data in sets)
    torch.testing.assert_close(looked_up[0], asked[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("processes", [0, 1])
def test_an_image_that_is_gone_ends_the_training_in_one_line(sets, processes):
    gone = sets[1].originals.file(13)
    gone.unlink()
    loader = PictureLoader(sets[1], PLAIN, seed=0, processes=processes)
    batches = loader.epoch(0, [torch.arange(10), torch.arange(10, 20)])
    assert next(batches).shape == (10, 3, 8, 8)
    with pytest.raises(AutodasError, match=f"^{gone}: cannot be read: No such file") as said:
        next(batches)
    assert "\n" not in str(said.value)
