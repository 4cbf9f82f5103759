"""Noise with drawn labels: what InTrain sees of the layers and of the parameters of a network.

On the way forward it looks at how many directions the outputs of each layer spread over, on the way
back at how evenly the entries of each parameter are moved. Nothing but the network decides about
either: the images are standard normal, and so are the labels, or drawn among the classes evenly.

Source: Zhou et al., "InTrain: Intrinsic Trainability for Zero-Cost Neural Architecture Search",
CVPR 2026 (arXiv:2606.18676). There is no released code. Left open there, and decided here: the
layers are convolutions and linear layers; noise has the number and the shape of the images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autodas.networks import StagedNetwork
from autodas.statistics.negligible import NEGLIGIBLE
from autodas.statistics.passes.gradients import outputs_of
from autodas.statistics.passes.layer_outputs import channels_first
from autodas.statistics.passes.losses import check_differentiable
from autodas.statistics.passes.noise import fixed_normal, noise_like
from autodas.statistics.passes.views import at_least_single
from autodas.statistics.passes.weights import (
    WEIGHTED,
    Key,
    Layer,
    key_of,
    trainable_weights,
    why_unseen,
)
from autodas.statistics.passes.without_trace import hooked

__all__ = ["NoiseLoss", "health", "log_participation", "noise_loss"]

SEED = 2  # of the labels; that of the images is another
NOTHING = 1e-30  # a variance that is none
VANISHED = 1e-6
"""Share of the network's largest gradient below which, in single precision, a tensor's is what
rounding has left of nothing, such as that of a bias before BatchNorm."""


@dataclass(frozen=True)
class NoiseLoss:
    """What was found at one network.

    Attributes:
        log_participation: Per layer, the logarithm of the participation ratio of its outputs.
        unseen: Why some of these are not known; empty if all are.
        health: Per parameter with a gradient, in the order of their names, in [0, 1].
    """

    log_participation: list[float]
    unseen: str
    health: list[float]


def noise_loss(network: StagedNetwork, layers: Sequence[Layer], images: Tensor) -> NoiseLoss:
    """A forward and a backward pass of noise.

    Args:
        network: In a mode in which BatchNorm uses the batch's statistics.
        layers: Whose outputs count; those of a layer that is called several times add up.
        images: ``(B, C, H, W)``; the noise has their number, shape and precision.

    Raises:
        Unmeasurable: some layers have no gradient.
    """
    trainable_weights(layers)
    spread = {layer.key: 0.0 for layer in layers}
    called: set[Key] = set()

    def meet(module: nn.Module, _: object, output: Tensor) -> None:
        rows = channels_first(module, output.detach()).movedim(1, 2).flatten(0, 1)
        spread[key_of(module)] += log_participation(rows)
        called.add(key_of(module))

    modules = [m for m in network.modules() if isinstance(m, WEIGHTED)]
    with hooked(module.register_forward_hook(meet) for module in modules), torch.enable_grad():
        outputs = outputs_of(network, noise_like(images))
    # By name: a weight that was parametrised is registered after the bias of its layer.
    named = sorted(network.named_parameters(), key=lambda each: each[0])
    parameters = [parameter for _, parameter in named if parameter.requires_grad]
    with torch.enable_grad():
        loss = _loss(outputs)
    check_differentiable(loss)
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    used = {id(p) for p, gradient in zip(parameters, found, strict=True) if gradient is not None}
    moved = [
        torch.zeros_like(parameter) if gradient is None else gradient
        for parameter, gradient in zip(parameters, found, strict=True)
    ]
    return NoiseLoss(
        list(spread.values()),
        why_unseen([la for la in layers if la.key not in called and id(la.weight) in used]),
        health([at_least_single(each) for each in moved]),
    )


def log_participation(rows: Tensor) -> float:
    """Logarithm of (tr C)² / tr C², C the covariance of the columns of ``(samples, channels)``.

    From 0, of one direction or of none, to the logarithm of the number of channels.
    """
    rows = at_least_single(rows)
    rows = rows - rows.mean(0)
    covariance = (rows.T @ rows).double() / len(rows)
    total = float(covariance.trace())
    # As published, an epsilon on the diagonal would give what does not vary the largest value.
    if total <= NOTHING:
        return 0.0
    return float((total**2 / covariance.square().sum()).log())


def health(gradients: Sequence[Tensor]) -> list[float]:
    """For each tensor, the standard deviation of its entries over the largest magnitude, at most 1.

    0 for a tensor that is nothing beside the largest of all.
    """
    largest = [float(each.abs().max()) if each.numel() else 0.0 for each in gradients]
    double = bool(gradients) and gradients[0].dtype == torch.float64
    least = (NEGLIGIBLE if double else VANISHED) * max(largest, default=0.0)
    return [
        min(1.0, float(each.double().std(correction=0)) / most) if most > least else 0.0
        for each, most in zip(gradients, largest, strict=True)
    ]


def _loss(outputs: Tensor) -> Tensor:
    """Cross-entropy with drawn classes; of outputs for every pixel, squares from drawn numbers."""
    generator = torch.Generator().manual_seed(SEED)
    if outputs.ndim == 2:
        classes = torch.randint(
            outputs.shape[1], (len(outputs),), generator=generator, device="cpu"
        )
        return F.cross_entropy(outputs, classes.to(outputs.device))
    return F.mse_loss(outputs, fixed_normal(outputs.shape, generator, outputs))
