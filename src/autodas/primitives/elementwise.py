"""Entry-by-entry operations; each works on every kind of value.

All are total on [-LIMIT, LIMIT]; the protection is stated with each.
"""

from __future__ import annotations

import numpy as np

from autodas.core.values import FloatArray
from autodas.primitives.declare import primitive
from autodas.primitives.protect import EPSILON, LIMIT, bounded, inverse, silenced

__all__: list[str] = []


@primitive("log", form="elementwise", latex=r"\log\left|{0}\right|")
def log(x: FloatArray) -> FloatArray:
    """Logarithm of |x| + 1e-20."""
    out = np.abs(x)
    out += EPSILON
    return np.log(out, out=out)


@primitive("exp", form="elementwise", latex=r"\exp\left({0}\right)")
def exp(x: FloatArray) -> FloatArray:
    """Exponential, with x clipped to [-60, 60]."""
    out = np.clip(x, -60.0, 60.0)
    return np.exp(out, out=out)


@primitive("abs", form="elementwise", latex=r"\left|{0}\right|")
def absolute(x: FloatArray) -> FloatArray:
    """Magnitude."""
    return np.abs(x)


@primitive("asinh", form="elementwise", latex=r"\operatorname{{asinh}}\left({0}\right)")
def asinh(x: FloatArray) -> FloatArray:
    """Inverse hyperbolic sine: x near 0, and ±log(2|x|) far from it."""
    return np.arcsinh(x)


@primitive("square", form="elementwise", latex=r"\left({0}\right)^2")
@silenced
def square(x: FloatArray) -> FloatArray:
    """Square, at most 1e30."""
    out = np.square(x)
    return np.minimum(out, LIMIT, out=out)


@primitive("sqrt", form="elementwise", latex=r"\sqrt{{\left|{0}\right|}}")
def sqrt(x: FloatArray) -> FloatArray:
    """Square root of the magnitude."""
    out = np.abs(x)
    return np.sqrt(out, out=out)


@primitive("cbrt", form="elementwise", latex=r"\sqrt[3]{{{0}}}")
def cbrt(x: FloatArray) -> FloatArray:
    """Cube root, with the sign of x."""
    return np.cbrt(x)


@primitive("reciprocal", form="elementwise", latex=r"\frac{{1}}{{{0}}}")
def reciprocal(x: FloatArray) -> FloatArray:
    """1 / x with |x| taken as at least 1e-20, and 0 where x = 0."""
    return inverse(x)


@primitive("sign", form="elementwise", latex=r"\operatorname{{sign}}\left({0}\right)")
def sign(x: FloatArray) -> FloatArray:
    """-1, 0 or 1."""
    return np.sign(x)


@primitive("tanh", form="elementwise", latex=r"\tanh\left({0}\right)")
def tanh(x: FloatArray) -> FloatArray:
    """Hyperbolic tangent."""
    return np.tanh(x)


@primitive("sigmoid", form="elementwise", latex=r"\sigma\left({0}\right)")
def sigmoid(x: FloatArray) -> FloatArray:
    """Logistic function 1 / (1 + exp(-x))."""
    # Through tanh: no overflow, one vectorised transcendental.
    out = x * 0.5
    np.tanh(out, out=out)
    out += 1.0
    out *= 0.5
    return out


@primitive("relu", form="elementwise", latex=r"\left({0}\right)_+")
def relu(x: FloatArray) -> FloatArray:
    """Positive part, max(x, 0)."""
    return np.maximum(x, 0.0)


@primitive("softplus", form="elementwise", latex=r"\log\left(1 + e^{{{0}}}\right)")
def softplus(x: FloatArray) -> FloatArray:
    """log(1 + exp(x)), as max(x, 0) + log(1 + exp(-|x|))."""
    out = -np.abs(x)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    out += np.maximum(x, 0.0)
    return out


@primitive("clip", form="elementwise", latex=r"\operatorname{{clip}}\left({0}\right)")
def clip(x: FloatArray) -> FloatArray:
    """Value clipped to [-1, 1]."""
    return np.clip(x, -1.0, 1.0)


@primitive("neg", form="elementwise", latex=r"-\left({0}\right)")
def neg(x: FloatArray) -> FloatArray:
    """Negative, -x."""
    return np.negative(x)


@primitive("add", form="elementwise", commutative=True, latex=r"\left({0} + {1}\right)")
def add(x: FloatArray, y: FloatArray) -> FloatArray:
    """Sum x + y, within ±1e30."""
    return bounded(np.add(x, y))


@primitive("sub", form="elementwise", latex=r"\left({0} - {1}\right)")
def sub(x: FloatArray, y: FloatArray) -> FloatArray:
    """Difference x - y, within ±1e30."""
    return bounded(np.subtract(x, y))


@primitive("mul", form="elementwise", commutative=True, latex=r"{0} \cdot {1}")
@silenced
def mul(x: FloatArray, y: FloatArray) -> FloatArray:
    """Product x · y, within ±1e30."""
    return bounded(np.multiply(x, y))


@primitive("div", form="elementwise", latex=r"\frac{{{0}}}{{{1}}}")
@silenced
def div(x: FloatArray, y: FloatArray) -> FloatArray:
    """Quotient x / y with |y| taken as at least 1e-20, 0 where y = 0, within ±1e30."""
    out = inverse(y)
    out *= x
    return bounded(out)


@primitive("power", form="elementwise", latex=r"\left|{0}\right|^{{{1}}}")
@silenced
def power(x: FloatArray, y: FloatArray) -> FloatArray:
    """(|x| + 1e-20) to the power of y clipped to [-3, 3], at most 1e30."""
    out = np.abs(x)
    out += EPSILON
    np.power(out, np.clip(y, -3.0, 3.0), out=out)
    return bounded(out)


@primitive("max_of", form="elementwise", commutative=True, latex=r"\max\left({0}, {1}\right)")
def max_of(x: FloatArray, y: FloatArray) -> FloatArray:
    """The larger of two."""
    return np.maximum(x, y)


@primitive("min_of", form="elementwise", commutative=True, latex=r"\min\left({0}, {1}\right)")
def min_of(x: FloatArray, y: FloatArray) -> FloatArray:
    """The smaller of two."""
    return np.minimum(x, y)
