"""Numbers, and long formulas, as people read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = [
    "LABELS",
    "broken",
    "count",
    "difference",
    "duration",
    "interval",
    "label",
    "number",
    "percent",
]

MINUS = "−"
NONE = "–"

LONGEST_LINE = 76
DEEPEST = 100

Call = tuple[str, list["Call"]]

LABELS = {
    "proxy": "discovered proxy",
    "params": "#params",
    "macs": "MACs",
    "depth": "depth",
    "diswot_relation": "DisWOT relation",
    "diswot_semantic": "DisWOT semantic",
    "diswot": "DisWOT",
}
"""What scores and roles are called in a report; others keep their own names."""


def label(name: str) -> str:
    """The name of a score for people."""
    return LABELS.get(name, name.replace("_", " "))


def number(value: float | None, digits: int = 2) -> str:
    """``0.71``, with a real minus sign; a dash for what does not exist."""
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", MINUS)


def difference(value: float | None, digits: int = 2) -> str:
    """``+0.06`` or ``−0.06``: the sign is always shown."""
    if value is None:
        return NONE
    text = number(value, digits)
    return text if text.startswith(MINUS) or float(text) == 0 else f"+{text}"


def interval(row: Mapping[str, Any], key: str, *, signed: bool = False) -> str:
    """``[0.60, 0.81]`` from ``key_low`` and ``key_high``; empty if there is none."""
    low, high = row.get(f"{key}_low"), row.get(f"{key}_high")
    if low is None or high is None:
        return ""
    spell = difference if signed else number
    return f"[{spell(low)}, {spell(high)}]"


def percent(value: float | None) -> str:
    """``96.2 %`` of a number in percent."""
    return NONE if value is None else f"{number(value, 1)} %"


def count(value: float | None) -> str:
    """``18 900``, with narrow spaces that do not break."""
    return NONE if value is None else f"{value:,.0f}".replace(",", "\u202f")


def duration(seconds: float | None) -> str:
    """``13 ms``, ``12.3 s``, ``4 min 10 s``, ``2 h 5 min``."""
    if seconds is None:
        return NONE
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.0095 else f"{seconds * 1000:.1f} ms"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 90:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def broken(text: str, width: int = LONGEST_LINE) -> str:
    """A formula with one argument per line wherever a call does not fit on one.

    Text that is not made of calls, names and commas comes back as it is.
    """
    tokens = re.findall(r"[^(),\s]+|[(),]", text)
    call, rest = _call(tokens, 0)
    if call is None or rest != len(tokens):
        return text
    return "\n".join(_lines(call, 0, width))


def _call(tokens: list[str], at: int, depth: int = 0) -> tuple[Call | None, int]:
    """The call that starts at a token, and the place of the token after it."""
    if depth > DEEPEST or at >= len(tokens) or tokens[at] in "(),":
        return None, at
    name, arguments = tokens[at], []
    at += 1
    if at < len(tokens) and tokens[at] == "(":
        mark = ","
        while mark == ",":
            argument, at = _call(tokens, at + 1, depth + 1)
            if argument is None or at >= len(tokens):
                return None, at
            arguments.append(argument)
            mark = tokens[at]
        if mark != ")":
            return None, at
        at += 1
    return (name, arguments), at


def _lines(call: Call, indent: int, width: int, end: str = "") -> list[str]:
    line = " " * indent + _flat(call) + end
    if len(line) <= width or not call[1]:
        return [line]
    *others, last = call[1]
    parts = [_lines(argument, indent + 2, width, ",") for argument in others]
    inner = [text for part in [*parts, _lines(last, indent + 2, width)] for text in part]
    return [" " * indent + call[0] + "(", *inner, " " * indent + ")" + end]


def _flat(call: Call) -> str:
    name, arguments = call
    return f"{name}({', '.join(map(_flat, arguments))})" if arguments else name
