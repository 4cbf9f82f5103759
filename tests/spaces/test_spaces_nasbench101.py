"""NAS-Bench-101: pruning, hashing, channels, and agreement with the published columns."""

import csv
import itertools
import os
import statistics
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autodas.core.errors import InvalidInput
from autodas.networks.nasbench101 import OPERATIONS, Cell101, vertex_channels
from autodas.spaces import get_space
from autodas.spaces.nasbench101 import Cell, graph_hash, prune

SPACE = get_space("nasbench101")
CONV3, CONV1, POOL = OPERATIONS
needs_data = pytest.mark.skipif(
    "AUTODAS_DATA" not in os.environ, reason="AUTODAS_DATA is not set: no published tables"
)


def orders(cell):
    """The same graph with its inner vertices in every order that keeps the matrix triangular."""
    inner = len(cell.ops)
    for permutation in itertools.permutations(range(1, inner + 1)):
        order = [0, *permutation, inner + 1]
        matrix = tuple(tuple(cell.matrix[u][v] for v in order) for u in order)
        if not np.tril(matrix).any():
            yield Cell(matrix, tuple(cell.ops[v - 1] for v in permutation))


def published_flops(cell, macs):
    """The benchmark's count from ours: normalisation 2, ReLU 1, k × k pooling k² per element."""
    total = macs + 3 * 128 * 1024
    for i, k in itertools.product(range(3), range(3)):
        pixels, outputs = 1024 >> 2 * i, 128 << i
        if i and k == 0:
            total += 4 * (outputs // 2) * pixels
        channels = vertex_channels(outputs // 2 if i and k == 0 else outputs, outputs, cell.matrix)
        for v in range(1, len(channels)):
            total += 3 * channels[v] * pixels * cell.matrix[0][v]
            if v <= len(cell.ops):
                total += (9 if cell.ops[v - 1] == POOL else 3) * channels[v] * pixels
    return total


def check(rows):
    for row in rows:
        text = f"{row['adjacency']};{row['ops']}"
        cell = SPACE.decode(text)
        assert SPACE.encode(cell) == text
        assert graph_hash(cell) == row["module_hash"]
        params, flops = float(row["params"]), float(row["flops"])
        cost = SPACE.cost(cell)
        if abs(cost.params / 1e6 - params) < 1e-9:
            assert published_flops(cell, cost.macs) / 1e6 == pytest.approx(flops, rel=1e-7)
        else:
            # The column is a median over draws; here the draws differed in vertex order.
            assert int(row["n_samples"]) > 1
            sizes = {SPACE.cost(other).params / 1e6 for other in orders(cell)}
            medians = [statistics.median(pair) for pair in itertools.combinations(sizes, 2)]
            assert min(abs(m - params) for m in medians) < 1e-9


def table():
    path = Path(os.environ["AUTODAS_DATA"]) / "nasbench101.csv"
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


@needs_data
def test_nasbench101_columns_equal_the_published():
    check(table()[::12])


@needs_data
@pytest.mark.slow
def test_all_nasbench101_columns_equal_the_published():
    rows = table()
    assert len(rows) == 146
    check(rows)


def test_known_hash_and_cost_without_data():
    # The first cell of the benchmark's published data set, and the cell without operations.
    bare = SPACE.decode("01|00;input;output")
    assert graph_hash(bare) == "043721b9c7fe8c5fad811d47d83132ec"
    assert SPACE.cost(bare).params == 882_570
    assert SPACE.depth(bare) == 0
    chain = SPACE.decode(f"0110|0010|0001|0000;input;{CONV3};{POOL};output")
    assert graph_hash(chain) == "8cb3a764fd692371153c2c8503f840e0"
    assert SPACE.cost(chain).params == 11_051_402
    assert SPACE.depth(chain) == 1


def test_useless_vertices_are_pruned():
    # Vertex 1 leads nowhere, nothing reaches vertex 3.
    text = f"01100|00000|00001|00001|00000;input;{CONV3};{CONV1};{POOL};output"
    assert SPACE.encode(SPACE.decode(text)) == f"010|001|000;input;{CONV1};output"
    assert prune([[0, 1, 0], [0, 0, 0], [0, 0, 0]], [POOL]) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"010|000|000;input;{POOL};output", "no way"),
        (f"011|101|000;input;{POOL};output", "triangular"),
        (f"110|001|000;input;{POOL};output", "triangular"),
        ("010|001|000;input;conv5x5-bn-relu;output", "operations"),
        ("010|001|000;input;output", "written"),
        ("01|00;output;input", "written"),
        (f"010|00|000;input;{POOL};output", "written"),
        ("01|00", "written"),
        (
            "0" + "1" * 5 + "|00111" + "1|000111|000011|000001|000000"
            + f";input;{POOL};{POOL};{POOL};{POOL};output",
            "9 edges",
        ),
        (
            "|".join("0" * (i + 1) + "1" + "0" * (6 - i) for i in range(7)) + "|00000000"
            + f";input;{';'.join([POOL] * 6)};output",
            "7 vertices",
        ),
    ],
)  # fmt: skip
def test_what_is_not_a_cell_is_refused(text, message):
    with pytest.raises(InvalidInput, match=message):
        SPACE.decode(text)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_hash_ignores_the_order_of_vertices(seed):
    rng = np.random.default_rng(seed)
    cell = SPACE.sample(rng)
    assert {graph_hash(same) for same in orders(cell)} == {graph_hash(cell)}
    assert graph_hash(SPACE.mutate(cell, rng)) != graph_hash(cell)


