"""What runs a student again, beside the pass through the batch: each pass made once, if asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, wraps
from typing import Concatenate, ParamSpec, TypeVar

from torch import Tensor

from autodas.networks import StagedNetwork, count, undisturbed
from autodas.statistics.need import Need, require
from autodas.statistics.passes import gradients
from autodas.statistics.passes.blocks import BlockValues, block_pass
from autodas.statistics.passes.gaussian import perturbation_growth
from autodas.statistics.passes.information import spectrum_entropy, weight_information
from autodas.statistics.passes.noise_loss import NoiseLoss, noise_loss
from autodas.statistics.passes.virtual import VirtualPass, virtual_pass
from autodas.statistics.passes.weights import Layer, own_weights, trainable_weights
from autodas.statistics.passes.without_trace import measuring_mode

__all__ = ["ExtraPasses"]

P = ParamSpec("P")
R = TypeVar("R")


def _afresh(
    run: Callable[Concatenate[ExtraPasses, P], R],
) -> Callable[Concatenate[ExtraPasses, P], R]:
    """No pass sees what another has left in the network."""

    @wraps(run)
    def undisturbed_run(passes: ExtraPasses, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with undisturbed(passes._network):
            return run(passes, *args, **kwargs)

    return undisturbed_run


class ExtraPasses:
    """The extra passes of one student.

    Args:
        network: The student, in the mode in which it is measured.
        images: ``(B, C, H, W)``.
        labels: ``(B,)`` class numbers, or those of another task.
        layers: Where gradients are taken, one tensor per layer.
        needs: What was announced; anything else is refused with ``InvalidInput``. Only the MACs
            need not be announced.
    """

    def __init__(
        self,
        network: StagedNetwork,
        images: Tensor,
        labels: Tensor,
        layers: Sequence[Layer],
        needs: frozenset[Need],
    ) -> None:
        self._network = network
        self._images = images
        self._labels = labels
        self._layers = layers
        self._needs = needs
        self._hessian: tuple[Sequence[Tensor], list[Tensor]] | None = None

    def _weights(self, need: Need) -> list[Tensor]:
        require(need, self._needs)
        return trainable_weights(self._layers)

    @cached_property
    @_afresh
    def macs(self) -> int:
        """Multiply-accumulate operations for one image."""
        with measuring_mode(self._network, batch_statistics=False):
            try:
                return count(self._network, self._images[:1]).macs
            except ValueError as error:
                raise gradients.too_few(error) from None

    @_afresh
    def used(self, layers: Sequence[Layer]) -> list[Layer]:
        """Those of some layers that the network uses, whether it calls them or not."""
        return gradients.used_by(self._network, layers, self._images)

    @cached_property
    @_afresh
    def blocks(self) -> BlockValues:
        """Entropies of the blocks for noise, and gradients between them (need ``blocks``)."""
        require(Need.BLOCKS, self._needs)
        return block_pass(self._network, self._images)

    @cached_property
    @_afresh
    def noise_loss(self) -> NoiseLoss:
        """How layers and parameters take noise with drawn labels (need ``noise_loss``)."""
        require(Need.NOISE_LOSS, self._needs)
        return noise_loss(self._network, self._layers, self._images)

    @cached_property
    @_afresh
    def virtual(self) -> VirtualPass:
        """SynFlow's data-free objective and its gradients (need ``virtual``)."""
        require(Need.VIRTUAL, self._needs)
        return virtual_pass(self._network, own_weights(self._layers), self._images)

    @_afresh
    def hessian_products(self, direction: Sequence[Tensor]) -> list[Tensor]:
        """Hessian of the first 16 images times a direction (need ``hessian``).

        Args:
            direction: The gradient of the batch at each weight.
        """
        weights = self._weights(Need.HESSIAN)
        if self._hessian is None or self._hessian[0] is not direction:
            products = gradients.hessian_products(
                self._network, weights, direction, self._images, self._labels
            )
            self._hessian = direction, products
        return self._hessian[1]

    @cached_property
    @_afresh
    def half_gradients(self) -> list[list[Tensor]]:
        """Gradients of the first and of the second half of the batch (need ``halves``)."""
        weights = self._weights(Need.HALVES)
        return gradients.half_gradients(self._network, weights, self._images, self._labels)

    @cached_property
    @_afresh
    def sign_sums(self) -> list[Tensor]:
        """Signs of the gradients of single images, summed over the first 8 (need ``singles``)."""
        weights = self._weights(Need.SINGLES)
        return gradients.sign_sums(self._network, weights, self._images, self._labels)

    @cached_property
    @_afresh
    def tangent_kernel(self) -> Tensor:
        """``(b, b)``: the neural tangent kernel of the first b = min(B, 8) images (need
        ``tangent``).
        """
        return gradients.tangent_kernel(self._network, self._weights(Need.TANGENT), self._images)

    @_afresh
    def distillation_gradients(self, teacher: Tensor) -> list[Tensor]:
        """Gradients of the distillation loss at each weight (need ``distilling``).

        Args:
            teacher: ``(B, K)`` logits.
        """
        weights = self._weights(Need.DISTILLING)
        return gradients.distillation_gradients(self._network, weights, self._images, teacher)

    @cached_property
    @_afresh
    def constant_gradients(self) -> list[Tensor]:
        """Gradients of the summed outputs of all-ones images (need ``constant``)."""
        weights = self._weights(Need.CONSTANT)
        return gradients.constant_gradients(self._network, weights, self._images)

    @cached_property
    @_afresh
    def spectrum_entropy(self) -> float:
        """Entropy of the spectrum of the weights' Fisher information (need ``information``)."""
        require(Need.INFORMATION, self._needs)
        return spectrum_entropy(weight_information(self._network, self._images))

    @cached_property
    @_afresh
    def perturbation_growth(self) -> float:
        """Zen-score of the network with standard normal weights (need ``gaussian``)."""
        require(Need.GAUSSIAN, self._needs)
        return perturbation_growth(self._network, self._images)
