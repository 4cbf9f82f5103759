"""The losses against hand-computed values."""

import math

import pytest
import torch
import torch.nn.functional as F

from autodas.distill import LOSSES, Recipe
from autodas.distill.losses.logits import soft_target_loss
from autodas.distill.mixing import Labels
from autodas.distill.training_loss import Outputs, TrainingLoss


def test_soft_targets_by_hand():
    # Teacher (ln 3, 0) at T = 1 is (3/4, 1/4); the student is undecided.
    teacher, student = torch.tensor([[math.log(3.0), 0.0]]), torch.zeros(1, 2)
    expected = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert soft_target_loss(student, teacher, 1.0).item() == pytest.approx(expected, rel=1e-6)


def test_temperature_softens_both_and_is_made_up_for_by_its_square():
    # At T = 2 the teacher's logits (2 ln 3, 0) give the same (3/4, 1/4) again, times T² = 4.
    teacher, student = torch.tensor([[2 * math.log(3.0), 0.0]]), torch.zeros(1, 2)
    expected = 4 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert soft_target_loss(student, teacher, 2.0).item() == pytest.approx(expected, rel=1e-6)


def test_the_batch_is_averaged():
    teacher = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]])
    one = soft_target_loss(torch.zeros(1, 2), teacher[:1], 1.0)
    both = soft_target_loss(torch.zeros(2, 2), teacher, 1.0)
    assert both.item() == pytest.approx(one.item() / 2)


def test_the_teacher_s_own_logits_cost_nothing():
    logits = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    assert soft_target_loss(logits + 3.0, logits, 4.0).item() == pytest.approx(0, abs=1e-5)


def test_for_high_temperatures_it_is_half_the_squared_difference_over_k():
    generator = torch.Generator().manual_seed(1)
    student, teacher = (
        torch.randn(6, 5, generator=generator, dtype=torch.float64) for _ in range(2)
    )
    difference = (student - student.mean(1, keepdim=True)) - (
        teacher - teacher.mean(1, keepdim=True)
    )
    expected = difference.square().sum(dim=1).mean().item() / (2 * 5)
    assert soft_target_loss(student, teacher, 1e4).item() == pytest.approx(expected, rel=1e-3)


def test_the_gradient_of_the_soft_loss_is_t_times_the_difference_of_probabilities():
    generator = torch.Generator().manual_seed(2)
    student, teacher = (torch.randn(3, 4, generator=generator) for _ in range(2))
    student.requires_grad_()
    soft_target_loss(student, teacher, 4.0).backward()
    expected = 4.0 * (F.softmax(student / 4, 1) - F.softmax(teacher / 4, 1)) / 3
    assert torch.allclose(student.grad, expected.detach(), atol=1e-6)


GENERATOR = torch.Generator().manual_seed(3)
STUDENT, TEACHER = (torch.randn(5, 4, generator=GENERATOR) for _ in range(2))
LABELS = torch.tensor([0, 1, 2, 3, 0])


def trained_on(*teachers, **changes):
    """The loss that a training of such a recipe minimises."""
    recipe = Recipe(
        "r",
        "",
        epochs=1,
        batch_size=5,
        optimizer="sgd",
        learning_rate=0.1,
        weight_decay=0.0,
        temperature=3.0,
        **changes,
    )
    network = torch.nn.Identity()
    images = torch.zeros(1, 1, 2, 2)
    networks = [network] * len(teachers)
    objective = TrainingLoss(
        recipe, network, networks, images=images, teacher_images=[images] * len(teachers), seed=0
    )
    return objective(Outputs(STUDENT), [Outputs(t) for t in teachers], Labels(LABELS)).item()


HARD = F.cross_entropy(STUDENT, LABELS).item()


@pytest.mark.parametrize(("kd_weight", "ce_weight"), [(0.7, 0.2), (0.7, 0.0), (0.0, 0.2)])
def test_the_weights_are_the_weights(kd_weight, ce_weight):
    soft = soft_target_loss(STUDENT, TEACHER, 3.0).item()
    loss = trained_on(TEACHER, kd_weight=kd_weight, ce_weight=ce_weight)
    assert loss == pytest.approx(kd_weight * soft + ce_weight * HARD, rel=1e-6)


@pytest.mark.parametrize("name", ["kd", "dkd", "dist"])
def test_without_hinton_s_factor_losses_on_logits_lack_the_square_of_the_temperature(name):
    whole = LOSSES.get(name).of_logits(STUDENT, TEACHER, LABELS, 3.0).item()
    with_factor = trained_on(TEACHER, losses={name: 0.7}, ce_weight=0.2)
    without = trained_on(TEACHER, losses={name: 0.7}, ce_weight=0.2, hinton_scaling=False)
    assert with_factor == pytest.approx(0.7 * whole + 0.2 * HARD, rel=1e-6)
    assert without == pytest.approx(0.7 * whole / 9 + 0.2 * HARD, rel=1e-6)


def test_without_a_teacher_it_is_plain_cross_entropy():
    assert trained_on(kd_weight=0.9, ce_weight=0.1) == pytest.approx(HARD, rel=1e-6)