def test_members_have_no_dead_ends_and_few_edges():
    rng = np.random.default_rng(0)
    cell, sizes = SPACE.sample(rng), set()
    for _ in range(400):
        cell = SPACE.mutate(cell, rng)
        assert prune(cell.matrix, cell.ops) == cell
        assert cell.edges <= 9
        assert len(cell.matrix) <= 7
        sizes.add(len(cell.matrix))
    # Mutation both removes vertices and adds them.
    assert {3, 4, 5, 6, 7} <= sizes


def test_number_of_small_cells():
    # By hand: two vertices 1; three vertices 2 matrices × 3 operations; four 10 × 9.
    cells = itertools.takewhile(lambda cell: len(cell.matrix) <= 4, SPACE.enumerate())
    assert [len(cell.matrix) for cell in cells] == [2] + [3] * 6 + [4] * 90


@pytest.mark.slow
def test_number_of_cells():
    matrices = {cell.matrix for cell in SPACE.enumerate() if set(cell.ops) <= {POOL}}
    assert sum(3 ** (len(matrix) - 2) for matrix in matrices) == SPACE.size


def test_channels_are_shared_as_published():
    # Vertices 1, 2, 3 lead to the output: 128 = 43 + 43 + 42; vertex 1 leads to 2 as well.
    matrix = ((0, 1, 1, 1, 0), (0, 0, 1, 0, 1), (0, 0, 0, 0, 1), (0, 0, 0, 0, 1), (0,) * 5)
    assert vertex_channels(128, 128, matrix) == [128, 43, 43, 42, 128]
    # Vertex 1 leads to 2 (64) alone.
    matrix = ((0, 1, 0, 1, 0), (0, 0, 1, 0, 0), (0, 0, 0, 0, 1), (0, 0, 0, 0, 1), (0,) * 5)
    assert vertex_channels(64, 128, matrix) == [64, 64, 64, 64, 128]


def test_cell_cuts_sums_and_concatenates():
    # 43-channel vertices 1, 2 and a 42-channel vertex 3 fed by vertex 1, plus the input.
    matrix = ((0, 1, 1, 0, 1), (0, 0, 0, 1, 1), (0, 0, 0, 0, 1), (0, 0, 0, 0, 1), (0,) * 5)
    cell = Cell101(matrix, (CONV1, POOL, POOL), 128, 128).eval()
    x = torch.randn(1, 128, 4, 4)
    pool = torch.nn.MaxPool2d(3, 1, 1)
    one = cell.operations[0](cell.projections["1"](x))
    two = pool(cell.projections["2"](x))
    three = pool(one[:, :42])
    expected = torch.cat([one, two, three], dim=1) + cell.projections["4"](x)
    torch.testing.assert_close(cell(x), expected)
