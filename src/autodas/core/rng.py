"""Randomness is passed in: every consumer derives its own stream from a seed and a name.

Streams derived from different keys are independent, so adding a consumer never changes what
another one draws, and a resumed run draws what the undisturbed run would have drawn.
"""

from __future__ import annotations

import numpy as np

from autodas.core.digest import digest

__all__ = ["derive", "derive_seed"]


def derive_seed(seed: int, *keys: str | int) -> int:
    """A seed in [0, 2**63) that depends on ``seed`` and ``keys`` alone."""
    return int(digest(seed, *keys)[:16], 16) >> 1


def derive(seed: int, *keys: str | int) -> np.random.Generator:
    """A generator seeded by :func:`derive_seed`."""
    return np.random.default_rng(derive_seed(seed, *keys))
