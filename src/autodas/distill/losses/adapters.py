"""Trainable layers that bring a student's features to its teacher's channels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from autodas.distill.losses.shapes import as_map, stage_pairs, without_prefix
from autodas.networks import StagedNetwork, seeded

__all__ = ["Adapters", "stage_shapes"]

Shapes = list[tuple[int, ...]]


def stage_shapes(network: StagedNetwork, images: Tensor) -> Shapes:
    """Shapes of the stage outputs for ``images``, patches only, found by a dry run.

    Nothing of the network changes: it runs in evaluation mode, without gradients, and no
    random number is drawn.
    """
    was_training = network.training
    network.eval()
    with torch.no_grad():
        stages, _ = network.forward_stages(images)
    network.train(was_training)
    return [tuple(without_prefix(s, network.prefix_tokens).shape) for s in stages]


class Adapters(nn.Module):
    """One 1×1 convolution for each pair of matched stages.

    Tokens are turned into maps first, so that any student suits any teacher; sizes are brought
    together by the losses. Adapters are optimised with the student and never exported.

    Args:
        student: Shapes of the student's stages, ``(B, C, H, W)`` or ``(B, N, D)``.
        teacher: Shapes of the teacher's.
        seed: Of the initial weights.
    """

    def __init__(self, student: Shapes, teacher: Shapes, seed: int) -> None:
        super().__init__()
        self.pairs = stage_pairs(len(student), len(teacher))

        def make() -> nn.ModuleList:
            return nn.ModuleList(
                nn.Conv2d(_channels(student[s]), _channels(teacher[t]), 1, bias=False)
                for s, t in self.pairs
            )

        self.layers = seeded(make, seed)

    def forward(self, stages: Sequence[Tensor]) -> list[Tensor]:
        """``(B, C_t, H, W)`` of each pair, from all stages of the student."""
        return [
            layer(as_map(stages[s])) for layer, (s, _) in zip(self.layers, self.pairs, strict=True)
        ]


def _channels(shape: tuple[int, ...]) -> int:
    return shape[2] if len(shape) == 3 else shape[1]
