"""The contract of networks that are compared stage by stage, and seeded initialisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

__all__ = ["StagedNetwork", "seeded"]

N = TypeVar("N", bound=nn.Module)


class StagedNetwork(nn.Module):
    """A classifier that shows what its stages compute.

    Every stage output lies on the way from the images to the logits, so that the gradient of a
    loss with respect to it exists.

    Attributes:
        classifier: The last linear layer.
        prefix_tokens: How many tokens at the front of a (B, N, D) stage output are not image
            patches: 1 with a class token, otherwise 0.
    """

    classifier: nn.Linear
    prefix_tokens: int = 0

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Stage outputs and logits.

        Args:
            x: (B, C, H, W) images.

        Returns:
            Outputs of the stages in order, (B, C', H', W') feature maps or (B, N, D) tokens, and
            (B, K) logits.
        """
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """(B, K) logits of (B, C, H, W) images."""
        return self.forward_stages(x)[1]


def seeded(build: Callable[[], N], seed: int) -> N:
    """Call ``build`` with the CPU generator seeded; the caller's random state is unchanged.

    Layers draw their initial weights from PyTorch's global generator, so the global one has to
    be borrowed. ``torch.manual_seed`` is avoided: it would also reseed every accelerator.

    Args:
        build: Makes the network, on the CPU.
        seed: In [0, 2**63).
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build()
