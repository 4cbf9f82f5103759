"""Anything that gives a number per architecture, higher meaning better.

A *score* names the statistics it needs and computes its values for many architectures at once.
Most scores are expressions of the proxy language and are written as such: that is their
definition. Sizes are scores too, because they are what every other score has to beat.

Names: ``get_score`` (``"params"``, ``"proxy:path/to/proxy.json"``, a formula), ``SCORES``,
``Score``, ``Subjects`` (what a score sees), ``Proxy`` (an expression and how it was found).
"""

# The order of declaration is that of listings and of ``--scores all``.
from autodas.scores import distillation, rank_sums, size, zero_cost  # noqa: F401
from autodas.scores.proxy import Proxy, read_proxy
from autodas.scores.resolve import get_score, score_names
from autodas.scores.scale import Scale
from autodas.scores.score import SCORES, Score, Subjects, leaf_types, of_expression
from autodas.scores.signal import needed, scored
from autodas.scores.terms import Term, calibrated, formula_of, score_of

__all__ = [
    "SCORES",
    "Proxy",
    "Scale",
    "Score",
    "Subjects",
    "Term",
    "calibrated",
    "formula_of",
    "get_score",
    "leaf_types",
    "needed",
    "of_expression",
    "read_proxy",
    "score_names",
    "score_of",
    "scored",
]
