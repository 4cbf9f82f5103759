"""Parts shared by vision transformers: attention, MLP, pre-norm block, stochastic depth."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Attention", "Block", "DropPath", "Mlp", "evenly_spaced", "set_drop_path"]


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al., 2017).

    Args:
        width: Token width D, divisible by ``heads``; queries, keys and values have it together
            over all heads.
        heads: Number of heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        batch, tokens, width = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, width))  # type: ignore[no-any-return]


class Mlp(nn.Module):
    """Two linear layers with GELU between them.

    Args:
        width: Token width D.
        hidden: Width between the layers.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        return self.fc2(F.gelu(self.fc1(x)))  # type: ignore[no-any-return]


class DropPath(nn.Module):
    """Stochastic depth: in training, drop a residual branch per image (Huang et al., 2016).

    Attributes:
        rate: Probability of dropping, in [0, 1); see :func:`set_drop_path`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rate = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D), the same in expectation."""
        if not self.training or self.rate == 0.0:
            return x
        keep = 1.0 - self.rate
        kept = torch.rand(x.shape[0], 1, 1, device=x.device) < keep
        return x * kept / keep


class Block(nn.Module):
    """Pre-norm transformer block: x + attention(norm(x)), then x + mlp(norm(x)).

    Args:
        width: Token width D.
        heads: Attention heads.
        hidden: Width inside the MLP.
    """

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, hidden)
        self.drop_path = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        x = x + self.drop_path(self.attn(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))  # type: ignore[no-any-return]


def set_drop_path(network: nn.Module, rate: float) -> None:
    """Set stochastic depth, growing linearly from 0 in the first block to ``rate`` in the last.

    Networks are built without it: it belongs to a training recipe, and measurements of an
    untrained network should not be random.
    """
    paths = [module for module in network.modules() if isinstance(module, DropPath)]
    for i, path in enumerate(paths):
        path.rate = rate * i / max(1, len(paths) - 1)


def evenly_spaced(depth: int, count: int = 4) -> tuple[int, ...]:
    """Up to ``count`` block numbers in 0 … depth − 1, evenly spaced and ending with the last."""
    count = min(depth, count)
    return tuple((i + 1) * depth // count - 1 for i in range(count))
