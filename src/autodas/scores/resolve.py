"""From a score's name on the command line to the score."""

from __future__ import annotations

from pathlib import Path

from autodas.core.errors import UnknownName
from autodas.scores.proxy import load_proxy
from autodas.scores.score import SCORES, Score

__all__ = ["get_score"]

PREFIX = "proxy:"


def get_score(name: str) -> Score:
    """The score called ``name``.

    Args:
        name: A name of the catalogue, or ``proxy:`` and the path of a proxy file.

    Raises:
        UnknownName: there is no such score; the message names the nearest.
        FileProblem: the proxy file cannot be used.
    """
    if name.startswith(PREFIX):
        return load_proxy(Path(name.removeprefix(PREFIX))).score
    if name not in SCORES:
        raise UnknownName("score", name, [*SCORES.names(), "proxy:path/to/proxy.json"])
    return SCORES.get(name)
