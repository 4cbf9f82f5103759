"""Spaces of published benchmarks: sizes, texts, and parameters exact to the last one."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from autodas.core.errors import InvalidInput
from autodas.networks.nasbench201 import Cell201
from autodas.spaces import get_space
from autodas.spaces.nasbench201 import isomorphism_class

DATA = Path(os.environ.get("AUTODAS_DATA", ""))
needs_data = pytest.mark.skipif(
    "AUTODAS_DATA" not in os.environ, reason="AUTODAS_DATA is not set: no published tables"
)


def rows(name):
    with (DATA / name).open(newline="") as handle:
        return list(csv.DictReader(handle))


def test_resnet_parameters():
    space = get_space("resnet")
    assert space.size == 64
    # ResNet[713] has 259.89k parameters in figure 1 of DisWOT; [3,3,3] is ResNet-20.
    assert space.cost(space.decode("713")).params == 259_892
    assert space.cost(space.decode("317")).params == 537_140
    assert space.cost(space.decode("3-3-3")).params == 278_324


def test_resnet_text_forms():
    space = get_space("resnet")
    arch = space.decode("357")
    assert arch["depth"] == (3, 5, 7)
    assert space.encode(arch) == "3-5-7"
    assert space.depth(arch) == 15
    for wrong in ("3-57", "35-7", "3-5-2", "3-5-7\n", "٣-5-7", "3_5_7", "-3-5-7"):
        with pytest.raises(InvalidInput, match="'resnet'"):
            space.decode(wrong)


@needs_data
def test_resnet_table_is_the_space():
    space = get_space("resnet")
    assert {space.decode(row["arch"]) for row in rows("s0_resnet_cifar100.csv")} == set(
        space.enumerate()
    )


def vit_parameters(name, every=1):
    space = get_space(name)
    archs = json.loads((DATA / f"{name}_kd.json").read_text())
    expected = rows(f"{name}_params.csv")
    assert len(archs) == len(expected) > 50
    for row in expected[::every]:
        arch = space.decode(json.dumps(archs[int(row["row"])]["arch"]))
        network_params = space.cost(arch, input_shape=(3, 224, 224)).params
        assert network_params == int(row["params_100_classes"])


@needs_data
@pytest.mark.parametrize("name", ["autoformer", "pit"])
def test_vit_parameters_equal_the_published(name):
    vit_parameters(name, every=7)


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["autoformer", "pit"])
def test_all_vit_parameters_equal_the_published(name):
    vit_parameters(name)


def test_autoformer_known_size_without_data():
    # Row 0 of the published table, so that the check also runs where the files are not.
    space = get_space("autoformer")
    arch = space.decode(
        '{"hidden_dim": 192, "mlp_ratio": [3.5,4,3.5,4,3.5,3.5,4,3.5,4.0,4,4,3.5], "depth": 12,'
        ' "num_heads": [4,4,3,4,3,3,4,4,3,3,3,4]}'
    )
    assert space.cost(arch).params == 5_321_956
    assert space.encode(arch) == (
        '{"depth":12,"hidden_dim":192,"mlp_ratio":[3.5,4.0,3.5,4.0,3.5,3.5,4.0,3.5,4.0,4.0,4.0,3.5],'
        '"num_heads":[4,4,3,4,3,3,4,4,3,3,3,4]}'
    )
    assert space.size == 3 * (4**12 + 4**13 + 4**14)


def test_autoformer_stages_and_tokens():
    space = get_space("autoformer")
    network = space.build(space.sample(np.random.default_rng(0)), input_shape=(3, 32, 32))
    assert network.prefix_tokens == 1
    assert len(network.stage_blocks) == 4


def test_autoformer_mutations_reach_every_decision():
    space, rng = get_space("autoformer"), np.random.default_rng(0)
    parent = space.sample(rng)
    changed = {"hidden": 0, "depth": 0, "ratio": 0, "heads": 0}
    for _ in range(60):
        child = space.mutate(parent, rng)
        changed["hidden"] += child.hidden_dim != parent.hidden_dim
        changed["depth"] += child.depth != parent.depth
        same = child.depth == parent.depth
        changed["ratio"] += same and child.mlp_ratio != parent.mlp_ratio
        changed["heads"] += same and child.num_heads != parent.num_heads
    # One decision at a time, each about equally often.
    assert sum(changed.values()) == 60
    assert min(changed.values()) >= 5


@pytest.mark.parametrize(
    "change",
    [
        {"depth": 11},
        {"depth": True},
        {"hidden_dim": 200},
        {"mlp_ratio": [3.5] * 13},
        {"mlp_ratio": 3.5},
        {"num_heads": [3] * 11 + [5]},
        {"num_heads": [3] * 11 + ["3"]},
        {"extra": 1},
    ],
)
def test_autoformer_refuses_what_is_not_a_member(change):
    good = {"hidden_dim": 192, "depth": 12, "mlp_ratio": [3.5] * 12, "num_heads": [3] * 12}
    space = get_space("autoformer")
    assert space.decode(json.dumps(good)).depth == 12
    with pytest.raises(InvalidInput):
        space.decode(json.dumps(good | change))


def test_pit_rule_and_size():
    space = get_space("pit")
    # 4 widths × 4 ratios × 27 depths × 10 non-decreasing triples of heads.
    assert space.size == 4 * 4 * 27 * 10
    text = '{"base_dim":16,"depth":[2,8,4],"mlp_ratio":6,"num_heads":[4,2,4]}'
    with pytest.raises(InvalidInput, match="forbids"):
        space.decode(text)
    arch = space.decode(text.replace("[4,2,4]", "[2,4,4]"))
    # Row 0 of the published table.
    assert space.cost(arch).params == 893_828
    assert space.depth(arch) == 14


def test_pit_stages_pool_the_token_grid():
    space = get_space("pit")
    arch = space.decode('{"base_dim":16,"depth":[1,4,2],"mlp_ratio":2,"num_heads":[2,4,8]}')
    network = space.build(arch, input_shape=(3, 64, 48))
    stages, _ = network.forward_stages(torch.randn(1, 3, 64, 48))
    assert [tuple(s.shape) for s in stages] == [
        (1, 1 + 7 * 5, 32),
        (1, 1 + 4 * 3, 64),
        (1, 1 + 2 * 2, 128),
    ]
    with pytest.raises(InvalidInput, match="patch size 16"):
        space.build(arch, input_shape=(3, 15, 32))


def test_wide_resnet_reduces_large_images_early():
    space = get_space("resnet-wide")
    arch = space.sample(np.random.default_rng(0))
    small, large = (space.cost(arch, input_shape=(3, s, s)).macs for s in (32, 128))
    # The stem of stride four keeps the stages at the same resolution.
    assert large < 1.2 * small


IMAGES_201 = {"cifar10": (10, 32), "cifar100": (100, 32), "ImageNet16-120": (120, 16)}


def published_flops(ops, macs, size):
    """The benchmark's count from ours: normalisation 2, ReLU 1, k × k pooling k² per element."""
    pixels = size * size
    elements = 5 * sum(16 * 2**i * pixels // 4**i for i in range(3))  # of one edge in all cells
    convs = sum(op.startswith("nor_conv") for op in ops)
    cells = elements * (3 * convs + 9 * ops.count("avg_pool_3x3"))
    skeleton = 2 * 16 * pixels + 3 * 4 * pixels  # stem, last normalisation and ReLU
    for i in (1, 2):
        before, after = 16 * 2 ** (i - 1) * pixels // 4 ** (i - 1), 16 * 2**i * pixels // 4**i
        skeleton += before + 2 * after + 3 * after + 4 * before // 4
    return macs + cells + skeleton + 64 * (size // 4 + 1) ** 2


def check_nasbench201(table):
    space = get_space("nasbench201")
    for row in table:
        classes, size = IMAGES_201[row["dataset"]]
        arch = space.decode(row["arch_str"])
        found = space.cost(arch, num_classes=classes, input_shape=(3, size, size))
        assert f"{found.params / 1e6:.6f}" == f"{float(row['params']):.6f}"
        flops = published_flops(arch["ops"], found.macs, size)
        assert flops / 1e6 == pytest.approx(float(row["flops"]), abs=6e-6, rel=1e-7)


@needs_data
def test_nasbench201_cost_equals_the_published():
    check_nasbench201(rows("nasbench201_proxies.csv")[::160])


@needs_data
@pytest.mark.slow
def test_all_nasbench201_costs_equal_the_published():
    table = rows("nasbench201_proxies.csv")
    assert len({row["arch_str"] for row in table}) == 589
    check_nasbench201(table)


def test_nasbench201_known_cells_without_data():
    space = get_space("nasbench201")
    text = "|{0}~0|+|{0}~0|{0}~1|+|{0}~0|{0}~1|{0}~2|"
    # The benchmark's largest cell: 1.5315 M parameters, 220.12 M "FLOPs" before 32-bit rounding.
    largest = space.decode(text.format("nor_conv_3x3"))
    assert space.cost(largest).params == 1_531_546
    assert space.depth(largest) == 3
    empty = space.decode(text.format("none"))
    assert space.depth(empty) == 0
    assert space.cost(empty).params < space.cost(largest).params
    assert space.encode(largest) == text.format("nor_conv_3x3")
    assert space.size == 15_625


def test_nasbench201_has_as_many_classes_as_published():
    assert len({isomorphism_class(arch) for arch in get_space("nasbench201").enumerate()}) == 6466


@needs_data
def test_nasbench201_classes_equal_the_published():
    space = get_space("nasbench201")
    table = rows("nasbench201.csv")
    pairs = {(row["iso_class"], isomorphism_class(space.decode(row["arch_str"]))) for row in table}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) > 3000


def test_nasbench201_cell_sums_its_edges():
    ops = ("nor_conv_3x3", "skip_connect", "avg_pool_3x3", "none", "nor_conv_1x1", "skip_connect")
    cell = Cell201(ops, 4).eval()
    x = torch.randn(2, 4, 6, 6)
    node1 = cell.edges["0-1"](x)
    node2 = x + torch.nn.functional.avg_pool2d(node1, 3, 1, 1, count_include_pad=False)
    expected = cell.edges["1-3"](node1) + node2
    torch.testing.assert_close(cell(x), expected)
    assert not Cell201(("none",) * 6, 4)(x).any()


@pytest.mark.parametrize(
    ("ops", "depth"),
    [
        # In the order of the text: 0-1, 0-2, 1-2, 0-3, 1-3, 2-3.
        ("skip_connect avg_pool_3x3 none nor_conv_1x1 none none", 1),
        ("nor_conv_3x3 none nor_conv_1x1 skip_connect none avg_pool_3x3", 2),
        ("nor_conv_3x3 none none skip_connect none nor_conv_3x3", 0),
    ],
)
def test_nasbench201_depth_counts_convolutions_in_a_row(ops, depth):
    space = get_space("nasbench201")
    a, b, c, d, e, f = ops.split()
    assert space.depth(space.decode(f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|")) == depth


def test_nasbench201_dead_cells_keep_the_gradient_path():
    space = get_space("nasbench201")
    dead = next(arch for arch in space.enumerate() if set(arch["ops"]) == {"none"})
    stages, logits = space.build(dead).forward_stages(torch.randn(2, 3, 16, 16))
    gradients = torch.autograd.grad(logits.sum(), stages)
    assert len(gradients) == 3
