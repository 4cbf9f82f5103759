"""Blocks of a network, and what AZ-NAS sees between them.

A *block* is a module with parts of its own that is called from a list or sequence of modules:
the cells of NAS-Bench networks, residual blocks, transformer blocks. Blocks within blocks do not
count. What enters the first block, the stem's output, stands before them. In a network without
blocks, its stages take their place. As published, the network sees standard normal noise.

Source: Lee and Ham, CVPR 2024 (AZ-NAS), sections 3.1 to 3.3.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from autodas.networks import StagedNetwork
from autodas.statistics.passes.noise import noise_like
from autodas.statistics.passes.without_trace import hooked

__all__ = ["BlockValues", "block_pass", "block_values", "blocks_of"]

_LISTS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
NOTHING = 1e-30  # a variance that is none
SHUT = 2 - 1e6
"""Trainability of a block that lets no gradient through, and of one that changes none."""


@dataclass(frozen=True)
class BlockValues:
    """What was found at the blocks of one network.

    Attributes:
        entropies: Entropy in nats of the principal components' shares of the variance, of what
            enters the first block and of what each block puts out; 0 where nothing varies.
        step: Smallest growth of the entropy from one to the next; minus the largest entropy that
            there could be, where something does not vary (−∞ as published); None of one alone.
        trainability: Per pair of neighbouring blocks, 2 − s − 1 / (s + 1e-6), at most 0, where s is
            the largest singular value of the channels' correlation between a random gradient
            entering and the gradient leaving; empty if no gradient passes.
    """

    entropies: list[float]
    step: float | None
    trainability: list[float]


def blocks_of(network: nn.Module) -> Iterator[nn.Module]:
    """The outermost blocks of a network."""
    for child in network.children():
        listed = isinstance(network, nn.Sequential | nn.ModuleList)
        if listed and not isinstance(child, _LISTS) and next(child.children(), None) is not None:
            yield child
        else:
            yield from blocks_of(child)


def block_pass(network: StagedNetwork, images: Tensor) -> BlockValues:
    """What is found between the blocks of a network that sees noise.

    Args:
        network: In a mode in which BatchNorm uses the batch's statistics.
        images: ``(B, C, H, W)``; the noise has their number, shape and precision.
    """
    features: list[Tensor] = []
    with hooked(_on_block(block, features) for block in blocks_of(network)), torch.enable_grad():
        stages, _ = network.forward_stages(noise_like(images))
    return block_values(features if len(features) > 1 else stages)


def _on_block(block: nn.Module, features: list[Tensor]) -> RemovableHandle:
    """Append what a block puts out, with its graph; before the first, what enters it.

    Only feature maps and tokens count.
    """

    def keep(_: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        met = (output,) if features else (*inputs[:1], output)
        features.extend(x for x in met if isinstance(x, Tensor) and x.ndim in (3, 4))

    return block.register_forward_hook(keep)


def block_values(features: Sequence[Tensor]) -> BlockValues:
    """Entropies and trainability of features that are still part of a graph, in order."""
    gains = [
        _trainability(outer, inner, seed)
        for seed, (inner, outer) in enumerate(itertools.pairwise(features))
    ]
    entropies = [_entropy(feature.detach()) for feature in features]
    known = [0.0 if each is None else each for each in entropies]
    if None in entropies:
        step: float | None = -math.log(max(_rows(feature).shape[1] for feature in features))
    else:
        step = min((b - a for a, b in itertools.pairwise(known)), default=None)
    return BlockValues(known, step, [gain for gain in gains if gain is not None])


def _rows(value: Tensor) -> Tensor:
    """``(samples · positions, channels)`` of a feature map or of tokens."""
    channels_last = value.movedim(1, -1) if value.ndim == 4 else value
    return channels_last.flatten(0, -2)


def _entropy(feature: Tensor) -> float | None:
    """None of a feature that does not vary."""
    rows = _rows(feature)
    rows = rows - rows.mean(0)
    variances: Tensor = torch.linalg.eigvalsh((rows.T @ rows).double() / len(rows)).clamp_min(0)
    if variances.sum() <= NOTHING:
        return None
    shares = variances / variances.sum()
    return float(-(shares * (shares + 1e-8).log()).sum())


def _trainability(outer: Tensor, inner: Tensor, seed: int) -> float | None:
    """What a pair of neighbours is worth; None if they are not comparable or not connected."""
    if not outer.requires_grad or not inner.requires_grad:
        return None
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(2, outer.shape, generator=generator, device="cpu")
    entering = (2.0 * signs - 1).to(outer)
    found: Sequence[Tensor | None] = torch.autograd.grad(
        outer, inner, entering, retain_graph=True, allow_unused=True
    )
    leaving = found[0]
    if leaving is None:
        return None
    if leaving.shape == entering.shape and torch.equal(leaving, entering):
        return SHUT if outer.ndim == 4 else None
    if outer.ndim == inner.ndim == 4:
        shrunk = leaving.shape[2] // outer.shape[2]
        if shrunk > 1 and leaving.shape[2:] == tuple(shrunk * n for n in outer.shape[2:]):
            leaving = F.pixel_unshuffle(leaving, shrunk)
    if leaving.ndim != entering.ndim or len(_rows(leaving)) != len(_rows(entering)):
        return None
    correlation = _rows(leaving).T @ _rows(entering) / len(_rows(entering))
    largest = float(torch.linalg.matrix_norm(correlation.double(), 2))
    return 2 - largest - 1 / (largest + 1e-6)
