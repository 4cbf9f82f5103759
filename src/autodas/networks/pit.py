"""Pooling-based vision transformer, PiT (Heo et al., 2021): tokens are pooled between stages."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from autodas.core.errors import InvalidInput
from autodas.networks.base import StagedNetwork, truncated_normal
from autodas.networks.transformer import Block

__all__ = ["PoolingTransformer", "TokenPooling"]


class TokenPooling(nn.Module):
    """Halve the token grid by a depthwise 3×3 convolution; widen the class token linearly.

    Args:
        inputs: Token width before.
        outputs: Token width after, a multiple of ``inputs``.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, groups=inputs)
        self.fc = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor, grid: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
        """(B, 1 + h·w, D) tokens of an (h, w) grid to (B, 1 + h'·w', D') and (h', w')."""
        image = x[:, 1:].transpose(1, 2).reshape(len(x), -1, *grid)
        pooled = self.conv(image)
        tokens = pooled.flatten(2).transpose(1, 2)
        return torch.cat([self.fc(x[:, :1]), tokens], dim=1), (pooled.shape[2], pooled.shape[3])


class PoolingTransformer(StagedNetwork):
    """PiT; its stages are the groups of blocks of one token grid, class token first.

    Args:
        base_dim: Token width per head, D = base_dim × heads of the stage.
        depths: Blocks of each stage.
        heads: Heads of each stage, each a multiple of the one before.
        mlp_ratio: MLP width of every block as a multiple of D.
        patch: Side of a patch in pixels.
        stride: Distance between patches in pixels.
        input_shape: (C, H, W) of the images, at least one patch large.
        num_classes: Number of logits, K.

    Raises:
        InvalidInput: the image is smaller than a patch.
    """

    prefix_tokens = 1

    def __init__(
        self,
        base_dim: int,
        depths: Sequence[int],
        heads: Sequence[int],
        mlp_ratio: float,
        *,
        patch: int = 16,
        stride: int = 8,
        input_shape: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        channels, height, breadth = input_shape
        if min(height, breadth) < patch:
            raise InvalidInput(
                f"image size {height}×{breadth} must be at least the patch size {patch}"
            )
        self.grid = ((height - patch) // stride + 1, (breadth - patch) // stride + 1)
        widths = [base_dim * h for h in heads]
        self.patch_embed = nn.Conv2d(channels, widths[0], patch, stride)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, widths[0]))
        # Only the patches have a position; the class token needs none.
        self.pos_embed = nn.Parameter(torch.zeros(1, self.grid[0] * self.grid[1], widths[0]))
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(w, h, int(w * mlp_ratio)) for _ in range(depth)))
            for depth, h, w in zip(depths, heads, widths, strict=True)
        )
        self.pools = nn.ModuleList(TokenPooling(a, b) for a, b in itertools.pairwise(widths))
        self.norm = nn.LayerNorm(widths[-1], eps=1e-6)
        self.classifier = nn.Linear(widths[-1], num_classes)
        truncated_normal(self)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.trunc_normal_(self.cls_token, std=0.02)

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Tokens (B, 1 + h·w, D) after each stage, class token first, and logits."""
        x = self.patch_embed(x).flatten(2).transpose(1, 2) + self.pos_embed
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1)
        grid, stages = self.grid, []
        for i, stage in enumerate(self.stages):
            if i > 0:
                x, grid = self.pools[i - 1](x, grid)
            x = stage(x)
            stages.append(x)
        return stages, self.classifier(self.norm(x[:, 0]))
