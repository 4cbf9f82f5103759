"""From a score's name on the command line to the score; the proxies that come with this package."""

from __future__ import annotations

from pathlib import Path

from autodas.core.errors import UnknownName
from autodas.core.places import expanded
from autodas.scores.proxy import read_proxy
from autodas.scores.score import SCORES, Score, of_expression

__all__ = ["get_score", "score_names", "shipped_path", "shipped_proxies"]

PREFIX = "proxy:"
FOLDER = Path(__file__).parent / "shipped"


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
        path = expanded(Path(wanted))
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


def shipped_proxies() -> list[str]:
    """Their names; each is the score ``proxy:NAME``."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def shipped_path(name: str) -> Path | None:
    """The file of a proxy of this package; None if there is none of that name."""
    return FOLDER / f"{name}.json" if name in shipped_proxies() else None
