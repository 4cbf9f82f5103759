"""Large tensors are represented by a fixed random sample of their entries.

A proxy looks at entries through elementwise functions and reductions such as means and norms; a
sample of k entries estimates those with relative error of order 1/√k at a fraction of the bytes.
The true number of entries is kept beside the sample, so that sums and norms scale. How well
sketched scores agree with full ones is measured by ``benchmarks/sketch.py``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from autodas.core.rng import derive

__all__ = ["DEFAULT_ENTRIES", "sample_entries"]

DEFAULT_ENTRIES = 1024


@lru_cache(maxsize=4096)
def _positions(total: int, keep: int) -> Tensor:
    chosen = derive(0, "sketch", total, keep).choice(total, size=keep, replace=False)
    return torch.from_numpy(np.sort(chosen))


def sample_entries(tensor: Tensor, keep: int) -> Tensor:
    """``(min(keep, numel),)`` entries of ``tensor``.

    The positions depend only on the number of entries: a weight and its gradient are sampled at
    the same places, so products of the two mean what they say.
    """
    if tensor.numel() > keep:
        # take() counts as flatten() does, but never copies a tensor of another memory order.
        return tensor.take(_positions(tensor.numel(), keep))
    return tensor.flatten()
