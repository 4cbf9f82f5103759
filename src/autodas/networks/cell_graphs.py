"""What the graph of a cell tells before any network is built: counts, paths and degrees.

For every set of operations, the graph is looked at as if there were no others: how far is it from
input to output, how many ways lead out of the input, and so on. A network that is nothing but such
a cell, repeated, is described by that as well as by its untrained weights.

Source: Kadlecová et al., "Surprisingly Strong Performance Prediction with Neural Graph Features",
ICML 2024 (GRAF). Edges that are on no open way from input to output are taken out first.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields

__all__ = ["CellGraph", "edge_graph", "live_edges", "node_graph"]

Edge = tuple[int, int]
Numbers = tuple[float, ...]


@dataclass(frozen=True)
class CellGraph:
    """Features of a cell; all but the counts have one number per non-empty set of operations.

    Attributes:
        counts: How often each operation occurs.
        shortest: Edges of the shortest way from input to output; more than there can be if there
            is none.
        longest: Edges, or operations where they sit on nodes, of the longest way; 0 if none.
        leaving_input: Edges that leave the input.
        entering_output: Edges that enter the output.
        entering: Mean number of edges that enter a node; where operations sit on nodes, from
            allowed ones.
        leaving: Mean number of edges that leave a node; likewise to allowed ones.
    """

    counts: Numbers
    shortest: Numbers
    longest: Numbers
    leaving_input: Numbers
    entering_output: Numbers
    entering: Numbers
    leaving: Numbers

    @property
    def numbers(self) -> list[float]:
        """All of them in a row."""
        return [number for field in fields(self) for number in getattr(self, field.name)]


def live_edges(edges: Sequence[Edge], is_open: Sequence[bool], last: int) -> list[bool]:
    """Whether each edge lies on an open way from node 0 to node ``last``."""
    reached, reaching = {0}, {last}
    pairs = [edge for edge, passes in zip(edges, is_open, strict=True) if passes]
    for source, target in sorted(pairs):
        reached |= {target} if source in reached else set()
    for source, target in sorted(pairs, key=lambda edge: edge[1], reverse=True):
        reaching |= {source} if target in reaching else set()
    return [
        passes and source in reached and target in reaching
        for (source, target), passes in zip(edges, is_open, strict=True)
    ]


def edge_graph(
    edges: Sequence[Edge], operations: Sequence[str], known: Sequence[str], nothing: str = "none"
) -> CellGraph:
    """Of a cell with operations on its edges.

    Args:
        edges: (from, to), from < to; node 0 is the input, the highest number the output.
        operations: One for each edge.
        known: All operations there are, ``nothing`` among them.
        nothing: The one that carries nothing; edges on no open way count as it.
    """
    last = max(target for _, target in edges)
    live = live_edges(edges, [operation != nothing for operation in operations], last)
    used = [op if alive else nothing for op, alive in zip(operations, live, strict=True)]
    rows = []
    for chosen in _subsets(known):
        there = [edge for edge, op in zip(edges, used, strict=True) if op in chosen]
        shortest, longest = _ways(there, last)
        degree = len(there) / (last + 1)
        rows.append(
            (
                float(len(edges) if shortest is None else shortest),
                float(longest or 0),
                float(sum(source == 0 for source, _ in there)),
                float(sum(target == last for _, target in there)),
                degree,
                degree,
            )
        )
    return CellGraph(tuple(float(used.count(op)) for op in known), *zip(*rows, strict=True))


def node_graph(
    matrix: Sequence[Sequence[int]], operations: Sequence[str], known: Sequence[str]
) -> CellGraph:
    """Of a cell with operations on its inner nodes, without useless nodes.

    Args:
        matrix: (V, V) upper triangular adjacency; node 0 is the input, the last the output.
        operations: Of the V − 2 nodes between.
        known: All operations there are.
    """
    last = len(matrix) - 1
    rows = []
    for chosen in _subsets(known):
        allowed = {0, last, *(v for v in range(1, last) if operations[v - 1] in chosen)}
        there = [
            (u, v)
            for u, v in itertools.combinations(range(last + 1), 2)
            if matrix[u][v] and {u, v} <= allowed
        ]
        shortest, longest = _ways(there, last)
        from_allowed = sum(matrix[u][v] for u in allowed for v in range(last + 1))
        to_allowed = sum(matrix[u][v] for u in range(last + 1) for v in allowed)
        rows.append(
            (
                float(last + 1 if shortest is None else shortest),
                float(0 if longest is None else longest - 1),
                float(sum(u == 0 for u, _ in there)),
                float(sum(v == last for _, v in there)),
                from_allowed / (last + 1),
                to_allowed / (last + 1),
            )
        )
    return CellGraph(
        tuple(float(list(operations).count(op)) for op in known), *zip(*rows, strict=True)
    )


def _subsets(known: Sequence[str]) -> list[frozenset[str]]:
    """Every non-empty set, the smaller ones first; the last holds all."""
    return [
        frozenset(chosen)
        for count in range(1, len(known) + 1)
        for chosen in itertools.combinations(known, count)
    ]


def _ways(edges: Sequence[Edge], last: int) -> tuple[int | None, int | None]:
    """Edges of the shortest and of the longest way from node 0; None if there is none."""
    near: dict[int, int] = {0: 0}
    far: dict[int, int] = {0: 0}
    for source, target in sorted(edges):
        if source in near:
            near[target] = min(near.get(target, last), near[source] + 1)
            far[target] = max(far.get(target, 0), far[source] + 1)
    return near.get(last), far.get(last)
