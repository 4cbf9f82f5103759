"""What the teachers say of a batch: looked up, or asked for."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

from autodas.data import ImageData
from autodas.data.image_files import ImageFiles
from autodas.distill.recipe import Recipe
from autodas.distill.shifted_views import Views, predict, resident
from autodas.distill.training_loss import Outputs, check_losses, look
from autodas.networks import StagedNetwork
from autodas.teachers import Teacher, at_native_size, matched

__all__ = ["TeacherOutputs", "evaluating", "teacher_logits", "usable"]


def usable(
    teacher: Teacher | Sequence[Teacher] | None, data: ImageData, recipe: Recipe
) -> list[Teacher]:
    """The teachers of a training, each for the images of ``data``.

    Raises:
        InvalidInput: a teacher has another number of classes or channels than the data, or features
            alone where the recipe has losses on logits.
    """
    if teacher is None:
        return []
    teachers = [teacher] if isinstance(teacher, Teacher) else list(teacher)
    check_losses(recipe, teachers)
    return [matched(each, data) for each in teachers]


@contextlib.contextmanager
def evaluating(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Inside, the networks are in evaluation mode; afterwards each module as it was before.

    A network in training mode would normalise by the batch, and move its running statistics.
    """
    before = [(module, module.training) for network in networks for module in network.modules()]
    try:
        for module, _ in before:
            module.training = False
        yield
    finally:
        for module, mode in before:
            module.training = mode


class TeacherOutputs:
    """The teachers' outputs for every batch.

    Logits are looked up where every view will be seen about once anyway: images in memory under a
    few shifts, neither mixed nor cropped. Otherwise, or where a loss looks at features, the
    teachers see every batch as the student does, view by view (Beyer et al., "Knowledge
    distillation: A good teacher is patient and consistent", CVPR 2022).

    Args:
        teachers: From :func:`usable`.
        data: What is trained on.
        recipe: How.
        device: Where.
    """

    def __init__(
        self,
        teachers: Sequence[Teacher],
        data: ImageData,
        recipe: Recipe,
        device: str,
    ) -> None:
        self.device = device
        self.networks: list[StagedNetwork] = []
        self.known: list[Tensor] | None = None
        self.teachers = teachers
        self.stages = False
        self.fixed = not recipe.varies and (2 * recipe.shift + 1) ** 2 <= recipe.epochs
        self.fixed = self.fixed and not isinstance(data.train_images, ImageFiles)
        self.data = data
        self.shift = recipe.shift
        # Copies, so that the caller's teachers stay where they are.
        self.networks = [
            t.network if _there(t.network, device) else copy.deepcopy(t.network).to(device)
            for t in teachers
        ]

    def prepare(self, *, stages: bool) -> None:
        """Ask for all logits that can be looked up later; ``stages`` if features are needed."""
        self.stages = stages
        if self.fixed and not stages:
            self.known = [
                teacher_logits(t, self.data, self.shift, self.device) for t in self.teachers
            ]

    def of(self, view: Tensor, index: Tensor, images: Tensor) -> list[Outputs]:
        """What each teacher says of ``images``; ``view`` and ``index`` say which they are."""
        if self.known is not None:
            return [Outputs(k[view, index].to(self.device)) for k in self.known]
        found = []
        with torch.no_grad():
            for network in self.networks:
                suited = at_native_size(network, images)
                if self.stages:
                    # A copy: it may write into its images, and the student sees them next.
                    found.append(look(network, suited.clone(), stages=True))
                else:
                    found.append(Outputs(predict(network, suited)))
        return found


def _there(network: StagedNetwork, device: str) -> bool:
    return next(network.parameters()).device.type == torch.device(device).type == "cpu"


@lru_cache(maxsize=8)
def teacher_logits(teacher: Teacher, data: ImageData, shift: int, device: str = "cpu") -> Tensor:
    """``(V, N, K)`` logits of the teacher for all training images under all shifts, on the CPU.

    Kept for the next student: a table asks for the same ones a thousand times.
    """
    views = Views(resident(data, device), shift)
    everything = torch.arange(views.size)
    network = teacher.network
    if not _there(network, device):
        network = copy.deepcopy(network).to(device)

    def ready(images: Tensor) -> Tensor:
        return at_native_size(network, data.ready(images.to(device)))

    shifted = (
        views.images(torch.full_like(everything, view), everything) for view in range(views.views)
    )
    with evaluating([network]):
        return torch.stack([predict(network, images, ready).cpu() for images in shifted])
