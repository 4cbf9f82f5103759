"""NAS-Bench-101 (Ying et al., ICML 2019): cells of up to seven vertices and nine edges."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodas.core.errors import InvalidInput
from autodas.networks.cell_graphs import node_graph
from autodas.networks.nasbench101 import OPERATIONS, CellNetwork101
from autodas.spaces.base import Shape, Space, other, pick
from autodas.spaces.text import check_text, shown

__all__ = ["NASBENCH101", "Cell", "NasBench101", "graph_hash", "prune"]

VERTICES = 7
EDGES = 9

Matrix = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Cell:
    """A cell without useless vertices.

    Attributes:
        matrix: (V, V) upper triangular adjacency; vertex 0 is the input, the last the output.
        ops: Operations of the V − 2 vertices between.
    """

    matrix: Matrix
    ops: tuple[str, ...]

    @property
    def edges(self) -> int:
        """Number of edges."""
        return sum(map(sum, self.matrix))


def prune(matrix: Sequence[Sequence[int]], ops: Sequence[str]) -> Cell | None:
    """The cell without the vertices that are not on a way from input to output.

    Returns:
        None if there is no way from input to output.
    """
    last = len(matrix) - 1
    from_input, to_output = {0}, {last}
    for v in range(1, last + 1):
        if any(matrix[u][v] for u in from_input):
            from_input.add(v)
    for v in range(last - 1, -1, -1):
        if any(matrix[v][t] for t in to_output):
            to_output.add(v)
    kept = sorted(from_input & to_output)
    if 0 not in kept or last not in kept:
        return None
    small = tuple(tuple(int(matrix[u][v]) for v in kept) for u in kept)
    return Cell(small, tuple(ops[v - 1] for v in kept[1:-1]))


def graph_hash(cell: Cell) -> str:
    """The benchmark's ``module_hash``, the same for isomorphic cells.

    Every vertex starts with its degrees and label and is hashed with its neighbours as often as
    there are vertices (Ying et al., 2019, section 2; Ying, 2019, *Enumerating unique
    computational graphs via an iterative graph invariant*).
    """
    matrix, vertices = cell.matrix, range(len(cell.matrix))
    labels = [-1, *(OPERATIONS.index(op) for op in cell.ops), -2]
    hashes = [
        _md5(str((sum(matrix[v]), sum(row[v] for row in matrix), labels[v]))) for v in vertices
    ]
    for _ in vertices:
        hashes = [
            _md5(
                "".join(sorted(hashes[u] for u in vertices if matrix[u][v]))
                + "|"
                + "".join(sorted(hashes[u] for u in vertices if matrix[v][u]))
                + "|"
                + hashes[v]
            )
            for v in vertices
        ]
    return _md5(str(sorted(hashes)))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class NasBench101(Space):
    """Cells in a skeleton of nine, with 128 channels in the first of three stages.

    Architectures are written ``adjacency;ops`` as in ``011|001|000;input;maxpool3x3;output``,
    the matrix row by row. Useless vertices are pruned when read. Two cells that differ in the
    order of their vertices are different architectures, since odd channels go to the first
    vertices; :func:`graph_hash` tells whether the benchmark calls them the same.
    """

    size = 1_293_208
    kind = Cell

    def __init__(self) -> None:
        self.name = "nasbench101"
        self.description = "NAS-Bench-101: cells that are graphs of up to 7 vertices and 9 edges"
        self.input_shape = (3, 32, 32)
        self.num_classes = 10

    def enumerate(self) -> Iterator[Cell]:
        """All cells, those with few vertices first."""
        for vertices in range(2, VERTICES + 1):
            pairs = list(itertools.combinations(range(vertices), 2))
            for bits in itertools.product((0, 1), repeat=len(pairs)):
                if sum(bits) > EDGES:
                    continue
                matrix = _matrix(vertices, dict(zip(pairs, bits, strict=True)))
                if _without_dead_ends(matrix):
                    for ops in itertools.product(OPERATIONS, repeat=vertices - 2):
                        yield Cell(matrix, ops)

    def sample(self, rng: np.random.Generator) -> Cell:
        """Draw each edge between seven vertices with probability ½ until the cell is valid."""
        pairs = list(itertools.combinations(range(VERTICES), 2))
        while True:
            bits = rng.integers(0, 2, size=len(pairs)).tolist()
            matrix = _matrix(VERTICES, dict(zip(pairs, bits, strict=True)))
            cell = prune(matrix, [pick(OPERATIONS, rng) for _ in range(VERTICES - 2)])
            if cell is not None and cell.edges <= EDGES:
                return cell

    def mutate(self, arch: Cell, rng: np.random.Generator) -> Cell:
        """Toggle an edge, change an operation or add a vertex, until another cell results.

        Any of these changes the number of edges or how often an operation occurs, so the result
        is not isomorphic to ``arch`` either.
        """
        while True:
            cell = _changed(arch, rng)
            if cell is not None and cell.edges <= EDGES and cell != arch:
                return cell

    def crossover(self, a: Cell, b: Cell, rng: np.random.Generator) -> Cell:
        """Each edge and each operation from either parent; one parent if that never is valid."""
        first, second = _framed(a), _framed(b)
        for _ in range(16):
            take = rng.random((VERTICES, VERTICES)) < 0.5
            matrix = np.where(take, first[0], second[0]).tolist()
            ops = [
                (x if t else y) or x or y or OPERATIONS[0]
                for x, y, t in zip(first[1], second[1], take[0, 1:-1], strict=True)
            ]
            cell = prune(matrix, ops)
            if cell is not None and cell.edges <= EDGES:
                return cell
        return a if rng.random() < 0.5 else b

    def encode(self, arch: Cell) -> str:
        """Rows of the matrix separated by bars, then the operations."""
        self._check(arch)
        rows = "|".join("".join(map(str, row)) for row in arch.matrix)
        return ";".join([rows, "input", *arch.ops, "output"])

    def decode(self, text: str) -> Cell:
        """Read ``adjacency;ops``; useless vertices are pruned."""
        check_text(text, self.name)
        adjacency, *ops = text.split(";")
        rows = adjacency.split("|")
        known = len(ops) >= 2 and ops[0] == "input" and ops[-1] == "output"
        known = known and all(op in OPERATIONS for op in ops[1:-1])
        square = all(len(row) == len(ops) and set(row) <= {"0", "1"} for row in rows)
        if not (known and square and len(rows) == len(ops)):
            raise InvalidInput(
                "space 'nasbench101': architectures are written like "
                "011|001|000;input;maxpool3x3;output with operations "
                f"{', '.join(OPERATIONS)}, got {shown(text)}"
            )
        matrix = tuple(tuple(int(entry) for entry in row) for row in rows)
        if any(matrix[u][v] for u in range(len(rows)) for v in range(u + 1)):
            raise InvalidInput(
                f"space 'nasbench101': the matrix must be upper triangular, got {shown(text)}"
            )
        cell = prune(matrix, ops[1:-1])
        if cell is None:
            raise InvalidInput(f"space 'nasbench101': no way from input to output in {shown(text)}")
        if len(cell.matrix) > VERTICES or cell.edges > EDGES:
            raise InvalidInput(
                f"space 'nasbench101': at most {VERTICES} vertices and {EDGES} edges, got "
                f"{len(cell.matrix)} and {cell.edges} in {shown(text)}"
            )
        return cell

    def make(self, arch: Cell, num_classes: int, input_shape: Shape) -> CellNetwork101:
        """The network of the benchmark."""
        return CellNetwork101(
            arch.matrix, arch.ops, channels=input_shape[0], num_classes=num_classes
        )

    def depth(self, arch: Cell) -> int:
        """Most convolutions on a path through the cell."""
        longest = [0] * len(arch.matrix)
        for v in range(1, len(arch.matrix)):
            own = v <= len(arch.ops) and arch.ops[v - 1].startswith("conv")
            longest[v] = own + max(longest[u] for u in range(v) if arch.matrix[u][v])
        return longest[-1]

    def features(self, arch: Cell) -> npt.NDArray[np.float64]:
        """The 21 possible edges, and one indicator for each operation of each vertex."""
        matrix, ops = _framed(arch)
        chosen = [float(op == name) for op in ops for name in OPERATIONS]
        return np.concatenate([matrix[np.triu_indices(VERTICES, 1)], chosen]).astype(np.float64)

    def graph_features(self, arch: Cell) -> npt.NDArray[np.float64]:
        """Counts, paths and degrees of the cell."""
        return np.array(node_graph(arch.matrix, arch.ops, OPERATIONS).numbers)


def _matrix(vertices: int, edges: dict[tuple[int, int], int]) -> Matrix:
    span = range(vertices)
    return tuple(tuple(edges.get((u, v), 0) for v in span) for u in span)


def _without_dead_ends(matrix: Matrix) -> bool:
    """Whether each vertex has a predecessor and a successor: then each is on a way through."""
    return all(any(row) for row in matrix[:-1]) and all(
        any(column) for column in list(zip(*matrix, strict=True))[1:]
    )


def _framed(cell: Cell) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Matrix and operations among seven vertices; vertices that are not there have no edges."""
    kept = [*range(len(cell.matrix) - 1), VERTICES - 1]
    matrix = np.zeros((VERTICES, VERTICES), dtype=np.int64)
    matrix[np.ix_(kept, kept)] = cell.matrix
    return matrix, [*cell.ops, *[""] * (VERTICES - 2 - len(cell.ops))]


def _changed(cell: Cell, rng: np.random.Generator) -> Cell | None:
    """One random change, which may leave no valid cell."""
    count, ops = len(cell.matrix), list(cell.ops)
    matrix = [list(row) for row in cell.matrix]
    kind = int(rng.integers(3))
    if kind == 0:
        u, v = sorted(int(i) for i in rng.choice(count, size=2, replace=False))
        matrix[u][v] ^= 1
    elif kind == 1 and ops:
        i = int(rng.integers(len(ops)))
        ops[i] = other(ops[i], OPERATIONS, rng)
    elif count < VERTICES:
        # The new vertex comes at place p, after one random vertex and before another.
        p = int(rng.integers(1, count))
        before, after = int(rng.integers(p)), int(rng.integers(p, count))
        matrix = [[*row[:p], int(u == before), *row[p:]] for u, row in enumerate(matrix)]
        matrix.insert(p, [int(v == after + 1) for v in range(count + 1)])
        ops.insert(p - 1, pick(OPERATIONS, rng))
    return prune(matrix, ops)


NASBENCH101 = NasBench101()
