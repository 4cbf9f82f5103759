"""What a teacher says about a batch: computed once, compared with every student."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from autodas.networks import StagedNetwork
from autodas.statistics.need import Unmeasurable
from autodas.statistics.passes.gradients import tangent_kernel
from autodas.statistics.passes.notes import on_input
from autodas.statistics.passes.views import alike
from autodas.statistics.passes.weights import layers_of, scripted_part
from autodas.statistics.passes.without_trace import measuring_mode, plain_weights, replaced

__all__ = ["TeacherSignals"]

MOST_KEPT = 32 << 20
"""Bytes of features that are kept for the next student: of 32 teachers at hand, a gigabyte."""


class TeacherSignals:
    """The teacher's features and logits on one batch.

    Args:
        network: The teacher; its modes and buffers are left as they are.
        images: ``(B, C, H, W)``.
        labels: ``(B,)``.
        trained: Whether its running statistics mean anything; if not, BatchNorm uses those of
            the batch.
        digest: Content address of the teacher, part of every cache key.
        classes: Whether it says something of classes; if not, it has features alone.
    """

    def __init__(
        self,
        network: StagedNetwork,
        images: Tensor,
        labels: Tensor,
        *,
        trained: bool,
        digest: str,
        classes: bool = True,
    ) -> None:
        self.network = network
        self.images = images
        self.labels = labels
        self.trained = trained
        self.digest = digest
        self.classes = classes
        self._views: dict[tuple[Callable[[Tensor], Tensor], ...], list[Tensor]] = {}
        self._stages: list[Tensor] | None = None

        self._outputs: tuple[Tensor, Tensor] | None = None

    def _look(self) -> tuple[list[Tensor], tuple[Tensor, Tensor]]:
        """Features, kept until they are forgotten, and outputs, kept for good.

        Returns:
            Stage outputs; ``(B, K)`` logits and the ``(B, D)`` that the last linear layer sees.
        """
        inputs: list[Tensor] = []
        hook = on_input(self.network.classifier, inputs)
        try:
            with (
                measuring_mode(self.network, batch_statistics=not self.trained),
                torch.no_grad(),
            ):
                stages, logits = self.network.forward_stages(self.images.clone())
        finally:
            hook.remove()
        self._stages = [alike(stage, self.images) for stage in stages]
        self._outputs = alike(logits, self.images), alike(inputs[-1], self.images)
        return self._stages, self._outputs

    def forget_features(self, most: int = MOST_KEPT) -> None:
        """Let go of what takes more than ``most`` bytes; it is made again when it is asked for.

        What is compared in the end, such as Gram matrices of samples, is small and stays.
        """
        self._views = {name: seen for name, seen in self._views.items() if _bytes(seen) <= most}
        if self._stages is not None and _bytes(self._stages) > most:
            self._stages = None

    @property
    def stages(self) -> list[Tensor]:
        """Stage outputs, ``(B, C, H, W)`` or ``(B, N, D)`` each."""
        return self._stages or self._look()[0]

    @property
    def logits(self) -> Tensor:
        """``(B, K)``.

        Raises:
            Unmeasurable: the teacher has features alone.
        """
        if not self.classes:
            raise Unmeasurable("the teacher has features alone, no logits")
        return (self._outputs or self._look()[1])[0]

    def viewed(self, *views: Callable[[Tensor], Tensor]) -> list[Tensor]:
        """A view of every stage output, or a view of that view and so on, each computed once for
        all students.
        """
        if views not in self._views:
            seen = self.viewed(*views[:-1]) if views[1:] else self.stages
            self._views[views] = [views[-1](each) for each in seen]
        return self._views[views]

    @property
    def classifier_input(self) -> Tensor:
        """``(B, D)``: what the last linear layer sees."""
        return (self._outputs or self._look()[1])[1]

    @cached_property
    def class_gradient(self) -> Tensor:
        """``(K, D)``: gradient of the mean cross-entropy at the last layer's weight."""
        logits = self.logits
        target = F.one_hot(self.labels, logits.shape[1]).to(logits.dtype)
        return ((logits.softmax(1) - target) / len(logits)).T @ self.classifier_input

    @cached_property
    def tangent_kernel(self) -> Tensor:
        """``(b, b)``: the neural tangent kernel of the first b = min(B, 8) images.

        Raises:
            Unmeasurable: the teacher has features alone.
        """
        if not self.classes:
            raise Unmeasurable("the teacher has features alone, no logits")
        network = self.network
        if part := scripted_part(network):
            raise Unmeasurable(f"{part} of the teacher is a program, whose layers cannot be seen")
        with (
            measuring_mode(network, batch_statistics=not self.trained),
            plain_weights(network),
            # Its weights want no gradient, so others that share their numbers stand for them.
            replaced(network, lambda w: w.detach().requires_grad_(w.is_floating_point())),
        ):
            weights = [layer.weight for layer in layers_of(network)]
            return tangent_kernel(network, weights, self.images)


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(each.numel() * each.element_size() for each in tensors)
