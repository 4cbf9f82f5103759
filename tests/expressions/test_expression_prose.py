"""Formulas for readers."""

from __future__ import annotations

import numpy as np
import pytest

from autodas.core.errors import UnknownName
from autodas.expressions import grow, in_words, parse, to_latex
from autodas.primitives import PRIMITIVES


@pytest.mark.parametrize(
    ("text", "latex", "words"),
    [
        (
            "layers_mean(log(l2(weight_grad)))",
            r"\overline{\log\left|\left\Vert\mathrm{weight\_grad}\right\Vert_2\right|}",
            "mean over layers of logarithm of Euclidean norm of weight grad",
        ),
        (
            "div(mean(logits), layers_last(cka))",
            r"\frac{\operatorname{mean}\left(\mathrm{logits}\right)}{\left(\mathrm{cka}\right)_L}",
            "(mean of logits divided by cka of the last layer)",
        ),
        (
            "kl(logits, teacher_logits)",
            r"\operatorname{KL}\left(\mathrm{teacher\_logits} \,\Vert\, \mathrm{logits}\right)",
            "KL divergence of logits from teacher logits",
        ),
    ],
)
def test_known_formulas(text, latex, words):
    assert to_latex(parse(text)) == latex
    assert in_words(parse(text)) == words


def test_every_formula_has_balanced_latex_and_words(grammar):
    rng = np.random.default_rng(0)
    for _ in range(300):
        expression = grow(grammar, rng)
        latex = to_latex(expression)
        assert latex.count("{") == latex.count("}")
        assert latex.count(r"\left") == latex.count(r"\right")
        words = in_words(expression)
        assert "{" not in words
        assert all(name.replace("_", " ") in words for name in expression.leaves)


def test_matplotlib_can_typeset_every_primitive():
    mathtext = pytest.importorskip("matplotlib.mathtext")
    parser = mathtext.MathTextParser("path")
    for primitive in PRIMITIVES:
        args = ", ".join(["weight", "grad"][: primitive.arity])
        parser.parse(f"${to_latex(parse(f'{primitive.name}({args})'))}$")


def test_unknown_primitives():
    with pytest.raises(UnknownName):
        to_latex(parse("lag(x)"))
    assert in_words(parse("my_own(x, y)")) == "my own of x and y"
