"""From one number per layer or stage to one per network, ``(m, L)`` to ``(m,)``.

Layers and stages are in the order of computation.
"""

# NumPy types its reductions as Any.
# mypy: disable-error-code=no-any-return
from __future__ import annotations

import numpy as np

from autodas.core.values import FloatArray
from autodas.primitives.declare import primitive
from autodas.primitives.protect import EPSILON, bounded

__all__: list[str] = []


@primitive("layers_mean", form="aggregation", latex=r"\overline{{{0}}}")
def layers_mean(x: FloatArray) -> FloatArray:
    """Mean over layers or stages."""
    return x.mean(axis=1)


@primitive("layers_sum", form="aggregation", latex=r"\sum_l {0}")
def layers_sum(x: FloatArray) -> FloatArray:
    """Sum over layers or stages, within ±1e30."""
    return bounded(x.sum(axis=1))


@primitive("layers_max", form="aggregation", latex=r"\max_l {0}")
def layers_max(x: FloatArray) -> FloatArray:
    """Largest over layers or stages."""
    return x.max(axis=1)


@primitive("layers_min", form="aggregation", latex=r"\min_l {0}")
def layers_min(x: FloatArray) -> FloatArray:
    """Smallest over layers or stages."""
    return x.min(axis=1)


@primitive("layers_first", form="aggregation", latex=r"\left({0}\right)_1")
def layers_first(x: FloatArray) -> FloatArray:
    """That of the first layer or stage."""
    return x[:, 0].copy()


@primitive("layers_last", form="aggregation", latex=r"\left({0}\right)_L")
def layers_last(x: FloatArray) -> FloatArray:
    """That of the last layer or stage."""
    return x[:, -1].copy()


@primitive("layers_deep_mean", form="aggregation", latex=r"\overline{{{0}}}^{{\,l}}")
def layers_deep_mean(x: FloatArray) -> FloatArray:
    """Mean over layers or stages, the l-th weighted by l."""
    weights = np.arange(1.0, x.shape[1] + 1.0)
    return x @ (weights / weights.sum())


@primitive(
    "layers_geometric_mean", form="aggregation", latex=r"\operatorname{{gm}}_l\left({0}\right)"
)
def layers_geometric_mean(x: FloatArray) -> FloatArray:
    """Geometric mean: exp of the mean of log(|x| + 1e-20) over layers or stages."""
    return np.exp(np.log(np.abs(x) + EPSILON).mean(axis=1))


@primitive("layers_std", form="aggregation", latex=r"\operatorname{{std}}_l\left({0}\right)")
def layers_std(x: FloatArray) -> FloatArray:
    """Standard deviation over layers or stages."""
    return bounded(x.std(axis=1))
