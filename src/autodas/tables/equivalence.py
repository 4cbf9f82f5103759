"""NAS-Bench-201 cells that are written differently and compute the same."""

from __future__ import annotations

import re

from autodas.core.errors import InvalidInput

__all__ = ["nasbench201_class"]

CELL = re.compile(
    r"\|(?P<a>\w+)~0\|\+\|(?P<b>\w+)~0\|(?P<c>\w+)~1\|\+\|(?P<d>\w+)~0\|(?P<e>\w+)~1\|(?P<f>\w+)~2\|"
)


def nasbench201_class(architecture: str) -> str:
    """Text shared by cells that compute the same function of their input ``x``.

    Each node is the sum of its inputs: zeroed edges vanish, a skip connection passes on the terms
    of its source, and the order of terms does not matter. The classes by which the benchmark's
    authors count 6,466 different cells (``iso_class``) are the same or finer: they do not see
    that a sum passed on by a skip connection can be added in any order.

    Raises:
        InvalidInput: the text is not a cell.
    """
    found = CELL.fullmatch(architecture)
    if found is None:
        raise InvalidInput(f"{architecture[:60]!r} is not a NAS-Bench-201 cell")
    nodes = [["x"]]
    for edges in (("a",), ("b", "c"), ("d", "e", "f")):
        terms = [
            term for source, edge in enumerate(edges) for term in _terms(found[edge], nodes[source])
        ]
        nodes.append(sorted(terms))
    return "+".join(nodes[-1]) or "0"


def _terms(operation: str, node: list[str]) -> list[str]:
    if operation == "none" or not node:
        return []
    return node if operation == "skip_connect" else [f"{operation}({'+'.join(node)})"]
