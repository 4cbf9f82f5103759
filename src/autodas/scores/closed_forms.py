"""Closed forms of the weights' shapes: what needs no image, gradient, initial weight or teacher.

A formula of gradients and features can turn out to count parameters in a complicated way, so every
score has to beat the best of these, too, not only the number of parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from autodas.core.results import Ok
from autodas.expressions import is_constant
from autodas.scores.score import Subjects, parse_score

__all__ = ["CLOSED_FORMS", "LEAVES", "closed_forms"]

Floats = npt.NDArray[np.float64]

CLOSED_FORMS: Mapping[str, str] = MappingProxyType(
    {
        "#params": "params",
        "ln #params": "log(params)",
        "#MACs": "macs",
        "ln #MACs": "log(macs)",
        "number of layers": "layers_sum(div(numel, numel))",
        "Σ numel": "layers_sum(numel)",
        "Σ √numel": "layers_sum(sqrt(numel))",
        "Σ √numel·ln(channels)": "layers_sum(mul(sqrt(numel), log(out_channels)))",
        "Σ ln(numel)": "layers_sum(log(numel))",
        "Σ channels": "layers_sum(out_channels)",
        "Σ ln(channels)": "layers_sum(log(out_channels))",
        "mean ln(numel)": "layers_mean(log(numel))",
        "mean channels": "layers_mean(out_channels)",
        "mean ln(channels)": "layers_mean(log(out_channels))",
        "fewest channels": "layers_min(out_channels)",
        "most channels": "layers_max(out_channels)",
    }
)
"""What people read -> the formula. *Channels* are those a layer puts out; sums run over layers."""

DEPTH = "depth"
LEAVES = ("numel", "out_channels", "params", "macs")
"""Statistics the closed forms need; none of them needs the network to be run."""


def closed_forms(subjects: Subjects) -> dict[str, Floats]:
    """Values ``(A,)`` of each closed form that differs between the architectures.

    Args:
        subjects: With the columns :data:`LEAVES`; forms whose columns are missing are left out.
    """
    found = {}
    for name, formula in CLOSED_FORMS.items():
        values = subjects.evaluator.evaluate(parse_score(formula))
        if isinstance(values, Ok):
            found[name] = values.value
    if not is_constant(subjects.depth):
        found[DEPTH] = subjects.depth
    return found
