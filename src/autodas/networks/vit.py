"""Vision transformers (Dosovitskiy et al., 2021), with heads and MLP width free per block.

One family covers DeiT (Touvron et al., 2021), AutoFormer's sub-networks (Chen et al., 2021) and
the small networks for 8×8 digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from autodas.core.errors import InvalidInput
from autodas.networks.base import StagedNetwork, fan_in_normal, truncated_normal
from autodas.networks.transformer import Block, evenly_spaced

__all__ = ["VisionTransformer"]


class VisionTransformer(StagedNetwork):
    """A plain vision transformer; its stages are up to four evenly spaced blocks.

    Args:
        width: Token width D, divisible by every entry of ``heads``.
        heads: Attention heads of each block; its length is the depth.
        mlp_ratios: MLP width of each block as a multiple of D, rounded down.
        patch: Side of a square patch in pixels.
        class_token: Put a learned token before the patches.
        pool: What the classifier sees: the class token, or the mean over the patches.
        init: ``"fixed"`` draws all weights with deviation 0.02, as usual for wide transformers;
            ``"fan-in"`` scales them to the width and starts with visible positions, without
            which a narrow transformer hardly learns in a short training.
        input_shape: (C, H, W) of the images, H and W divisible by ``patch``.
        num_classes: Number of logits, K.

    Raises:
        InvalidInput: sizes do not divide as they must.
    """

    def __init__(
        self,
        width: int,
        heads: Sequence[int],
        mlp_ratios: Sequence[float],
        *,
        patch: int,
        class_token: bool = False,
        pool: Literal["token", "mean"] = "mean",
        init: Literal["fixed", "fan-in"] = "fixed",
        input_shape: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        channels, height, breadth = input_shape
        if height % patch or breadth % patch:
            raise InvalidInput(
                f"image size {height}×{breadth} must be a multiple of the patch size {patch}"
            )
        if any(width % h for h in heads):
            raise InvalidInput(f"width {width} must be a multiple of the heads, got {heads}")
        self.pool = pool
        self.prefix_tokens = int(class_token)
        tokens = (height // patch) * (breadth // patch) + self.prefix_tokens
        self.patch_embed = nn.Conv2d(channels, width, patch, patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width)) if class_token else None
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, width))
        self.blocks = nn.ModuleList(
            Block(width, h, int(width * ratio)) for h, ratio in zip(heads, mlp_ratios, strict=True)
        )
        self.stage_blocks = evenly_spaced(len(heads))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.classifier = nn.Linear(width, num_classes)
        self._initialise(fan_in=init == "fan-in")

    def _initialise(self, *, fan_in: bool) -> None:
        if fan_in:
            fan_in_normal(self)
        else:
            truncated_normal(self)
        nn.init.trunc_normal_(self.pos_embed, std=0.5 if fan_in else 0.02)
        if self.cls_token is not None:
            nn.init.trunc_normal_(self.cls_token, std=0.02)

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Tokens (B, N, D) after the stage blocks, class token first, and logits."""
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        if self.cls_token is not None:
            x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1)
        x = x + self.pos_embed
        stages = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.stage_blocks:
                stages.append(x)
        x = self.norm(x)
        pooled = x[:, 0] if self.pool == "token" else x[:, self.prefix_tokens :].mean(dim=1)
        return stages, self.classifier(pooled)
