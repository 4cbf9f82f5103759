"""SynFlow's data-free pass: no labels, no images, only the network's own wiring."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from autodas.networks import StagedNetwork
from autodas.statistics.need import Unmeasurable
from autodas.statistics.passes.gradients import outputs_of
from autodas.statistics.passes.losses import check_differentiable
from autodas.statistics.passes.without_trace import measuring_mode, replaced

__all__ = ["VirtualPass", "virtual_pass"]


@dataclass(frozen=True)
class VirtualPass:
    """SynFlow's objective R, the sum of the outputs, as logarithm: R itself leaves single precision
    in a network of forty layers.

    Attributes:
        log_output: log |R|.
        gradients: Gradient of log |R| for each weight, of the weight's shape. Times R, it is
            SynFlow's gradient. Without biases, weight times gradient sums to 1 in every layer.
    """

    log_output: float
    gradients: list[Tensor]


def virtual_pass(network: StagedNetwork, weights: Sequence[Tensor], images: Tensor) -> VirtualPass:
    """The logarithm of the summed outputs for an all-ones input at absolute parameters.

    BatchNorm and InstanceNorm use their running statistics, which are the identity in an untrained
    network; those that keep none are the identity as well. LayerNorm, GroupNorm and RMSNorm are run
    as they are.
    The pass runs in double precision: products over many layers leave single precision. A network
    that insists on a precision of its own, because it casts what it is given, runs in that of the
    images.

    Args:
        network: The student; its parameters are not changed.
        weights: The parameters whose gradients are wanted.
        images: Only shape and precision are used, ``(B, C, H, W)``.

    Raises:
        Unmeasurable: the outputs vanish, or are too large for a number.

    Source: Tanaka et al., NeurIPS 2020, section 5.
    """
    try:
        return _virtual_pass(network, weights, images, torch.float64)
    except RuntimeError:
        # PyTorch says in many ways that two precisions do not go together. What is wrong with the
        # network itself is wrong with it in its own precision as well.
        return _virtual_pass(network, weights, images, images.dtype)


def _virtual_pass(
    network: StagedNetwork, weights: Sequence[Tensor], images: Tensor, precision: torch.dtype
) -> VirtualPass:
    absolute = {
        id(weight): weight.detach().abs().to(precision).requires_grad_() for weight in weights
    }

    def parameter(tensor: Tensor) -> Tensor:
        if id(tensor) in absolute:
            return absolute[id(tensor)]
        numbers = tensor.is_floating_point() or tensor.is_complex()
        # Whole numbers are no weights, but say which of others are taken.
        return tensor.detach().abs().to(precision) if numbers else tensor

    def buffer(tensor: Tensor) -> Tensor:
        return tensor.to(precision) if tensor.is_floating_point() else tensor

    ones = torch.ones(1, *images.shape[1:], dtype=precision, device=images.device)
    with (
        measuring_mode(network, batch_statistics=False),
        _kept_statistics(network, ones),
        replaced(network, parameter, buffer),
        torch.enable_grad(),
    ):
        output = outputs_of(network, ones).sum().abs()
        check_differentiable(output)
        total = float(output.detach())
        if not 0 < total < math.inf:
            raise Unmeasurable(f"at absolute weights, the outputs for ones sum up to {total:g}")
        objective = output.log()
        gradients = torch.autograd.grad(
            objective,
            [absolute[id(weight)] for weight in weights],
            allow_unused=True,
            materialize_grads=True,
        )
    return VirtualPass(float(objective.detach()), list(gradients))


@contextlib.contextmanager
def _kept_statistics(network: nn.Module, like: Tensor) -> Iterator[None]:
    """Give normalisations that keep no statistics those of a mean of 0 and a variance of 1.

    They would normalise by what passes, the image of ones.
    """
    norms = [
        module
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._NormBase)
        # A BatchNorm that stopped to keep them uses those that it has, an InstanceNorm does not.
        and (module.running_mean is None or not _uses_kept(module))
    ]
    before = [(norm, norm.track_running_stats, dict(norm._buffers)) for norm in norms]
    try:
        for norm in norms:
            norm.track_running_stats = True
            norm._buffers["running_mean"] = like.new_zeros(norm.num_features)
            norm._buffers["running_var"] = like.new_ones(norm.num_features)
        yield
    finally:
        for norm, tracked, buffers in before:
            norm.track_running_stats = tracked
            norm._buffers.update(buffers)


def _uses_kept(norm: nn.modules.batchnorm._NormBase) -> bool:
    return norm.track_running_stats or not isinstance(norm, nn.modules.instancenorm._InstanceNorm)
