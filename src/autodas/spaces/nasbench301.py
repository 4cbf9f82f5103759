"""NAS-Bench-301 (Zela et al., ICLR 2022): pairs of DARTS cells."""

from __future__ import annotations

import itertools
import re

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.networks.darts import OPERATIONS, DartsNetwork
from autodas.spaces.base import Shape
from autodas.spaces.choices import ChoiceSpace, Each, Selection
from autodas.spaces.text import check_text, shown

__all__ = ["NASBENCH301", "NasBench301"]

CELLS = ("normal", "reduction")
EDGES = 8
_PAIR = re.compile(r"\(\s*(\d)\s*,\s*(\d)\s*\)")
_TEXT = re.compile(r"\[(\[[^\[\]]*\]),\s*(\[[^\[\]]*\])\]")

Genes = list[tuple[int, int]]


class NasBench301(ChoiceSpace):
    """Two cells of four nodes, each fed by two of the nodes before it through seven operations.

    Architectures are written as in NASLib, ``[[(node, operation), …], [(node, operation), …]]``:
    the normal cell and then the reduction cell, two pairs for each node, operations by number in
    the order of :data:`~autodas.networks.darts.OPERATIONS`. The two edges of a node are summed, so
    that their order means nothing: the one from the earlier node is written first.
    """

    def __init__(self) -> None:
        inputs = Each(
            tuple(
                tuple(f"{a}-{b}" for a, b in itertools.combinations(range(node + 2), 2))
                for node in range(4)
            )
        )
        super().__init__(
            "nasbench301",
            "NAS-Bench-301: a normal and a reduction cell of DARTS, eight cells in a row",
            {
                **{f"{cell}_inputs": inputs for cell in CELLS},
                **{f"{cell}_ops": Each.of(OPERATIONS, EDGES) for cell in CELLS},
            },
            _network,
            depth=_convolutions_in_a_row,
            input_shape=(3, 32, 32),
            num_classes=10,
        )

    def encode(self, arch: Selection) -> str:
        """NASLib's notation."""
        self._check(arch)
        cells = (", ".join(f"({a}, {op})" for a, op in _genes(arch, cell)) for cell in CELLS)
        return "[" + ", ".join(f"[{cell}]" for cell in cells) + "]"

    def decode(self, text: str) -> Selection:
        """Read NASLib's notation, the two edges of a node in either order."""
        check_text(text, self.name)
        found = _TEXT.fullmatch(text.strip())
        cells = [_PAIR.findall(cell) for cell in found.groups()] if found else []
        inputs: list[str] = []
        operations: list[str] = []
        for pairs in cells:
            genes = [(int(a), int(op)) for a, op in pairs]
            for node in range(len(genes) // 2):
                edges = sorted(genes[2 * node : 2 * node + 2])
                inputs.append("-".join(str(a) for a, _ in edges))
                operations += [OPERATIONS[op] for _, op in edges if op < len(OPERATIONS)]
        known = [options for cell in CELLS for options in self._genes[:4]]
        fits = len(inputs) == len(known) and len(operations) == 2 * EDGES
        if not fits or any(a not in options for a, options in zip(inputs, known, strict=True)):
            raise InvalidInput(
                "space 'nasbench301': architectures are written [[(node, operation), …], [(node, "
                "operation), …]], two different earlier nodes for each of four, operations 0 to 6, "
                f"got {shown(text)}"
            )
        return self._select([*inputs, *operations])

    def graph_features(self, arch: Selection) -> npt.NDArray[np.float64]:
        """Counts, paths and degrees of both cells (GRAF, of DARTS cells)."""
        return np.array([number for cell in CELLS for number in _features(_genes(arch, cell))])


def _genes(arch: Selection, cell: str) -> Genes:
    """(node, number of the operation) of the edges of a cell."""
    sources = [int(a) for pair in arch[f"{cell}_inputs"] for a in pair.split("-")]
    return list(zip(sources, map(OPERATIONS.index, arch[f"{cell}_ops"]), strict=True))


def _network(arch: Selection, num_classes: int, input_shape: Shape) -> DartsNetwork:
    normal, reduction = ([(a, OPERATIONS[op]) for a, op in _genes(arch, cell)] for cell in CELLS)
    return DartsNetwork(normal, reduction, channels=input_shape[0], num_classes=num_classes)


def _convolutions_in_a_row(arch: Selection) -> int:
    """Most depthwise convolutions on a path through six normal and two reduction cells."""
    total = 0
    for cell, repeats in zip(CELLS, (6, 2), strict=True):
        far = [0, 0]
        edges = iter(_genes(arch, cell))
        for _ in range(4):
            ways = []
            for source, op in itertools.islice(edges, 2):
                name = OPERATIONS[op]
                ways.append(far[source] + 2 * name.startswith("sep") + name.startswith("dil"))
            far.append(max(ways))
        total += repeats * max(far)
    return total


def _features(genes: Genes) -> list[float]:
    """Of one cell: counts; for every set of operations, the longest way from either input to the
    output, edges that leave the inputs, and mean degrees. Edges to the output are always there.
    """
    edges = [(source, 2 + number // 2, op) for number, (source, op) in enumerate(genes)]
    found = [float(sum(op == each for _, _, op in edges)) for each in range(len(OPERATIONS))]
    for count in range(1, len(OPERATIONS) + 1):
        for chosen in itertools.combinations(range(len(OPERATIONS)), count):
            there = [(a, b) for a, b, op in edges if op in chosen]
            found += [_longest(there, start) for start in (0, 1)]
            found += [float(sum(a == start for a, _ in there)) for start in (0, 1)]
            found.append((len(there) + 4) / 7)
    return found


def _longest(edges: list[tuple[int, int]], start: int) -> float:
    """Edges of the longest way from an input to the output; 0 if there is none."""
    far = {start: 0}
    for source, target in sorted(edges):
        if source in far:
            far[target] = max(far.get(target, 0), far[source] + 1)
    return float(max((far[node] + 1 for node in far if node >= 2), default=0))


NASBENCH301 = NasBench301()
