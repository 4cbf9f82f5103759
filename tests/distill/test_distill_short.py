"""Short trainings: a share of the steps, the whole schedule, other images to be judged on."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim import SGD

from autodas.core.errors import InvalidInput
from autodas.data import ImageData, load_data
from autodas.data.validation import for_choosing
from autodas.distill import Recipe, get_recipe, train
from autodas.distill.short import agreement, image_logits, kd_loss, pace_of, short_training
from autodas.networks import seeded
from autodas.teachers import load_teacher

PLAIN = Recipe("plain", "", epochs=20, batch_size=50, optimizer="sgd", learning_rate=0.1,
               weight_decay=0.0, warm_up=0.1)  # fmt: skip
SGD_STEP = SGD.step

fidelities = st.builds(
    lambda above, below: Fraction(min(above, below), max(above, below)),
    st.integers(1, 60),
    st.integers(1, 60),
)


@given(
    epochs=st.integers(1, 300),
    batch_size=st.integers(1, 500),
    images=st.integers(1, 60_000),
    kept=st.floats(0.01, 1.0),
    fidelity=fidelities,
)
def test_a_pace_takes_no_more_than_there_is(epochs, batch_size, images, kept, fidelity):
    recipe = dataclasses.replace(PLAIN, epochs=epochs, batch_size=batch_size)
    fitting = max(1, int(kept * images))
    pace = pace_of(recipe, fidelity, fitting=fitting, images=images)
    assert pace.epochs >= 1
    assert pace.batches >= 1
    assert 1 <= pace.images <= fitting
    # As many batches as the training loop will cut these images into.
    assert pace.batches == math.ceil(pace.images / batch_size)
    full = epochs * math.ceil(images / batch_size)
    assert pace.cost == Fraction(pace.epochs * pace.batches, full)
    wanted = float(fidelity * full)
    if math.ceil(fitting / batch_size) >= 11 and wanted >= 10:
        assert abs(pace.epochs * pace.batches - wanted) <= 0.05 * wanted + 0.5


def test_paces_worked_by_hand():
    pace = pace_of(PLAIN, Fraction(1, 9), fitting=160, images=200)  # of 20 · 4 steps, 8.9
    assert (pace.epochs, pace.batches, pace.images, pace.cost) == (3, 3, 150, Fraction(9, 80))
    few = pace_of(PLAIN, Fraction(1, 27), fitting=3200, images=4000)  # of 20 · 80 steps, 59.3
    assert (few.epochs, few.batches, few.images, few.cost) == (1, 59, 2950, Fraction(59, 1600))
    # 160 of 480 steps are 4 · 40, and not 3 · 53: an epoch may be shorter than it could be.
    fashion = dataclasses.replace(PLAIN, epochs=6)
    third = pace_of(fashion, Fraction(1, 3), fitting=3200, images=4000)
    assert (third.epochs, third.batches, third.images, third.cost) == (4, 40, 2000, Fraction(1, 3))
    # The whole length, on what the validation part leaves: more passes over fewer images.
    whole = pace_of(PLAIN, Fraction(1), fitting=160, images=200)
    assert (whole.epochs, whole.batches, whole.images, whole.cost) == (20, 4, 160, 1)
    tiny = pace_of(PLAIN, Fraction(1, 1000), fitting=160, images=200)
    assert (tiny.epochs, tiny.batches, tiny.images, tiny.cost) == (1, 1, 50, Fraction(1, 80))


@pytest.mark.parametrize("fidelity", [Fraction(0), Fraction(-1, 9), Fraction(10, 9)])
def test_a_fidelity_out_of_range_is_refused(fidelity):
    with pytest.raises(InvalidInput, match=rf"in \(0, 1\], got {fidelity}"):
        pace_of(PLAIN, fidelity, fitting=160, images=200)


def rates(monkeypatch, data, recipe):
    """The learning rate of every step."""
    seen = []

    def step(self, *args, **options):
        seen.append(self.param_groups[0]["lr"])
        return SGD_STEP(self, *args, **options)

    monkeypatch.setattr(SGD, "step", step)
    train(linear(), data, recipe, seed=0)
    monkeypatch.undo()
    return seen


def linear(classes=10):
    return seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, classes)), 0)


@pytest.mark.parametrize("schedule", ["cosine", "step"])
def test_the_schedule_is_shrunk_and_never_cut(monkeypatch, schedule):
    recipe = dataclasses.replace(PLAIN, schedule=schedule, milestones=(0.5, 0.8))
    data = load_data("digits")
    whole = rates(monkeypatch, data, recipe)
    part, shrunk, pace = short_training(data, recipe, Fraction(1, 3))
    short = rates(monkeypatch, part, shrunk)
    assert (len(whole), len(short)) == (80, 27)
    assert pace.cost == Fraction(len(short), len(whole))
    assert max(short) > 0.97 * recipe.learning_rate
    if schedule == "step":
        assert set(short[3:]) == set(whole[8:]) == {0.1, 0.1 * 0.1, 0.1 * 0.1**2}
        assert short[-1] == whole[-1]
    else:
        assert whole[-1] < short[-1] < 0.005 * recipe.learning_rate
    # Half-way through the steps is half-way through the schedule.
    assert short[14] == pytest.approx(whole[41], rel=0.1)
    # A schedule that was cut would still be at its height.
    assert whole[len(short) - 1] > 0.7 * recipe.learning_rate


def test_the_images_are_of_the_training_part_and_always_the_same():
    data = load_data("digits")
    parts = for_choosing(data)
    part, recipe, pace = short_training(data, PLAIN, Fraction(1, 9))
    assert recipe == dataclasses.replace(PLAIN, epochs=3)
    assert torch.equal(part.test_images, parts.test_images)
    assert torch.equal(part.test_labels, parts.test_labels)
    usable = {image.numpy().tobytes() for image in parts.train_images}
    chosen = {image.numpy().tobytes() for image in part.train_images}
    assert len(chosen) == pace.images == 150
    assert chosen < usable
    assert torch.bincount(part.train_labels).tolist() == [15] * 10
    other = dataclasses.replace(PLAIN, learning_rate=0.2)
    assert short_training(data, other, Fraction(1, 9))[0].digest == part.digest
    assert (part.name, part.num_classes) == ("digits", 10)


def test_what_the_test_part_holds_makes_no_difference():
    data = load_data("digits")
    noise = torch.randn(data.test_images.shape, generator=torch.Generator().manual_seed(0))
    garbage = ImageData.of_tensors(
        "digits",
        (data.train_images, data.train_labels),
        (noise, data.test_labels.flip(0)),
        data.num_classes,
    )
    found = []
    for each in (data, garbage):
        part, recipe, _ = short_training(each, PLAIN, Fraction(1, 9))
        network = linear()
        teacher = load_teacher("digits-cnn-teacher")
        training = train(network, part, recipe, seed=3, teacher=teacher)
        distance = kd_loss(network, [teacher], part, 2.0)
        found.append((training.quality, distance, image_logits(network, part).tolist()))
    assert found[0] == found[1]
    assert found[0][0].top1 > 15


def test_losses_of_images_average_to_the_cross_entropy():
    part, recipe, _ = short_training(load_data("digits"), PLAIN, Fraction(1, 9))
    network = linear()
    quality = train(network, part, recipe, seed=0).quality
    losses = nn.functional.cross_entropy(
        image_logits(network, part), part.test_labels, reduction="none"
    )
    assert losses.shape == (40,)
    assert float(losses.mean()) == pytest.approx(quality.cross_entropy, rel=1e-6)
    with torch.inference_mode():
        chances = network(part.test_images).double().softmax(dim=1).numpy()
    mine = -np.log(chances[np.arange(40), part.test_labels.numpy()])
    np.testing.assert_allclose(losses.numpy(), mine, rtol=1e-4, atol=1e-6)


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def divergence(theirs, mine, temperature):
    """T² · Σ p · ln(p / q), p of the teacher and q of the student, in plain NumPy."""
    p, q = softmax(theirs / temperature), softmax(mine / temperature)
    return temperature**2 * float((p * np.log(p / q)).sum(axis=1).mean())


@pytest.fixture
def answers():
    """Images, a student, two teachers, and the logits of the student and of both."""
    data, network = for_choosing(load_data("digits")), linear()
    names = ("digits-cnn-teacher", "untrained:digits-cnn-teacher")
    teachers = [load_teacher(name) for name in names]
    with torch.inference_mode():
        mine = network(data.test_images).double().numpy()
        theirs = [each.network(data.test_images).double().numpy() for each in teachers]
    return data, network, teachers, mine, theirs


def test_the_distance_from_the_teacher_is_that_of_a_hand_computation(answers):
    data, network, (first, second), mine, theirs = answers
    for temperature in (1.0, 4.0):
        one = kd_loss(network, [first], data, temperature)
        assert one == pytest.approx(divergence(theirs[0], mine, temperature), rel=1e-4)
        both = kd_loss(network, [first, second], data, temperature)
        expected = divergence((theirs[0] + theirs[1]) / 2, mine, temperature)
        assert both == pytest.approx(expected, rel=1e-4)
    assert kd_loss(first.network, [first], data, 4.0) == pytest.approx(0.0, abs=1e-6)


def test_agreement_is_the_share_of_images_that_both_take_for_the_same_class(answers):
    data, network, (first, second), mine, theirs = answers
    for teachers, logits in (([first], theirs[0]), ([first, second], theirs[0] + theirs[1])):
        alike = sum(int(a == b) for a, b in zip(mine.argmax(1), logits.argmax(1), strict=True))
        assert 0 < alike < len(mine)
        assert agreement(network, teachers, data) == pytest.approx(100 * alike / len(mine))
    assert agreement(first.network, [first], data) == 100


def test_judging_leaves_networks_as_they_were():
    data, teacher = for_choosing(load_data("digits")), load_teacher("digits-cnn-teacher")
    network = seeded(
        lambda: nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 10)), 0
    ).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    kd_loss(network, [teacher], data, 2.0)
    image_logits(network, data)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_recipes_of_this_package_have_paces_near_what_was_asked_for():
    for name, images in (("digits-cnn-short", 200), ("fashion-vit-short", 4000)):
        for rung in (Fraction(1, 27), Fraction(1, 9), Fraction(1, 3)):
            pace = pace_of(get_recipe(name), rung, fitting=images * 4 // 5, images=images)
            assert 0.95 < pace.cost / rung < 1.05
