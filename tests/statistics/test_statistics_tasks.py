"""Statistics of networks made for other tasks than a classification."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed
from autodas.networks import TransNasNetwork, seeded
from autodas.statistics import TeacherSignals, measure

KINDS = ("wider", "plain", "halved", "plain")
IMAGES = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
NUMBERS = torch.Generator().manual_seed(1)
TASKS = {
    "segmentsemantic": (17, torch.randint(17, (4, 16, 16), generator=NUMBERS)),
    "normal": (3, torch.randn(4, 3, 16, 16, generator=NUMBERS)),
    "room_layout": (9, torch.randn(4, 9, generator=NUMBERS)),
    "jigsaw": (1000, torch.randint(1000, (4,), generator=NUMBERS)),
}
PLAIN = {
    "segmentsemantic": lambda out, y: -out.log_softmax(1).gather(1, y[:, None]).mean(),
    "normal": lambda out, y: (out - y).abs().mean(),
    "room_layout": lambda out, y: (out - y).square().mean(),
    "jigsaw": lambda out, y: -out.log_softmax(1).gather(1, y[:, None]).mean(),
}


def network(task: str) -> TransNasNetwork:
    return seeded(lambda: TransNasNetwork(KINDS, num_classes=TASKS[task][0], task=task), 0)


@pytest.mark.parametrize("task", TASKS)
def test_gradients_are_those_of_the_loss_of_the_task(task: str) -> None:
    student, labels = network(task), TASKS[task][1]
    found = measure(student, IMAGES, labels, ["loss", "gradient_norm"])
    student.eval()
    for module in student.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train()
    loss = PLAIN[task](student(IMAGES), labels)
    weights = [
        module.weight
        for module in student.modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    ]
    norms = [gradient.norm().item() for gradient in torch.autograd.grad(loss, weights)]
    assert found["loss"].value.segments[0] == pytest.approx(loss.item(), rel=1e-5)
    assert [float(each) for each in found["gradient_norm"].value.segments] == pytest.approx(
        norms, rel=1e-2, abs=1e-6
    )


@pytest.mark.parametrize("task", ["segmentsemantic", "normal", "room_layout"])
def test_what_asks_for_classes_fails_with_a_reason(task: str) -> None:
    other = seeded(lambda: TransNasNetwork(KINDS, num_classes=10), 1)
    teacher = TeacherSignals(
        other, IMAGES, torch.zeros(4, dtype=torch.int64), trained=False, digest="other"
    )
    names = ["logits", "logit_kl", "class_gradient_distance", "class_jacobian_spread", "cka"]
    found = measure(network(task), IMAGES, TASKS[task][1], names, teacher=teacher)
    for name in names[:-1]:
        assert isinstance(found[name], Failed), name
        assert found[name].reason == "the task of the network has no classes of images"
    assert len(found["cka"].value.segments) == 2  # features are compared as ever


def test_information_of_weights_takes_classes_of_images() -> None:
    found = measure(
        network("segmentsemantic"), IMAGES, TASKS["segmentsemantic"][1], ["information_rank"]
    )["information_rank"]
    assert isinstance(found, Failed)
    assert "no classes of images" in found.reason


def test_labels_of_another_task_are_refused() -> None:
    for task, other, said in (
        ("segmentsemantic", "jigsaw", "labels go up to"),
        ("normal", "room_layout", r"shape \(4, 3, 16, 16\) need labels of shape .* got \(4, 9\)"),
        ("jigsaw", "segmentsemantic", r"need labels of shape \(4,\), got \(4, 16, 16\)"),
    ):
        with pytest.raises(InvalidInput, match=said):
            measure(network(task), IMAGES, TASKS[other][1], ["loss"])
