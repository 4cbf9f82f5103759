"""Long formulas over several lines."""

from __future__ import annotations

import re

__all__ = ["broken"]

LONGEST_LINE = 76
DEEPEST = 100

Call = tuple[str, list["Call"]]


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


def _lines(call: Call, indent: int, width: int) -> list[str]:
    line = " " * indent + _flat(call)
    if len(line) <= width or not call[1]:
        return [line]
    parts = [_lines(argument, indent + 2, width) for argument in call[1]]
    for part in parts[:-1]:
        part[-1] += ","
    inner = [text for part in parts for text in part]
    return [" " * indent + call[0] + "(", *inner, " " * indent + ")"]


def _flat(call: Call) -> str:
    name, arguments = call
    return f"{name}({', '.join(map(_flat, arguments))})" if arguments else name
