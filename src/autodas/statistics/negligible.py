"""What double precision cannot tell from zero is zero, and what it cannot tell apart is equal.

In exact arithmetic some numbers vanish: the gradient of a weight in the direction of that weight,
where a normalisation follows; the sum of the gradients at the logits; eigenvalues beyond the rank
of a matrix. Computed, they are what rounding has left of their summands, of either sign, and other
ones on every processor. Signs, quotients and logarithms make of them numbers like any others.

Double precision rounds to 2⁻⁵³ of a number. The passes through the small networks multiply that:
between kernels of SSE, AVX2 and AVX-512, with and without fused multiplication, values of all
statistics of the embedded spaces differ by at most 2⁻⁴⁶ of the largest value of the tensor, those
that are quotients of differences by 2⁻³⁵. So a grid of 2⁻³³ of the largest value lies above all of
it. It is still 500 times finer than single precision.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

__all__ = ["NEGLIGIBLE", "cleared", "grid_of"]

NEGLIGIBLE = 2.0**-33
"""Share of the largest value that is nothing, and the step between two values that differ."""


def grid_of(largest: float) -> float:
    """The distance of values whose largest magnitude, above 0, is given: a power of two."""
    return float(np.ldexp(NEGLIGIBLE, int(np.frexp(largest)[1])))


def cleared(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of one pass, zero where they are negligible beside the largest value of all.

    To be used before signs or quotients are taken of them. Those in single precision, of which
    nobody expects the same numbers everywhere, are returned as they are.
    """
    if not tensors or tensors[0].dtype != torch.float64:
        return list(tensors)
    largest = max((float(t.abs().max()) for t in tensors if t.numel()), default=0.0)
    return [torch.where(t.abs() > NEGLIGIBLE * largest, t, 0.0) for t in tensors]
