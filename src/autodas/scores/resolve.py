"""From a score's name on the command line to the score."""

from __future__ import annotations

from pathlib import Path

from autodas.core.errors import UnknownName
from autodas.scores.proxy import read_proxy
from autodas.scores.score import SCORES, Score, of_expression
from autodas.scores.shipped import shipped_path, shipped_proxies

__all__ = ["get_score", "score_names"]

PREFIX = "proxy:"


def get_score(name: str) -> Score:
    """The score called ``name``.

    Args:
        name: A name of the catalogue; ``proxy:`` and the name of a proxy of this package or the
            path of a proxy file; or a formula.

    Raises:
        UnknownName: there is no such score, statistic or primitive; the message names the
            nearest.
        InvalidInput: the formula is malformed or ill-typed.
        FileProblem: the proxy file cannot be used.
    """
    if name.startswith(PREFIX):
        wanted = name.removeprefix(PREFIX)
        path = Path(wanted)
        if (shipped := shipped_path(wanted)) is not None:
            path = shipped
        elif path.suffix != ".json" and not path.exists():
            raise UnknownName("proxy", wanted, [*shipped_proxies(), "path/to/proxy.json"])
        return read_proxy(path).score
    if "(" in name:
        return of_expression(name, name, "formula")
    if name not in SCORES:
        raise UnknownName("score", name, [*SCORES.names(), "proxy:path/to/proxy.json"])
    return SCORES.get(name)


def score_names(text: str) -> list[str]:
    """Names separated by commas; the commas inside a formula's parentheses do not count."""
    names, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth <= 0:
            names.append("")
        else:
            names[-1] += character
    return [name.strip() for name in names if name.strip()]
