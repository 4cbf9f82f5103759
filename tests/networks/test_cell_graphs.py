"""Graph features of cells, counted by hand on small cells."""

import itertools

import numpy as np
import pytest

from autodas.networks.cell_graphs import CellGraph, edge_graph, live_edges, node_graph
from autodas.networks.nasbench201 import EDGES, OPERATIONS
from autodas.spaces import get_space

# Sets of none, skip, conv, the smaller ones first: their place in every feature.
KNOWN = ("none", "skip", "conv")
ONLY_NONE, ONLY_SKIP, ONLY_CONV, _, _, SKIP_CONV, ALL = range(7)


def cell(*operations):
    return edge_graph(EDGES, operations, KNOWN)


def test_a_cell_counted_by_hand():
    # 0 → 1 conv, 0 → 2 skip, 1 → 2 conv, 0 → 3 none, 1 → 3 skip, 2 → 3 conv: all alive
    found = cell("conv", "skip", "conv", "none", "skip", "conv")
    assert found.counts == (1, 2, 3)
    assert found.shortest[ONLY_CONV] == found.longest[ONLY_CONV] == 3  # 0 → 1 → 2 → 3
    assert found.shortest[ONLY_SKIP] == 6  # there is none
    assert found.longest[ONLY_SKIP] == 0
    assert found.shortest[SKIP_CONV] == 2  # conv, skip or skip, conv
    assert found.shortest[ALL] == 1  # the edge that carries nothing counts as one
    assert found.longest[ALL] == 3
    assert found.leaving_input[ONLY_SKIP] == 1
    assert found.leaving_input[SKIP_CONV] == 2
    assert found.entering_output[SKIP_CONV] == 2
    assert found.entering_output[ONLY_NONE] == 1
    assert found.entering[ONLY_CONV] == found.leaving[ONLY_CONV] == 3 / 4


def test_dead_edges_carry_nothing():
    # Nothing reaches node 1, so its convolutions are dead; node 2 leads nowhere.
    dead = cell("none", "conv", "conv", "skip", "conv", "none")
    alive = cell("none", "none", "none", "skip", "none", "none")
    assert dead == alive
    assert dead.counts == (5, 1, 0)


@pytest.mark.parametrize("seed", range(3))
def test_an_edge_is_alive_if_some_open_way_uses_it(seed):
    rng = np.random.default_rng(seed)
    for _ in range(40):
        is_open = [bool(each) for each in rng.integers(0, 2, len(EDGES))]
        ways = [
            way
            for count in (1, 2, 3)
            for way in itertools.combinations(
                [e for e, o in zip(EDGES, is_open, strict=True) if o], count
            )
            if way[0][0] == 0
            and way[-1][1] == 3
            and all(a[1] == b[0] for a, b in itertools.pairwise(way))
        ]
        assert live_edges(EDGES, is_open, 3) == [any(edge in way for way in ways) for edge in EDGES]


def test_a_cell_with_operations_on_nodes():
    # input → a, input → b, a → b, b → output, input → output; a conv, b pool
    matrix = [[0, 1, 1, 1], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    found = node_graph(matrix, ("conv", "pool"), ("conv", "pool"))
    conv, pool, both = range(3)
    assert found.counts == (1, 1)
    assert found.shortest == (1, 1, 1)
    assert found.longest[both] == 2  # a, b
    assert found.longest[pool] == 1  # b
    assert found.longest[conv] == 0  # a leads to b alone
    assert found.leaving_input == (2, 2, 3)  # the output is always allowed
    assert found.entering_output == (1, 2, 2)
    assert found.leaving[both] == 5 / 4
    assert found.entering[conv] == 4 / 4  # from input or a
    assert found.leaving[conv] == 3 / 4  # to a or the output


def test_there_are_as_many_numbers_as_the_authors_have():
    cells = get_space("nasbench201"), get_space("nasbench101")
    rng = np.random.default_rng(0)
    counted = [{space.graph_features(space.sample(rng)).shape for _ in range(9)} for space in cells]
    assert counted == [{(5 + 31 * 6,)}, {(3 + 7 * 6,)}]  # NAS-Bench-101 has two constants more


def test_identical_cells_have_one_graph():
    space = get_space("nasbench201")
    texts = (
        "|none~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|none~2|",
        "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|",
    )
    first, second = (space.graph_features(space.decode(text)) for text in texts)
    np.testing.assert_array_equal(first, second)


def test_networks_carry_the_graph_of_their_cell():
    space = get_space("nasbench201")
    arch = space.sample(np.random.default_rng(1))
    assert space.build(arch).cell_graph == edge_graph(EDGES, arch["ops"], OPERATIONS)
    assert isinstance(space.build(arch).cell_graph, CellGraph)
    assert get_space("resnet").build(get_space("resnet").decode("1-1-1")).cell_graph is None


def test_chains_of_stages_are_described_by_counts_widths_and_ratios():
    space = get_space("digits-cnn")
    found = space.graph_features(space.decode('{"depth":[1,2,3],"width":[4,8,16]}'))
    depth, width = [6, 2, 1, 3, 3], [28, 28 / 3, 4, 16, 4]
    np.testing.assert_allclose(found, [1, 2, 3, 4, 8, 16, *depth, *width, 4 + 16 + 48])
