"""Further passes of a student: what one forward and one backward of the batch cannot tell.

Every function runs the network in the mode that it finds and changes nothing. Those that need
many backward passes look at the first few images only; how many is part of their definition.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from autodas.networks import StagedNetwork
from autodas.statistics.need import Unmeasurable
from autodas.statistics.negligible import cleared
from autodas.statistics.passes.losses import check_differentiable, check_outputs, labels_loss
from autodas.statistics.passes.twice import TwiceDifferentiable
from autodas.statistics.passes.weights import Layer
from autodas.statistics.passes.without_trace import replaced

__all__ = [
    "HESSIAN_IMAGES",
    "SINGLE_IMAGES",
    "TANGENT_IMAGES",
    "constant_gradients",
    "distillation_gradients",
    "half_gradients",
    "hessian_products",
    "outputs_of",
    "sign_sums",
    "tangent_kernel",
    "used_by",
]

HESSIAN_IMAGES = 16
SINGLE_IMAGES = 8
TANGENT_IMAGES = 8
TEMPERATURE = 4  # of the distillation loss, as of logit_kl_t4
CHUNK = 1 << 19  # input values at once where a graph of the backward pass has to be kept


def hessian_products(
    network: StagedNetwork,
    weights: Sequence[Tensor],
    direction: Sequence[Tensor],
    images: Tensor,
    labels: Tensor,
) -> list[Tensor]:
    """H·d for each weight: Hessian of the loss of the first 16 images, times a direction.

    In a larger batch, the direction is the gradient for those 16 images: where BatchNorm follows
    a layer, w·H·g is −|g|² if both are of the same loss, and next to noise if they are not.
    Exact, by differentiating the gradient. Samples that do not meet in a BatchNorm are taken a few
    at a time, because the graph of a backward pass is several times as large as that of a forward
    pass.
    """
    shortened = len(images) > HESSIAN_IMAGES
    images, labels = images[:HESSIAN_IMAGES], labels[:HESSIAN_IMAGES]
    step = len(images) if _meet(network) else max(1, CHUNK // images[0].numel())
    if shortened:
        direction = [torch.zeros_like(weight) for weight in weights]
        for some, known in zip(torch.split(images, step), torch.split(labels, step), strict=True):
            part = _loss_gradients(network, weights, some, known)
            torch._foreach_add_(direction, part, alpha=len(some) / len(images))
    products = [torch.zeros_like(weight) for weight in weights]
    for some, known in zip(torch.split(images, step), torch.split(labels, step), strict=True):
        # The fused attention of the CPU can be differentiated only once.
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
            with TwiceDifferentiable():
                loss = labels_loss(outputs_of(network, some), known) * (len(some) / len(images))
            gradients = _gradients(loss, weights, create_graph=True)
            along = torch.stack([(g * d).sum() for g, d in zip(gradients, direction, strict=True)])
            if along.requires_grad:
                torch._foreach_add_(products, _gradients(along.sum(), weights))
    return products


def half_gradients(
    network: StagedNetwork, weights: Sequence[Tensor], images: Tensor, labels: Tensor
) -> list[list[Tensor]]:
    """Gradients of the mean loss of the first and of the second half of the batch.

    Raises:
        Unmeasurable: a half is too small for the network's normalisation.
    """
    if len(images) < 2:
        raise Unmeasurable("one image has no two halves")
    return [
        cleared(_loss_gradients(network, weights, some, known))
        for some, known in zip(images.tensor_split(2), labels.tensor_split(2), strict=True)
    ]


def sign_sums(
    network: StagedNetwork, weights: Sequence[Tensor], images: Tensor, labels: Tensor
) -> list[Tensor]:
    """For each entry, the sum of the signs of its gradients, one per image for the first 8.

    Each image goes through the network alone, so that BatchNorm sees nothing but its positions.

    Raises:
        Unmeasurable: one image is too small for the network's normalisation.
    """
    sums = [torch.zeros_like(weight) for weight in weights]
    for i in range(min(len(images), SINGLE_IMAGES)):
        found = cleared(_loss_gradients(network, weights, images[i : i + 1], labels[i : i + 1]))
        torch._foreach_add_(sums, [gradient.sign() for gradient in found])
    return sums


def tangent_kernel(network: StagedNetwork, weights: Sequence[Tensor], images: Tensor) -> Tensor:
    """``(b, b)``: inner products of the first b = min(B, 8) samples' gradients at all weights.

    Each is the gradient of the sum of a sample's outputs.
    """
    images = images[:TANGENT_IMAGES]
    rows = []
    for some in torch.split(images, len(images) if _meet(network) else 1):
        with torch.enable_grad():
            outputs = outputs_of(network, some).flatten(1).sum(1)
            rows += [_gradients(output, weights, retain_graph=True) for output in outputs.unbind()]
    kernel = torch.zeros(len(rows), len(rows), dtype=torch.float64, device=images.device)
    for layer in zip(*rows, strict=True):
        flat = torch.stack([gradient.flatten() for gradient in layer]).double()
        kernel += flat @ flat.T
    return kernel


def distillation_gradients(
    network: StagedNetwork, weights: Sequence[Tensor], images: Tensor, teacher: Tensor
) -> list[Tensor]:
    """Gradients of the mean KL divergence at temperature 4 of the outputs, teacher against student.

    Args:
        network: The student.
        weights: Where gradients are taken.
        images: ``(B, C, H, W)``.
        teacher: ``(B, K)`` logits on the same images.
    """
    with torch.enable_grad():
        student = (outputs_of(network, images) / TEMPERATURE).log_softmax(1)
        taught = (teacher / TEMPERATURE).softmax(1).to(student.dtype)
        loss = F.kl_div(student, taught, reduction="batchmean")
        return cleared(_gradients(loss, weights))


def constant_gradients(
    network: StagedNetwork, weights: Sequence[Tensor], images: Tensor
) -> list[Tensor]:
    """Gradients of the summed outputs of as many all-ones images as there are images.

    All samples are the same, so two of them, scaled, are enough.
    """
    with torch.enable_grad():
        outputs = outputs_of(network, images.new_ones(2, *images.shape[1:]))
        return cleared(_gradients(outputs.sum() * (len(images) / 2), weights))


def used_by(network: StagedNetwork, layers: Sequence[Layer], images: Tensor) -> list[Layer]:
    """Those of the layers whose weights the outputs depend on, whether they are called or not."""
    held = [la for la in layers if la.module._parameters and la.weight.is_floating_point()]
    made: dict[int, Tensor] = {}

    def stand_in(weight: Tensor) -> Tensor:
        made[id(weight)] = weight.detach().requires_grad_(weight.is_floating_point())
        return made[id(weight)]

    with replaced(network, stand_in), torch.enable_grad():
        outputs = outputs_of(network, images[:2])
        held = [layer for layer in held if id(layer.weight) in made]
        if not (held and outputs.requires_grad):
            return []
        at = [made[id(layer.weight)] for layer in held]
        found = torch.autograd.grad(outputs.sum(), at, allow_unused=True)
    return [layer for layer, gradient in zip(held, found, strict=True) if gradient is not None]


def _meet(network: nn.Module) -> bool:
    """Whether samples of a batch influence each other."""
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules())


def _loss_gradients(
    network: StagedNetwork, weights: Sequence[Tensor], images: Tensor, labels: Tensor
) -> list[Tensor]:
    with torch.enable_grad():
        return _gradients(labels_loss(outputs_of(network, images), labels), weights)


def outputs_of(network: StagedNetwork, images: Tensor) -> Tensor:
    """What a network puts out for some images.

    Raises:
        Unmeasurable: they are too few for its normalisation.
    """
    try:
        outputs: Tensor = network(images.clone())  # which it may write into
    except ValueError as error:
        raise too_few(error) from None
    check_outputs(outputs)
    return outputs


def too_few(error: ValueError) -> Exception:
    """What is raised of a network that has refused some images: the reason, if they are too few."""
    if "more than 1 value per channel" in str(error):
        return Unmeasurable("a part of the batch is too small for BatchNorm")
    return error


def _gradients(
    of: Tensor, weights: Sequence[Tensor], *, create_graph: bool = False, retain_graph: bool = False
) -> list[Tensor]:
    check_differentiable(of)
    return list(
        torch.autograd.grad(
            of,
            weights,
            create_graph=create_graph,
            retain_graph=create_graph or retain_graph,
            allow_unused=True,
            materialize_grads=True,
        )
    )
