"""What a probe offers beside its pass through the batch, each made once and only if asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

from torch import Tensor

from autodas.networks import StagedNetwork
from autodas.statistics.passes import gradients as passes
from autodas.statistics.passes.gaussian import perturbation_growth

__all__ = ["FurtherPasses"]


class FurtherPasses(ABC):
    """The part of a probe that runs the network again.

    Attributes:
        network: The student.
        images: ``(B, C, H, W)``.
        labels: ``(B,)`` class numbers.
    """

    network: StagedNetwork
    images: Tensor
    labels: Tensor

    @abstractmethod
    def _require(self, need: str) -> None:
        """Refuse what was not announced."""

    @property
    @abstractmethod
    def weights(self) -> list[Tensor]:
        """The weights that gradients are taken at."""

    @property
    @abstractmethod
    def weight_gradients(self) -> list[Tensor]:
        """Gradient of the mean cross-entropy at each weight."""

    @cached_property
    def hessian_products(self) -> list[Tensor]:
        """Hessian of the first 16 images times :attr:`weight_gradients`, for each weight."""
        self._require("hessian")
        return passes.hessian_products(
            self.network, self.weights, self.weight_gradients, self.images, self.labels
        )

    @cached_property
    def half_gradients(self) -> list[list[Tensor]]:
        """Gradients at each weight of the first and of the second half of the batch."""
        self._require("halves")
        return passes.half_gradients(self.network, self.weights, self.images, self.labels)

    @cached_property
    def sign_sums(self) -> list[Tensor]:
        """Signs of the gradients of single images, summed over the first 8."""
        self._require("singles")
        return passes.sign_sums(self.network, self.weights, self.images, self.labels)

    @cached_property
    def tangent_kernel(self) -> Tensor:
        """``(b, b)``: the neural tangent kernel of the first b = min(B, 8) images."""
        self._require("tangent")
        return passes.tangent_kernel(self.network, self.weights, self.images)

    @cached_property
    def constant_gradients(self) -> list[Tensor]:
        """Gradient of the summed logits of all-ones images at each layer's weight."""
        self._require("constant")
        return passes.constant_gradients(self.network, self.weights, self.images)

    @cached_property
    def perturbation_growth(self) -> float:
        """Zen-score of the network with standard normal weights."""
        self._require("gaussian")
        return perturbation_growth(self.network, self.images)
