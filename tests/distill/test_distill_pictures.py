"""Recipes that transform every picture: what is drawn, who sees it, and going on after a kill."""

import sys
from dataclasses import replace

import pytest
import torch

from autodas.core.errors import InvalidInput, MissingData
from autodas.data import ImageData, load_data
from autodas.data.images import IMAGENET
from autodas.distill import get_recipe, train
from autodas.distill.batches import PictureLoader
from autodas.distill.engine import half_precision
from autodas.distill.loop import StudentWithLoss
from autodas.networks import ResNet, seeded
from autodas.networks.import_timm import import_transforms
from autodas.teachers import Teacher

try:
    import_transforms()
    HERE = True
except MissingData:
    HERE = False
needs_torchvision = pytest.mark.skipif(not HERE, reason="needs the extra images")

EVERYTHING = replace(
    get_recipe("image-vit"), epochs=3, batch_size=10, colour_jitter=0.2, padding=1, shift=1
)


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (30, 3, 16, 16), dtype=torch.uint8, generator=generator)
    labels = torch.arange(30) % 3
    return ImageData.of_tensors("noise", (images, labels), (images, labels), 3, IMAGENET)


def cnn(seed=0):
    return seeded(lambda: ResNet((1, 1, 1), (4, 4, 8), channels=3, num_classes=3), seed)


def state(network):
    return torch.cat([v.flatten().double() for v in network.state_dict().values()])


def views(data, *, seed=0, epoch=0, processes=0, indices=None, recipe=EVERYTHING):
    loader = PictureLoader(data, recipe, seed=seed, processes=processes)
    indices = indices or [torch.arange(10), torch.arange(10, 30)]
    return list(loader.epoch(epoch, indices))


@needs_torchvision
@pytest.mark.parametrize("processes", [1, 2])
def test_views_depend_on_seed_epoch_and_image_alone(data, processes):
    expected = torch.cat(views(data))
    assert expected.shape == (30, 3, 16, 16)
    assert expected.dtype == torch.uint8
    assert torch.equal(torch.cat(views(data, processes=processes)), expected)
    backwards = views(data, indices=[torch.tensor([i]) for i in range(29, -1, -1)])
    assert torch.equal(torch.cat(backwards).flip(0), expected)
    for changes in ({"seed": 1}, {"epoch": 1}):
        other = torch.cat(views(data, **changes))
        assert not any(torch.equal(a, b) for a, b in zip(other, expected, strict=True))


@needs_torchvision
def test_the_stream_of_stochastic_layers_is_left_alone(data):
    before = torch.random.get_rng_state()
    views(data)
    assert torch.equal(torch.random.get_rng_state(), before)


OFF = {"resized_crop": 0.0, "rand_augment": 0, "colour_jitter": 0.0, "erasing": 0.0}


def halves():
    """Forty images whose upper half is brighter."""
    images = torch.full((40, 3, 16, 16), 100, dtype=torch.uint8)
    images[:, :, :8] = 200
    part = images, torch.arange(40) % 2
    return ImageData.of_tensors("halves", part, part, 2, IMAGENET)


@needs_torchvision
@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"colour_jitter": 0.5}, lambda new: len(new[0].unique()) <= 2),  # every pixel alike
        ({"erasing": 0.99}, lambda new: set(new[0].unique().tolist()) - {100, 200} == {124}),
        ({"rand_augment": 20}, lambda new: True),
    ],
)
def test_each_transformation_does_its_part(changes, seen):
    data = halves()
    shown = torch.cat(
        views(data, indices=[torch.arange(40)], recipe=replace(EVERYTHING, **(OFF | changes)))
    )
    changed = [new for new in shown if not torch.equal(new, data.train_images[0])]
    assert len(changed) > 20
    assert all(seen(new) for new in changed)


@needs_torchvision
def test_crops_are_of_the_share_that_is_asked_for_or_more():
    recipe = replace(EVERYTHING, **(OFF | {"resized_crop": 0.9}))
    shown = torch.cat(views(halves(), indices=[torch.arange(40)], recipe=recipe))
    # Of 16 rows, 15 are seen, at the least 14: what is bright is 6 to 8 of them.
    bright = (shown[:, 0, :, 0] > 190).sum(1) / 16
    assert 5.5 / 16 <= bright.min() < bright.max() <= 10 / 16
    assert shown.shape == (40, 3, 16, 16)


@needs_torchvision
@pytest.mark.parametrize("after", [1, 2])
def test_a_killed_training_ends_with_the_same_bits(data, tmp_path, after):
    class Killed(BaseException):
        pass

    class Dies:
        left = after

        def advance(self, n=1):
            self.left -= 1
            if not self.left:
                raise Killed

        def start(self, *_):
            pass

        finish = note = start

    whole, path = cnn(), tmp_path / "c.safetensors"
    expected = train(whole, data, EVERYTHING, seed=3)
    with pytest.raises(Killed):
        train(cnn(), data, EVERYTHING, seed=3, checkpoint=path, progress=Dies())
    resumed = cnn()
    found = train(resumed, data, EVERYTHING, seed=3, checkpoint=path)
    assert found.history == expected.history
    assert torch.equal(state(whole), state(resumed))


@needs_torchvision
@pytest.mark.parametrize("name", ["image-cnn", "image-vit", "image-finetune"])
def test_teacher_and_student_see_the_same_view(data, monkeypatch, name):
    network = cnn(seed=1).eval()
    teacher = Teacher("t", network, "0" * 64, 3, None, True, "a teacher", IMAGENET)
    taught, learnt = [], []
    monkeypatch.setattr(type(network), "forward", _noting(type(network).forward, network, taught))
    usual = StudentWithLoss.forward

    def forward(self, images, *rest):
        learnt.append(images.clone())
        return usual(self, images, *rest)

    monkeypatch.setattr(StudentWithLoss, "forward", forward)
    train(cnn(), data, replace(get_recipe(name), epochs=2, batch_size=10), seed=0, teacher=teacher)
    assert len(learnt) == 6
    seen = [images for images in taught if len(images) == 10]
    assert all(torch.equal(a, b) for a, b in zip(seen, learnt, strict=True))
    assert not torch.equal(learnt[0].sort(0).values, learnt[3].sort(0).values)


def _noting(forward, whose, seen):
    def noting(self, images):
        if self is whose:
            seen.append(images.clone())
        return forward(self, images)

    return noting


def test_numbers_are_no_pictures():
    with pytest.raises(InvalidInput, match="'image-cnn' transforms pictures, and data set 'digits"):
        train(cnn(), load_data("digits"), get_recipe("image-cnn"), seed=0)


def test_one_line_says_that_torchvision_is_missing(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.transforms.v2", None)
    import_transforms.cache_clear()
    try:
        with pytest.raises(MissingData, match=r'pip install "autodas\[images\]"') as said:
            train(cnn(), data, get_recipe("image-cnn"), seed=0)
        assert "\n" not in str(said.value)
    finally:
        import_transforms.cache_clear()


def test_a_recipe_computes_in_bfloat16_where_there_is_a_gpu_for_it(monkeypatch):
    assert not half_precision("cpu", amp=False, bf16=True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for able in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda able=able: able)
        assert half_precision("cuda:1", amp=False, bf16=True) == able
        assert half_precision("cuda", amp=True, bf16=False)
        assert not half_precision("cuda", amp=False, bf16=False)
        assert not half_precision("cpu", amp=False, bf16=True)
