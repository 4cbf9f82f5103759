"""The Fisher information of single weights, and the spectrum that VKDNW looks at.

Of every parameter tensor only the first entry counts, which stands for it; the gradients of all
logits at these entries are wanted for each image on its own. In evaluation mode images do not meet,
so a change of an entry may be another one for every image: what it adds to the output of its layer
is added there by a hook, and one backward pass per class gives the gradients of all images. Where a
layer does more than its class says, as in a subclass, images go through one by one.

Source: Tybl and Neumann, "Training-free Neural Architecture Search through Variance of Knowledge of
Deep Network Weights", CVPR 2025 (VKDNW), sections 3.1 to 3.3. The factor of the covariance of the
outputs enters as in the released code, transposed, since the published numbers are of that form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autodas.networks import StagedNetwork
from autodas.statistics.need import Unmeasurable
from autodas.statistics.passes.gaussian import drawn
from autodas.statistics.passes.gradients import outputs_of
from autodas.statistics.passes.losses import check_differentiable
from autodas.statistics.passes.noise import noise_like
from autodas.statistics.passes.notes import given
from autodas.statistics.passes.without_trace import hooked, measuring_mode, replaced

__all__ = ["output_factors", "spectrum_entropy", "weight_information"]

TENSORS = 128
ENOUGH = 160  # images times classes, above which fewer images do
FEWEST, MOST = 4, 16
SMOOTHING = 0.05
SMALL = 1e-10

_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def weight_information(network: StagedNetwork, images: Tensor) -> Tensor:
    """``(P, P)``: Fisher information of the first entries of the first P ≤ 128 parameter tensors.

    Tensors that no convolution, linear or normalisation layer owns, such as class tokens, are left
    out. Weights are normal with variance 2 / fan-in, biases 0; the images are noise, 16 of them,
    and down to 4 of many classes. Every random number is fixed.

    Args:
        network: Unchanged afterwards.
        images: Only number, shape and precision are used, ``(B, C, H, W)``.

    Raises:
        Unmeasurable: the network has outputs for every pixel, or no layers with weights.
    """
    generator = torch.Generator().manual_seed(0)
    weights = drawn(network, generator, lambda weight: math.sqrt(2 / weight[0].numel()))
    with (
        measuring_mode(network, batch_statistics=False),
        replaced(network, lambda tensor: weights[id(tensor)]),
        torch.enable_grad(),
    ):
        with torch.no_grad():
            outputs = outputs_of(network, noise_like(images, 1))
        if outputs.ndim != 2:
            raise Unmeasurable("the task of the network has no classes of images")
        classes = outputs.shape[1]
        noise = noise_like(images, min(MOST, max(FEWEST, ENOUGH // classes)))
        logits, gradients = _jacobian(network, noise)
    factors = output_factors(logits.double())
    half = factors @ gradients.double().permute(2, 1, 0)  # (images, classes, tensors)
    return torch.einsum("nkp,nkq->pq", half, half) / len(noise)


def spectrum_entropy(information: Tensor) -> float:
    """Entropy of the deciles of the singular values, as a share of the largest, ln 9."""
    values: Tensor = torch.linalg.svdvals(information)
    levels = torch.arange(1, 10, dtype=values.dtype, device=values.device) / 10
    deciles = torch.quantile(values, levels)
    shares = deciles / (deciles.abs().sum() + SMALL)
    return float(-(shares * (shares + SMALL).log()).sum()) / math.log(9)


def output_factors(logits: Tensor) -> Tensor:
    """``(N, K, K)``: the factor of each image's covariance of the outputs.

    With p the smoothed softmax, L the lower Cholesky factor of diag(p) − p pᵀ in closed form.
    """
    p = (1 - SMOOTHING) * logits.softmax(1) + SMOOTHING / logits.shape[1]
    left = (1 - p.cumsum(1)).clamp_min(0)
    left[:, -1] = 0
    before = torch.cat([torch.ones_like(left[:, :1]), left[:, :-1]], 1)
    diagonal = (p * left / before).sqrt()
    ratio = torch.where(left > 0, diagonal / left, 0.0)
    return torch.diag_embed(diagonal) - (p[:, :, None] * ratio[:, None, :]).tril(-1)


def _jacobian(network: StagedNetwork, noise: Tensor) -> tuple[Tensor, Tensor]:
    """``(N, K)`` logits and ``(P, K, N)`` their gradients at the first entries.

    Where a layer does something else than its class says, the images go through one by one.
    """
    entries = _entries(network)[:TENSORS]
    if not entries:
        raise Unmeasurable("the network has no layers with weights")
    try:
        return _all_at_once(network, entries, noise)
    except _OfItsOwn:
        return _one_by_one(network, [entry.parameter for entry in entries], noise)


class _OfItsOwn(Exception):
    """What an entry adds to the outputs of its layer is not known."""


def _all_at_once(
    network: StagedNetwork, entries: list[_Entry], noise: Tensor
) -> tuple[Tensor, Tensor]:
    changes = [noise.new_zeros(len(noise)).requires_grad_() for _ in entries]
    mine: dict[nn.Module, list[tuple[_Share, Tensor]]] = {}
    for entry, change in zip(entries, changes, strict=True):
        for module, share in entry.uses:
            mine.setdefault(module, []).append((share, change))
    if not all(map(_is_plain, mine)):
        raise _OfItsOwn
    called: set[nn.Module] = set()
    with hooked(
        module.register_forward_hook(_adding(parts, called), with_kwargs=True)
        for module, parts in mine.items()
    ):
        logits = outputs_of(network, noise)
        if len(called) < len(mine):
            raise _OfItsOwn  # some are not used, or used without being called
        rows = [_gradients(logits[:, k].sum(), changes) for k in range(logits.shape[1])]
    return logits.detach(), torch.stack([torch.stack(row) for row in rows], 1)


def _one_by_one(
    network: StagedNetwork, parameters: list[Tensor], noise: Tensor
) -> tuple[Tensor, Tensor]:
    for parameter in parameters:
        parameter.requires_grad_()
    logits, columns = [], []
    for image in torch.split(noise, 1):
        outputs = outputs_of(network, image)
        logits.append(outputs.detach())
        rows = [_gradients(output, parameters) for output in outputs[0].unbind()]
        columns.append([torch.stack([each.flatten()[0] for each in row]) for row in rows])
    found = torch.stack([torch.stack(column, 1) for column in columns], 2)
    return torch.cat(logits), found


def _gradients(of: Tensor, at: list[Tensor]) -> tuple[Tensor, ...]:
    check_differentiable(of)
    return torch.autograd.grad(of, at, retain_graph=True, allow_unused=True, materialize_grads=True)


@dataclass(frozen=True)
class _Entry:
    """The first entry of a parameter tensor.

    Attributes:
        parameter: The tensor.
        uses: What the entry adds where.
    """

    parameter: Tensor
    uses: list[tuple[nn.Module, _Share]]


_Share = Callable[[nn.Module, Tensor], Tensor]
"""What a change of 1 of an entry adds to its layer's output, at the first channel."""


