"""NAS-Bench-201 (Dong & Yang, ICLR 2020): cells of four nodes and five operations."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.networks.cell_graphs import edge_graph
from autodas.networks.nasbench201 import EDGES, OPERATIONS, CellNetwork201
from autodas.spaces.base import Shape
from autodas.spaces.choices import ChoiceSpace, Each, Selection
from autodas.spaces.text import check_text, shown

__all__ = ["NASBENCH201", "NasBench201", "convolutions_in_a_row", "isomorphism_class"]

_OPERATION = "(" + "|".join(OPERATIONS) + ")"
_PATTERN = re.compile(
    r"\+".join(
        r"\|" + "".join(rf"{_OPERATION}~{source}\|" for source in range(target))
        for target in (1, 2, 3)
    )
)


class NasBench201(ChoiceSpace):
    """All 15,625 cells, in the skeleton of 16 channels and five cells per stage.

    Architectures are written ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``. Parameters equal the
    published ones. Published "FLOPs" are our MACs of convolutions and the linear layer, plus two
    per element for batch normalisation, one for ReLU, k² for k × k pooling and (H + 1)² per
    channel for global pooling of an H × H map.
    """

    def __init__(self) -> None:
        super().__init__(
            "nasbench201",
            "NAS-Bench-201: one of five operations on each of six edges of a cell",
            {"ops": Each.of(OPERATIONS, len(EDGES))},
            _cell_network,
            depth=convolutions_in_a_row,
            input_shape=(3, 32, 32),
            num_classes=10,
        )

    def encode(self, arch: Selection) -> str:
        """The benchmark's architecture string."""
        self._check(arch)
        operations = iter(arch["ops"])
        nodes = (
            "|" + "".join(f"{next(operations)}~{source}|" for source in range(target))
            for target in (1, 2, 3)
        )
        return "+".join(nodes)

    def decode(self, text: str) -> Selection:
        """Read the benchmark's architecture string."""
        check_text(text, self.name)
        found = _PATTERN.fullmatch(text)
        if found is None:
            raise InvalidInput(
                "space 'nasbench201': architectures are written "
                "|op~0|+|op~0|op~1|+|op~0|op~1|op~2| with op one of "
                f"{', '.join(OPERATIONS)}, got {shown(text)}"
            )
        return self._select(found.groups())

    def graph_features(self, arch: Selection) -> npt.NDArray[np.float64]:
        """Counts, paths and degrees of the cell without its dead edges."""
        return np.array(edge_graph(EDGES, arch["ops"], OPERATIONS).numbers)

    def cost_class(self, arch: Selection) -> Selection:
        """The same operations in alphabetical order: which edge has which does not matter."""
        return self._select(sorted(arch["ops"]))


def _cell_network(arch: Selection, num_classes: int, input_shape: Shape) -> CellNetwork201:
    return CellNetwork201(arch["ops"], channels=input_shape[0], num_classes=num_classes)


def convolutions_in_a_row(arch: Selection) -> int:
    """Most convolutions on a path through the cell; 0 also if no path is open."""
    longest: list[int | None] = [0, None, None, None]
    for (source, target), operation in zip(EDGES, arch["ops"], strict=True):
        before = longest[source]
        if operation != "none" and before is not None:
            reached = before + ("conv" in operation)
            longest[target] = max(reached, longest[target] or 0)
    return longest[3] or 0


@lru_cache(maxsize=1 << 14)
def isomorphism_class(arch: Selection) -> str:
    """A text that is the same for the cells that the benchmark calls identical.

    A node is the unordered sum of what reaches it, a skip connection changes nothing, and what is
    zero stays zero. A zero summand is kept, as in the benchmark's own count of 6,466 classes.

    The tables group cells otherwise (:func:`autodas.tables.nasbench.nasbench201_class`): accuracies
    of cells that compute the same must not lie on both sides of a split, so that there the coarser
    classes are right. Here networks of one class may stand for each other, so that nothing else
    may: statistics of weights see a dead node.
    """
    zero = "#"
    incoming: dict[int, list[str]] = {1: [], 2: [], 3: []}
    nodes = ["0"]
    for (source, target), operation in zip(EDGES, arch["ops"], strict=True):
        if source == len(nodes):
            nodes.append("+".join(sorted(incoming[source])))
        value = nodes[source]
        if operation == "none" or value == zero:
            incoming[target].append(zero)
        elif operation == "skip_connect":
            incoming[target].append(value)
        else:
            incoming[target].append(f"({value})@{operation}")
    return "+".join(sorted(incoming[3]))


NASBENCH201 = NasBench201()
