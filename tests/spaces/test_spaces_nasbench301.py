"""DARTS cells as NAS-Bench-301 has them: text, network, published sizes, classes."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch

from autodas.core.errors import FileProblem, InvalidInput
from autodas.networks.darts import OPERATIONS, Halved
from autodas.spaces import get_space
from autodas.tables.darts_cells import nasbench301_class
from autodas.tables.read import read_table

SPACE = get_space("nasbench301")
PLAIN = "[(0, 2), (1, 2), (0, 2), (1, 2), (0, 2), (1, 2), (0, 2), (1, 2)]"
SEPARABLE = PLAIN.replace(", 2)", ", 3)")


def both(normal, reduction):
    return f"[{normal}, {reduction}]"


def parameters(text):
    return SPACE.cost(SPACE.decode(text)).params


def test_edges_in_either_order_are_one_architecture():
    turned = "[(1, 3), (0, 5), (0, 2), (2, 2), (3, 0), (1, 1), (4, 6), (2, 0)]"
    straight = "[(0, 5), (1, 3), (0, 2), (2, 2), (1, 1), (3, 0), (2, 0), (4, 6)]"
    assert SPACE.canonical(both(turned, PLAIN)) == both(straight, PLAIN)
    assert SPACE.decode(both(turned, PLAIN)) == SPACE.decode(both(straight, PLAIN))


@pytest.mark.parametrize(
    "wrong",
    [
        both(PLAIN.replace("(1, 2)", "(0, 2)", 1), PLAIN),  # twice the same node
        both(PLAIN.replace("(1, 2)", "(2, 2)", 1), PLAIN),  # a node that comes later
        both(PLAIN.replace("(1, 2)", "(1, 7)", 1), PLAIN),  # no such operation
        both(PLAIN[:-9] + "]", PLAIN),
        PLAIN,
        "",
    ],
)
def test_what_is_no_pair_of_cells_is_refused(wrong):
    with pytest.raises(InvalidInput, match="two different earlier nodes for each of four"):
        SPACE.decode(wrong)


def test_parameters_counted_by_hand():
    """Skips in normal cells cost nothing; what is left are stem, entries, halvings, classifier."""
    stem, classifier = 3 * 96 * 9 + 2 * 96, 512 * 10 + 10
    into = [
        (96, 96),
        (96, 128),
        (128, 128),
        (128, 256),
        (256, 256),
        (256, 256),
        (256, 512),
        (512, 512),
    ]
    inner = [32, 32, 64, 64, 64, 128, 128, 128]
    entries = sum((a + b) * c + 4 * c for (a, b), c in zip(into, inner, strict=True))
    halvings = 8 * (64 * 64) + 8 * (128 * 128)  # eight edges from the inputs of each reduction
    skips = both(PLAIN, PLAIN)
    assert parameters(skips) == stem + entries + halvings + classifier
    # A separable convolution is two times depthwise 3 x 3 and pointwise.
    separable = sum(8 * 2 * (9 * c + c * c) for c in (32, 32, 64, 64, 128, 128))
    assert parameters(both(SEPARABLE, PLAIN)) == parameters(skips) + separable


def test_halving_sees_every_second_pixel_twice():
    halved = Halved(1, 2, affine=False).eval()
    for weight in (halved.even.weight, halved.odd.weight):
        weight.data.fill_(1)
    x = torch.arange(1.0, 17).view(1, 1, 4, 4)
    even, odd = halved(x)[0]
    torch.testing.assert_close(even, x[0, 0, ::2, ::2], rtol=1e-4, atol=0)
    torch.testing.assert_close(odd, x[0, 0, 1::2, 1::2], rtol=1e-4, atol=0)


def test_classes_forget_the_order_of_nodes_alone():
    one = "[(0, 3), (1, 4), (0, 2), (1, 0), (2, 1), (3, 5), (0, 6), (4, 6)]"
    swapped = "[(0, 2), (1, 0), (0, 3), (1, 4), (2, 5), (3, 1), (0, 6), (4, 6)]"
    other = "[(0, 2), (1, 0), (0, 3), (1, 4), (2, 1), (3, 5), (0, 6), (4, 6)]"
    assert nasbench301_class(both(one, PLAIN)) == nasbench301_class(both(swapped, PLAIN))
    assert nasbench301_class(both(one, PLAIN)) != nasbench301_class(both(other, PLAIN))
    assert nasbench301_class(both(one, PLAIN)) != nasbench301_class(both(PLAIN, one))


def test_graph_features_are_those_of_two_cells():
    found = SPACE.graph_features(SPACE.decode(both(SEPARABLE, PLAIN)))
    assert len(found) == 2 * (7 + 127 * 5)
    normal, reduction = np.split(found, 2)
    assert list(normal[:7]) == [0, 0, 0, 8, 0, 0, 0]
    assert list(reduction[:7]) == [0, 0, 8, 0, 0, 0, 0]
    # All operations, the last set: an edge and that to the output, four edges from either input.
    assert list(normal[-5:]) == [2, 2, 4, 4, 12 / 7]


def test_a_table_is_read_with_its_scores(tmp_path):
    file = tmp_path / "cells.csv"
    head = "task,arch,val_accuracy,synflow,jacov\n"
    file.write_text(head + f'cifar10,"{both(SEPARABLE, PLAIN)}",93.5,41.5,-1e8\n')
    table = read_table(file)
    assert table.space == "nasbench301"
    assert table.architectures == (both(SEPARABLE, PLAIN),)
    assert table.targets["cifar10_val"].values[0] == 93.5
    assert table.published["synflow"][0] == 41.5
    assert np.isnan(table.published["jacov"][0])
    row = f',"{both(SEPARABLE, PLAIN)}",93.5,1,1\n'
    file.write_text(f"{head}cifar10{row}segmentation{row}")
    with pytest.raises(FileProblem, match="line 3, column task: 'segmentation' is not cifar10"):
        read_table(file)


@pytest.mark.skipif("AUTODAS_DATA" not in os.environ, reason="AUTODAS_DATA is not set")
def test_published_sizes_are_met():
    path = Path(os.environ["AUTODAS_DATA"]) / "nasbench301.csv"
    rows = list(csv.DictReader(path.open(encoding="utf-8")))[:20]
    costs = [SPACE.cost(SPACE.decode(row["arch"])) for row in rows]
    for row, cost in zip(rows, costs, strict=True):
        assert float(f"{cost.params / 1e6:.6g}") == float(row["params"])
        assert 0.9 < cost.macs / 1e6 / float(row["flops"]) < 1  # normalisation and pooling are more
    published = [float(row["flops"]) for row in rows]
    assert scipy.stats.spearmanr(published, [cost.macs for cost in costs])[0] > 0.99


def test_every_operation_can_be_built():
    for number in range(len(OPERATIONS)):
        cell = PLAIN.replace(", 2)", f", {number})")
        network = SPACE.build(SPACE.decode(both(cell, cell)), num_classes=5)
        stages, logits = network.eval().forward_stages(torch.zeros(1, 3, 8, 8))
        assert [tuple(stage.shape[1:]) for stage in stages] == [
            (128, 8, 8),
            (256, 4, 4),
            (512, 2, 2),
        ]
        assert logits.shape == (1, 5)
