"""How far a network with standard normal weights carries a small change of its input apart."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from autodas.networks import StagedNetwork
from autodas.statistics.passes import views
from autodas.statistics.passes.noise import fixed_normal
from autodas.statistics.passes.without_trace import hooked, replaced

__all__ = ["GAUSSIAN_IMAGES", "drawn", "perturbation_growth"]

GAUSSIAN_IMAGES = 16
STEP = 0.01
TINY = 1e-30  # an output that does not change at all has the logarithm of this

_BATCH_NORM = nn.modules.batchnorm._BatchNorm


class _Calls:
    """Inputs of all leaf modules in order of execution, and the variance that BatchNorm removes."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[weakref.ref[Tensor]], float | None]] = []

    def __call__(
        self, module: nn.Module, inputs: tuple[Any, ...], named: Mapping[str, Any]
    ) -> None:
        given = list(_tensors((*inputs, *named.values())))
        removed = None
        if isinstance(module, _BATCH_NORM):
            removed = float(views.channel_moments(given[0])[1].mean())
        self.calls.append(([weakref.ref(each) for each in given], removed))

    def removed_before(self, output: Tensor) -> list[float]:
        """Mean channel variances at the BatchNorms on the way to ``output``."""
        found = []
        for references, removed in self.calls:
            if any(reference() is output for reference in references):
                break  # whatever follows works on the output
            found += [] if removed is None else [removed]
        return found


def perturbation_growth(network: StagedNetwork, images: Tensor) -> float:
    """Zen-score: log of the mean change of the last stage, plus log of what BatchNorm takes away.

    Log E‖f(x) − f(x + 0.01 ε)‖ + Σ_k log √(mean channel variance at BatchNorm k), where x and ε are
    standard normal and f is the last stage of the network with standard normal weights and without
    biases. At most 16 images; all random numbers are fixed.

    Args:
        network: In a mode in which BatchNorm uses the batch's statistics; unchanged.
        images: Only number and shape are used, ``(B, C, H, W)``.

    Source: Lin et al., ICCV 2021 (Zen-NAS), algorithm 1.
    """
    generator = torch.Generator().manual_seed(0)
    weights = drawn(network, generator, lambda _: 1.0)
    shape = (min(len(images), GAUSSIAN_IMAGES), *images.shape[1:])
    # Each precision has numbers of its own: see autodas.networks.seeded.
    noise, change = (fixed_normal(shape, generator, images) for _ in range(2))
    calls = _Calls()
    leaves = (module for module in network.modules() if not _has_parts(module))
    with hooked(m.register_forward_pre_hook(calls, with_kwargs=True) for m in leaves):
        before = _last_stage(network, weights, noise)
    removed = calls.removed_before(before)
    after = _last_stage(network, weights, noise + STEP * change)
    growth = (before - after).double().flatten(1).norm(dim=1).mean()
    log_removed = sum(0.5 * math.log(max(each, TINY**2)) for each in removed)
    return float(growth.clamp_min(TINY).log() + log_removed)


def _last_stage(network: StagedNetwork, weights: dict[int, Tensor], images: Tensor) -> Tensor:
    with replaced(network, lambda tensor: weights[id(tensor)]), torch.no_grad():
        return network.forward_stages(images.clone())[0][-1]


def _tensors(values: Iterable[object]) -> Iterator[Tensor]:
    """Those among what a module is given, alone or in lists."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _has_parts(module: nn.Module) -> bool:
    return next(module.children(), None) is not None


def drawn(
    network: nn.Module, generator: torch.Generator, deviation: Callable[[Tensor], float]
) -> dict[int, Tensor]:
    """Of each parameter, by identity: normal weights, no biases, unscaled normalisation; tokens and
    positions stay.

    Args:
        network: Its parameters are not changed.
        generator: Draws the weights.
        deviation: Standard deviation of a weight, ``(out, in, …)``.
    """
    made: dict[int, Tensor] = {}
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if id(parameter) in made:
                continue
            if name.endswith("bias"):
                value = torch.zeros_like(parameter)
            elif isinstance(module, nn.modules.conv._ConvNd | nn.Linear | nn.MultiheadAttention):
                value = fixed_normal(parameter.shape, generator, parameter)
                value *= deviation(parameter)
            elif name == "weight" and parameter.ndim == 1:
                value = torch.ones_like(parameter)
            else:
                value = parameter
            made[id(parameter)] = value.detach()
    return made
