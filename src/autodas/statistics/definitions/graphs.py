"""The graph of a cell as statistics: what is known of it without any weight.

Only networks that repeat one cell have them. For chains of stages, what corresponds are the sizes:
layers, channels, and their ratios.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from autodas.core.values import Kind, Type
from autodas.networks.cell_graphs import CellGraph
from autodas.statistics.catalog import statistic
from autodas.statistics.need import Unmeasurable
from autodas.statistics.passes.probe import Probe

# One number for every non-empty set of operations, the last for all of them.
GRAPH_VECTOR = Type(Kind.VECTOR, "graph")
OPERATION_VECTOR = Type(Kind.VECTOR, "operation")
REFERENCE = "Kadlecová et al., ICML 2024 (GRAF)"
of_graph = partial(statistic, size=True, reference=REFERENCE)


def _read(probe: Probe, read: Callable[[CellGraph], tuple[float, ...]]) -> list[float]:
    graph = probe.network.cell_graph
    if graph is None:
        raise Unmeasurable("the network is no repeated cell")
    return list(read(graph))


@of_graph(OPERATION_VECTOR)
def graph_operations(probe: Probe) -> list[float]:
    """How often each operation occurs in the cell, dead edges left out."""
    return _read(probe, lambda graph: graph.counts)


@of_graph(GRAPH_VECTOR)
def graph_shortest(probe: Probe) -> list[float]:
    """Edges of the shortest way through the cell, per set of operations."""
    return _read(probe, lambda graph: graph.shortest)


@of_graph(GRAPH_VECTOR)
def graph_longest(probe: Probe) -> list[float]:
    """Operations on the longest way through the cell, per set of operations; 0 without a way."""
    return _read(probe, lambda graph: graph.longest)


@of_graph(GRAPH_VECTOR)
def graph_leaving(probe: Probe) -> list[float]:
    """Edges that leave the input of the cell, per set of operations."""
    return _read(probe, lambda graph: graph.leaving_input)


@of_graph(GRAPH_VECTOR)
def graph_entering(probe: Probe) -> list[float]:
    """Edges that enter the output of the cell, per set of operations."""
    return _read(probe, lambda graph: graph.entering_output)


@of_graph(GRAPH_VECTOR)
def graph_degree(probe: Probe) -> list[float]:
    """Mean number of edges that leave a node of the cell, per set of operations."""
    return _read(probe, lambda graph: graph.leaving)
