"""Training on raw pixels is training on their normalised form, bit for bit."""

import numpy as np
import pytest
import torch

from autodas.data import ImageData
from autodas.data.images import IMAGENET, Normalisation
from autodas.distill import Recipe, evaluate, train
from autodas.networks import cifar_resnet, seeded
from autodas.teachers import Teacher


def data_sets():
    """The same images raw and normalised."""
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (24, 3, 8, 8), dtype=np.uint8))
    labels = torch.from_numpy(rng.integers(0, 10, 24))
    raw = ImageData.of_tensors("raw", (images, labels), (images, labels), 10, IMAGENET)
    part = (IMAGENET(images), labels)
    return raw, ImageData.of_tensors("ready", part, part, 10)


# Few epochs make the trainer ask the teacher live, many let it look the answers up.
@pytest.mark.parametrize(("shift", "epochs"), [(0, 2), (1, 2), (1, 9)])
def test_both_forms_give_the_same(shift, epochs):
    recipe = Recipe("r", "", epochs, 8, "sgd", learning_rate=0.01, weight_decay=0.0, shift=shift)
    network = seeded(lambda: cifar_resnet(8), 1).eval().requires_grad_(False)
    teacher = Teacher("t", network, "0", 10, None, trained=False, description="")
    found = []
    for data in data_sets():
        student = seeded(lambda: cifar_resnet(8), 2)
        training = train(student, data, recipe, seed=0, teacher=teacher)
        weights = torch.cat([p.detach().flatten() for p in student.parameters()])
        found.append((training.accuracy, training.history, weights))
        accuracy = evaluate(student, data.test_images, data.test_labels, data.ready)
        assert accuracy == training.accuracy
    assert found[0][:2] == found[1][:2]
    assert torch.equal(found[0][2], found[1][2])


def test_the_teacher_sees_its_own_normalisation():
    raw, _ = data_sets()
    seen = []

    class Watched(type(cifar_resnet(8))):
        def forward_stages(self, x):
            seen.append(x)
            return super().forward_stages(x)

    network = seeded(lambda: cifar_resnet(8), 1).eval().requires_grad_(False)
    network.__class__ = Watched
    other = Normalisation((0.5,) * 3, (0.5,) * 3)
    teacher = Teacher("t", network, "0", 10, None, True, "", normalisation=other)
    recipe = Recipe("r", "", 2, 24, "sgd", learning_rate=0.01, weight_decay=0.0)
    train(cifar_resnet(8), raw, recipe, seed=0, teacher=teacher)
    torch.testing.assert_close(seen[0], other(raw.train_images), rtol=1e-4, atol=1e-5)
