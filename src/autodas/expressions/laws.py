"""The laws of simplification, as data.

Every law holds to the last bit for the protected definitions, on every type its left side
accepts, and makes the expression smaller. What holds only approximately (√x² = |x| fails beyond
10¹⁵, log eˣ = x beyond 60) is not a law.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LAWS", "Law"]


@dataclass(frozen=True)
class Law:
    """``before`` may be replaced by ``after``; x and y stand for anything."""

    before: str
    after: str


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_NONNEGATIVE_1 = _names(
    "abs square sqrt exp sigmoid relu softplus softmax min_max l1 l2 std var entropy "
    "fraction_positive nuclear_norm effective_rank condition layers_geometric_mean layers_std"
)
_NONNEGATIVE_2 = _names("power l1_distance l2_distance smooth_l1 kl kl_t4 bures")
_WITHIN_ONE_1 = _names("clip tanh sigmoid sign softmax min_max fraction_positive")
_WITHIN_ONE_2 = _names("cosine pearson cka")
_EVEN = _names("abs square log sqrt l1 l2 entropy layers_geometric_mean")
_SHIFTLESS = _names("std var layers_std")
_IDEMPOTENT = _names("sign min_max")
_SYMMETRIC_PART = _names("trace spectrum nuclear_norm log_det effective_rank condition symmetrise")


def _laws() -> tuple[Law, ...]:
    found = [
        Law("neg(neg(x))", "x"),
        Law("neg(sub(x, y))", "sub(y, x)"),
        Law("add(x, neg(y))", "sub(x, y)"),
        Law("sub(x, neg(y))", "add(x, y)"),
        Law("mul(neg(x), neg(y))", "mul(x, y)"),
        Law("div(neg(x), neg(y))", "div(x, y)"),
        Law("mul(x, x)", "square(x)"),
        Law("mul(x, reciprocal(y))", "div(x, y)"),
        Law("max_of(x, x)", "x"),
        Law("min_of(x, x)", "x"),
        Law("power(neg(x), y)", "power(x, y)"),
        Law("power(abs(x), y)", "power(x, y)"),
        Law("sum(abs(x))", "l1(x)"),
        Law("sign(cbrt(x))", "sign(x)"),
        Law("fraction_positive(relu(x))", "fraction_positive(x)"),
        Law("fraction_positive(sign(x))", "fraction_positive(x)"),
        Law("fraction_positive(cbrt(x))", "fraction_positive(x)"),
    ]
    for outer in ("abs", "relu"):
        found += [Law(f"{outer}({name}(x))", f"{name}(x)") for name in _NONNEGATIVE_1]
        found += [Law(f"{outer}({name}(x, y))", f"{name}(x, y)") for name in _NONNEGATIVE_2]
    found += [Law(f"clip({name}(x))", f"{name}(x)") for name in _WITHIN_ONE_1]
    found += [Law(f"clip({name}(x, y))", f"{name}(x, y)") for name in _WITHIN_ONE_2]
    found += [Law(f"{name}(neg(x))", f"{name}(x)") for name in _EVEN + _SHIFTLESS]
    found += [Law(f"{name}(abs(x))", f"{name}(x)") for name in _EVEN if name != "abs"]
    found += [Law(f"{name}({name}(x))", f"{name}(x)") for name in _IDEMPOTENT]
    found += [Law(f"{name}(symmetrise(x))", f"{name}(x)") for name in _SYMMETRIC_PART]
    return tuple(found)


LAWS = _laws()
"""All laws."""