def _adding(parts: list[tuple[_Share, Tensor]], called: set[nn.Module]) -> Callable[..., Tensor]:
    def add(
        module: nn.Module, inputs: tuple[Tensor, ...], named: Mapping[str, Tensor], output: Tensor
    ) -> Tensor:
        called.add(module)
        axis = 1 if _channels_first(module) else output.ndim - 1
        changes = []
        for share, change in parts:
            added = share(module, given(inputs, named))
            rows = _of_rows(change, len(added))
            changes.append(added * rows.view(-1, *[1] * (added.ndim - 1)))
        padding = [0, 0] * (output.ndim - 1 - axis) + [0, output.shape[axis] - 1]
        return output + F.pad(sum(changes[1:], changes[0]).unsqueeze(axis), padding)

    return add


def _of_rows(change: Tensor, rows: int) -> Tensor:
    """``(rows,)`` the change of each image, for a layer that sees several rows of every image.

    Windows of Swin and patches of MobileViT are such rows, those of an image next to each other.

    Raises:
        _OfItsOwn: rows cannot be of single images.
    """
    each, rest = divmod(rows, len(change))
    if rest or not each:
        raise _OfItsOwn
    return change.repeat_interleave(each)


def _channels_first(module: nn.Module) -> bool:
    return not isinstance(module, nn.Linear | nn.LayerNorm)


def _is_plain(module: nn.Module) -> bool:
    """Whether a layer does what its class says, on images that do not meet."""
    if type(module).forward not in _FORWARD:
        return False
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return module.running_mean is not None
    if isinstance(module, nn.LayerNorm):
        return len(module.normalized_shape) == 1
    return not isinstance(module, nn.Conv2d) or module.padding_mode == "zeros"


_FORWARD = {
    nn.Conv2d.forward,
    nn.Linear.forward,
    nn.modules.batchnorm._BatchNorm.forward,
    nn.LayerNorm.forward,
    nn.GroupNorm.forward,
}


def _entries(network: nn.Module) -> list[_Entry]:
    """For each parameter tensor, in order of registration, what its first entry adds where."""
    found: dict[int, _Entry] = {}
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            share = _share_of(module, name)
            if share is not None:
                entry = found.setdefault(id(parameter), _Entry(parameter, []))
                entry.uses.append((module, share))
    return list(found.values())


def _share_of(module: nn.Module, name: str) -> _Share | None:
    if name == "bias" and isinstance(module, (nn.Conv2d, nn.Linear, *_NORMS)):
        return _ones
    if name != "weight":
        return None
    if isinstance(module, nn.Conv2d):
        return _first_tap
    if isinstance(module, nn.Linear):
        return lambda _, x: x[..., 0]
    return _normalised if isinstance(module, _NORMS) else None


def _ones(module: nn.Module, x: Tensor) -> Tensor:
    if isinstance(module, nn.Conv2d):
        return torch.ones_like(_first_tap(module, x))
    return torch.ones_like(x[:, 0] if _channels_first(module) else x[..., 0])


def _first_tap(module: nn.Module, x: Tensor) -> Tensor:
    """``(N, H', W')``: what the upper left weight of the first input channel sees."""
    if not isinstance(module, nn.Conv2d):
        raise TypeError(type(module).__name__)
    kernel = torch.zeros(1, 1, *module.weight.shape[2:], dtype=x.dtype, device=x.device)
    kernel[0, 0, 0, 0] = 1
    first: Tensor = F.conv2d(x[:, :1], kernel, None, module.stride, module.padding, module.dilation)
    return first[:, 0]


def _normalised(module: nn.Module, x: Tensor) -> Tensor:
    """The first channel, normalised, before weight and bias."""
    if isinstance(module, nn.LayerNorm):
        return F.layer_norm(x, module.normalized_shape, eps=module.eps)[..., 0]
    if isinstance(module, nn.GroupNorm):
        return F.group_norm(x, module.num_groups, eps=module.eps)[:, 0]
    mean, variance = module.get_buffer("running_mean")[0], module.get_buffer("running_var")[0]
    eps = float(module.eps)  # type: ignore[arg-type]  # every BatchNorm has one
    return (x[:, 0] - mean) / (variance + eps).sqrt()
