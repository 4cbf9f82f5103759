"""What a teacher says about a batch: computed once, compared with every student."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from autodas.networks import StagedNetwork
from autodas.statistics.passes.views import at_least_single, vectors
from autodas.statistics.passes.without_trace import measuring_mode

__all__ = ["TeacherSignals"]


class TeacherSignals:
    """The teacher's features and logits on one batch.

    Args:
        network: The teacher; its modes and buffers are left as they are.
        images: ``(B, C, H, W)``.
        labels: ``(B,)``.
        trained: Whether its running statistics mean anything; if not, BatchNorm uses those of
            the batch.
        digest: Content address of the teacher, part of every cache key.
    """

    def __init__(
        self,
        network: StagedNetwork,
        images: Tensor,
        labels: Tensor,
        *,
        trained: bool,
        digest: str,
    ) -> None:
        self.network = network
        self.images = images
        self.labels = labels
        self.trained = trained
        self.digest = digest
        self._views: dict[tuple[Callable[[Tensor], Tensor], ...], list[Tensor]] = {}
        self._classifier_inputs: list[Tensor] = []

    @cached_property
    def _forward(self) -> tuple[list[Tensor], Tensor]:
        hook = self.network.classifier.register_forward_pre_hook(
            lambda _, inputs: self._classifier_inputs.append(vectors(inputs[0].detach()))
        )
        try:
            with (
                measuring_mode(self.network, batch_statistics=not self.trained),
                torch.no_grad(),
            ):
                stages, logits = self.network.forward_stages(self.images)
                return [at_least_single(stage) for stage in stages], at_least_single(logits)
        finally:
            hook.remove()

    @property
    def stages(self) -> list[Tensor]:
        """Stage outputs, ``(B, C, H, W)`` or ``(B, N, D)`` each."""
        return self._forward[0]

    @property
    def logits(self) -> Tensor:
        """``(B, K)``."""
        return self._forward[1]

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
        _ = self._forward
        return self._classifier_inputs[-1]

    @cached_property
    def class_gradient(self) -> Tensor:
        """``(K, D)``: gradient of the mean cross-entropy at the last layer's weight."""
        logits = self.logits
        target = F.one_hot(self.labels, logits.shape[1]).to(logits.dtype)
        return ((logits.softmax(1) - target) / len(logits)).T @ self.classifier_input
