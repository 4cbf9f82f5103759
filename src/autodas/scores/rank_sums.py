"""Scores that add up ranks: their value depends on which architectures are compared.

Terms of different scale are added as ranks among the architectures at hand. Such a score orders
one set; its values for two sets must not be mixed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import rankdata

from autodas.core.results import Failed, Ok, Result
from autodas.scores import distillation, zero_cost  # noqa: F401 - they declare the terms
from autodas.scores.score import SCORES, Score, Subjects, Values

__all__ = ["rank_sum"]


def rank_sum(
    name: str,
    terms: Sequence[str],
    description: str,
    reference: str,
    weigh: Callable[[Values], Values] = lambda shares: shares,
) -> Score:
    """A score that adds functions of the ranks of other scores.

    Args:
        name: What to call it.
        terms: Names of scores; higher is better in each.
        description: One line.
        reference: Where it is defined.
        weigh: Of the ranks over their number, in (0, 1], 1 for the best; ties share their mean.
    """
    scores = [SCORES.get(term) for term in terms]

    def compute(subjects: Subjects) -> Result[Values]:
        total = np.zeros(len(subjects.architectures))
        for score in scores:
            values = score.compute(subjects)
            if isinstance(values, Failed):
                return values
            total += weigh(rankdata(values.value) / len(total))
        return Ok(total)

    leaves = frozenset[str]().union(*(score.leaves for score in scores))
    return Score(name, compute, leaves, description, reference)


for _score in (
    rank_sum(
        "az_nas",
        ("expressivity", "progressivity", "trainability", "complexity"),
        "sum of the logs of four ranks: expressivity, progressivity, trainability, complexity",
        "Lee & Ham, CVPR 2024, eq. 8",
        np.log,
    ),
    rank_sum(
        "vkdnw_agg",
        ("vkdnw", "jacov", "expressivity", "trainability", "complexity"),
        "sum of the logs of five ranks: vkdnw, jacov, expressivity, trainability, complexity",
        "Tybl & Neumann, CVPR 2025, sec. 3.4",
        np.log,
    ),
    rank_sum(
        "te_nas",
        ("ntk", "linear_regions"),
        "sum of the ranks of conditioning and linear regions",
        "Chen et al., ICLR 2021",
    ),
    rank_sum(
        "tvt",
        ("at", "l2_norm"),
        "sum of the ranks of similar attention and of weight norms",
        "Wei et al., arXiv:2311.14337",
    ),
):
    SCORES.add(_score.name, _score)
