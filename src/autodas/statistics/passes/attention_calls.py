"""What a self-attention attends by, read from the arguments of PyTorch's attention functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["ATTENTION_FUNCTIONS", "AttentionCall", "AttentionSummary"]


@dataclass(frozen=True)
class AttentionSummary:
    """What one self-attention does on the whole.

    Attributes:
        entropy: Mean over queries, heads and images of the entropy of whom they attend to, in nats,
            in [0, ln M].
        mean: ``(N, M)`` mean of the probabilities over heads and images.
    """

    entropy: float
    mean: Tensor


@dataclass(frozen=True)
class AttentionCall:
    """What one self-attention attends by.

    Attributes:
        queries: ``(B, heads, N, d)``.
        keys: ``(B, heads, M, d)``.
        scale: Factor of their products.
        bias: Added to the scaled products, −∞ where attending is forbidden; broadcasts to
            ``(B, heads, N, M)``.
    """

    queries: Tensor
    keys: Tensor
    scale: float
    bias: Tensor | None = None

    def probabilities(self) -> Tensor:
        """``(B, heads, N, M)``: how much each query attends to each key; rows sum to 1."""
        products = self.queries @ self.keys.transpose(-1, -2) * self.scale
        return (products if self.bias is None else products + self.bias).softmax(-1)

    @cached_property
    def summary(self) -> AttentionSummary:
        """What is left of the probabilities, which are too many to be kept."""
        found = self.probabilities()
        logarithms = found.clamp_min(1e-30).log_()
        entropies = -logarithms.mul_(found).sum(-1)
        return AttentionSummary(float(entropies.mean()), found.flatten(0, -3).mean(0))


def _of_function(  # noqa: PLR0917 - the function's own signature
    query: Tensor,
    key: Tensor,
    value: Tensor,  # noqa: ARG001 - the function's own signature
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,  # noqa: ARG001
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> AttentionCall:
    """From the arguments of ``scaled_dot_product_attention``."""
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    if is_causal:
        sides = query.shape[-2], key.shape[-2]
        attn_mask = torch.ones(*sides, dtype=torch.bool, device=query.device).tril()
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    return AttentionCall(query.detach(), key.detach(), scale, _additive(attn_mask, query))


def _of_module(  # noqa: PLR0917 - the function's own signature
    query: Tensor,
    key: Tensor,
    value: Tensor,  # noqa: ARG001
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    *_: object,
    attn_mask: Tensor | None = None,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    **__: object,
) -> AttentionCall:
    """From the arguments of ``multi_head_attention_forward``, which ``nn.MultiheadAttention``
    calls and which projects queries and keys itself.
    """
    width = embed_dim_to_check
    if in_proj_weight is not None:
        q_proj_weight, k_proj_weight = in_proj_weight[:width], in_proj_weight[width : 2 * width]
    biases = (None, None) if in_proj_bias is None else torch.split(in_proj_bias, width)[:2]

    def heads(tokens: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
        # (N, B, D), as the function has it, to (B, heads, N, d).
        projected = F.linear(tokens, weight, bias)  # type: ignore[arg-type]  # one of both is given
        return projected.reshape(*projected.shape[:2], num_heads, -1).permute(1, 2, 0, 3)

    queries, keys = heads(query, q_proj_weight, biases[0]), heads(key, k_proj_weight, biases[1])
    if attn_mask is not None:
        # Here, unlike below, a Boolean mask says where attending is forbidden.
        attn_mask = ~attn_mask if attn_mask.dtype == torch.bool else attn_mask
        if attn_mask.ndim == 3:
            attn_mask = attn_mask.reshape(-1, num_heads, *attn_mask.shape[1:])
    return AttentionCall(queries, keys, queries.shape[-1] ** -0.5, _additive(attn_mask, query))


def _additive(mask: Tensor | None, like: Tensor) -> Tensor | None:
    """A mask of either kind as something to add."""
    if mask is None or mask.dtype != torch.bool:
        return mask if mask is None else mask.detach()
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill(~mask, -torch.inf)


ATTENTION_FUNCTIONS: dict[Callable[..., Any], Callable[..., AttentionCall]] = {
    F.scaled_dot_product_attention: _of_function,
    F.multi_head_attention_forward: _of_module,
}
"""PyTorch's attention functions -> how their arguments are read."""
