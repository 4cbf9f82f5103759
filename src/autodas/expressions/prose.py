"""Expressions for readers: as a LaTeX formula and in words."""

from __future__ import annotations

import string

from autodas.core.catalog import Catalog
from autodas.expressions.node import Expression, Leaf
from autodas.primitives import PRIMITIVES, Primitive

__all__ = ["in_words", "to_latex"]

_WORDS = {
    "layers_mean": "mean over layers of {0}",
    "layers_sum": "sum over layers of {0}",
    "layers_max": "largest over layers of {0}",
    "layers_min": "smallest over layers of {0}",
    "layers_first": "{0} of the first layer",
    "layers_last": "{0} of the last layer",
    "layers_deep_mean": "mean over layers, weighted by depth, of {0}",
    "layers_geometric_mean": "geometric mean over layers of {0}",
    "layers_std": "standard deviation over layers of {0}",
    "teachers_mean": "mean over teachers of {0}",
    "teachers_max": "largest over teachers of {0}",
    "teachers_min": "smallest over teachers of {0}",
    "teachers_std": "standard deviation over teachers of {0}",
    "teachers_weighted": "mean over teachers, weighted by ({1}), of {0}",
    "log": "logarithm of {0}",
    "exp": "exponential of {0}",
    "abs": "magnitude of {0}",
    "square": "square of {0}",
    "sqrt": "square root of {0}",
    "cbrt": "cube root of {0}",
    "reciprocal": "reciprocal of {0}",
    "sign": "sign of {0}",
    "relu": "positive part of {0}",
    "neg": "minus {0}",
    "add": "({0} plus {1})",
    "sub": "({0} minus {1})",
    "mul": "({0} times {1})",
    "div": "({0} divided by {1})",
    "power": "({0} to the power of {1})",
    "max_of": "larger of ({0}) and ({1})",
    "min_of": "smaller of ({0}) and ({1})",
    "min_max": "{0} scaled to [0, 1]",
    "standardise": "standardised {0}",
    "l2_normalise": "{0} scaled to unit norm",
    "log_softmax": "log-softmax of {0}",
    "std": "standard deviation of {0}",
    "var": "variance of {0}",
    "min": "smallest entry of {0}",
    "max": "largest entry of {0}",
    "l1": "sum of magnitudes of {0}",
    "l2": "Euclidean norm of {0}",
    "fraction_positive": "share of positive entries of {0}",
    "symmetrise": "symmetric part of {0}",
    "centre": "centred {0}",
    "row_normalise": "{0} with rows of unit norm",
    "spectrum": "eigenvalues of {0}",
    "nuclear_norm": "nuclear norm of {0}",
    "log_det": "log-determinant of {0}",
    "effective_rank": "effective rank of {0}",
    "condition": "log condition number of {0}",
    "l1_distance": "L1 distance between {0} and {1}",
    "l2_distance": "Euclidean distance between {0} and {1}",
    "smooth_l1": "smooth L1 distance between {0} and {1}",
    "cosine": "cosine between {0} and {1}",
    "pearson": "correlation of {0} and {1}",
    "inner_product": "inner product of {0} and {1}",
    "kl": "KL divergence of {0} from {1}",
    "kl_t4": "KL divergence at temperature 4 of {0} from {1}",
    "cka": "centred kernel alignment of {0} and {1}",
    "bures": "Bures distance between {0} and {1}",
}


def in_words(expression: Expression) -> str:
    """The expression in words: ``mean over layers of logarithm of Euclidean norm of weight``."""
    if isinstance(expression, Leaf):
        return expression.name.replace("_", " ")
    args = [in_words(arg) for arg in expression.args]
    template = _WORDS.get(expression.name)
    if template is None:
        return f"{expression.name.replace('_', ' ')} of {' and '.join(args)}"
    return template.format(*args)


def to_latex(expression: Expression, primitives: Catalog[Primitive] = PRIMITIVES) -> str:
    r"""The expression in LaTeX math mode, e.g. ``\overline{\log\left|\mathrm{weight}\right|}``.

    Raises:
        UnknownName: a primitive does not exist.
    """
    if isinstance(expression, Leaf):
        return _upright(expression.name)
    args = [to_latex(arg, primitives) for arg in expression.args]
    template = primitives.get(expression.name).latex
    if template:
        return template.format(*args)
    return rf"{_upright(expression.name)}\left({', '.join(args)}\right)"


def _upright(name: str) -> str:
    allowed = set(string.ascii_letters + string.digits)
    return r"\mathrm{" + "".join(c if c in allowed else r"\_" for c in name) + "}"
