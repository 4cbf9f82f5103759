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
    of its source, and the order of terms does not matter. A convolution of zeros counts as zero,
    although its normalisation may add a constant. Cells with the same ``iso_class`` of the
    benchmark's authors, who count 6,466, always share a class here; some of their classes
    differ only in dead nodes or in the order of terms behind a skip connection, and are joined.

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
