"""TransNAS-Bench-101: text, networks, published sizes of all seven tasks, graphs."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from autodas.core.errors import InvalidInput
from autodas.networks import without_weights
from autodas.networks.darts import Halved
from autodas.spaces import get_space

MACRO, MICRO = get_space("transnas-macro"), get_space("transnas-micro")
CLASSES = {"class_scene": 63, "class_object": 100}
# Millions of parameters and of FLOPs in NAS-Bench-Suite-Zero, as printed.
PUBLISHED = [
    (MACRO, "(1, 2, 4, 2, 0, 0)", "class_scene", "11.2188", "13602.5"),
    (MACRO, "(3, 4, 4, 2, 1, 0)", "normal", "43.5038", "3281.39"),
    (MACRO, "(1, 3, 3, 3, 4, 1)", "jigsaw", "2.89345", "58.7757"),
    (MICRO, "(1, 1, 0, 3, 1, 2)", "class_object", "7.40007", "1600.58"),
    (MICRO, "(0, 1, 3, 1, 1, 1)", "segmentsemantic", "19.0641", "2592.01"),
    (MICRO, "(2, 3, 0, 1, 0, 3)", "autoencoder", "37.5476", "4684.45"),
]


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


def with_head(space, text, task):
    """The network of an architecture for a task, without weights."""
    told = {"num_classes": CLASSES[task]} if task in CLASSES else {"task": task}
    return without_weights(lambda: space.build(space.decode(text), **told)).eval()


def flops(network, size):
    """As the program counts that was used: transposed convolutions and additions for nothing, and
    of a jigsaw's nine pieces the features of one.
    """
    total = 0

    def add(module, inputs, output):
        nonlocal total
        x = inputs[0][:1]
        output = output[:1]
        if isinstance(module, nn.Conv2d):
            kernel = module.kernel_size[0] ** 2
            total += output.numel() * (module.in_channels * kernel + (module.bias is not None))
        elif isinstance(module, nn.BatchNorm2d):
            total += 2 * x.numel()
        elif isinstance(module, nn.ReLU | nn.LeakyReLU | Halved):  # it begins with a ReLU
            total += x.numel()
        elif isinstance(module, nn.Linear):
            total += module.in_features * module.out_features

    for module in network.modules():
        module.register_forward_hook(add)
    stages, _ = network.forward_stages(torch.zeros(1, 3, size, size, device="meta"))
    if isinstance(network.classifier, nn.Linear):  # behind pooled features
        side = stages[-1].shape[2] // (3 if network.task == "jigsaw" else 1)
        total += (side + 1) ** 2 * network.classifier.in_features
    return total


def sizes(space, text, task):
    network = with_head(space, text, task)
    params = sum(p.numel() for p in network.parameters())
    found = flops(network, 3 * 64 if task == "jigsaw" else 256)
    return tuple(f"{number / 1e6:.6g}" for number in (params, found))


def test_parameters_and_flops_are_the_published_ones():
    for space, text, task, params, operations in PUBLISHED:
        assert sizes(space, text, task) == (params, operations), (text, task)


@pytest.mark.skipif("AUTODAS_DATA" not in os.environ, reason="AUTODAS_DATA is not set")
@pytest.mark.parametrize(
    ("space", "every"), [(MACRO, 199), (MICRO, 199), slow(MACRO, 7), slow(MICRO, 7)]
)
def test_they_are_so_in_all_digits_that_are_printed(space, every):
    name = f"transnas101_{space.name.partition('-')[2]}.csv"
    path = Path(os.environ["AUTODAS_DATA"]) / name
    rows = list(csv.DictReader(path.open(encoding="utf-8")))[::every]
    assert len({row["task"] for row in rows}) == 7
    for row in rows:
        assert sizes(space, row["arch"], row["task"]) == (row["params"], row["flops"]), row


def test_the_spaces_are_as_large_as_published():
    assert (MACRO.size, MICRO.size) == (3256, 4096)


@pytest.mark.parametrize(
    ("space", "text", "same"),
    [
        (MACRO, "64-1242-basic", "(1, 2, 4, 2, 0, 0)"),
        (MACRO, "64-133341-basic", "(1, 3, 3, 3, 4, 1)"),
        (MICRO, "64-41414-1_10_312", "(1, 1, 0, 3, 1, 2)"),
    ],
)
def test_the_benchmarks_own_notation_is_read(space, text, same):
    assert space.canonical(text) == same


@pytest.mark.parametrize(
    ("space", "wrong"),
    [
        (MACRO, "(1, 2, 4, 0, 2, 0)"),  # a gap
        (MACRO, "(1, 2, 4, 0, 0, 0)"),  # too few
        (MACRO, "(1, 2, 2, 2, 0, 0)"),  # nothing halved
        (MACRO, "(3, 3, 3, 3, 3, 2)"),  # five halved
        (MACRO, "(4, 4, 4, 4, 1, 1)"),  # four doubled
        (MACRO, "(1, 3, 3, 1, 1, 1)"),  # none doubled
        (MACRO, "64-124-basic"),
        (MICRO, "(1, 1, 0, 3, 1, 4)"),
        (MICRO, "(1, 1, 0, 3, 1)"),
        (MICRO, "64-41414-1_10_314"),
    ],
)
def test_what_is_no_architecture_is_refused(space, wrong):
    with pytest.raises(InvalidInput, match="architectures are written"):
        space.decode(wrong)


def test_a_dead_cell_is_zero_and_still_connected():
    network = MICRO.build(MICRO.decode("(3, 0, 0, 0, 0, 0)"), num_classes=5).eval()
    images = torch.randn(2, 3, 17, 32, requires_grad=True)
    stages, logits = network.forward_stages(images)
    assert [tuple(stage.shape[1:]) for stage in stages] == [
        (64, 5, 8),
        (128, 3, 4),
        (256, 2, 2),
        (512, 1, 1),
    ]
    assert (stages[-1] == 0).all()
    torch.testing.assert_close(logits, network.classifier.bias.expand(2, 5))
    gradients = torch.autograd.grad(logits.sum(), stages)
    assert all((gradient == 0).all() for gradient in gradients[:-1])


def test_skips_that_change_the_shape_are_convolutions():
    """A skip is free but for three cells of ten: those that halve, from the input on."""
    skips, nothing = "(0, 0, 0, 1, 0, 0)", "(0, 0, 0, 0, 0, 0)"
    more = MICRO.cost(MICRO.decode(skips)).params - MICRO.cost(MICRO.decode(nothing)).params
    assert more == sum(a * b + 2 * b for a, b in ((64, 128), (128, 256), (256, 512)))
    inner = "(0, 0, 1, 1, 0, 1)"
    assert MICRO.cost(MICRO.decode(inner)) == MICRO.cost(MICRO.decode(skips))


def test_graph_features_of_cells_are_as_many_as_the_authors_have_but_one_count():
    found = MICRO.graph_features(MICRO.decode("(1, 1, 0, 3, 1, 2)"))
    assert len(found) == 4 + 15 * 6
    assert list(found[:4]) == [1, 3, 1, 1]  # none, skip, 1 × 1, 3 × 3


def test_graph_features_of_modules_say_how_wide_and_small_features_get():
    found = MACRO.graph_features(MACRO.decode("(1, 2, 4, 3, 0, 0)"))
    assert list(found[-13:]) == [4, 0, 1, 2, 2, 2, 2, 0, 0, 1, 2, 2, 2]


@pytest.mark.parametrize("text", ["(1, 2, 4, 2, 0, 0)", "(3, 3, 4, 4, 1, 1)"])
@pytest.mark.parametrize(
    ("task", "outputs"), [("segmentsemantic", 17), ("normal", 3), ("autoencoder", 3)]
)
def test_dense_heads_say_something_of_every_pixel(text, task, outputs):
    network = with_head(MACRO, text, task)
    for height, width in ((32, 32), (20, 33)):
        images = torch.zeros(2, 3, height, width, device="meta")
        assert network(images).shape == (2, outputs, height, width)
    assert with_head(MACRO, text, "room_layout")(images).shape == (2, 9)


def test_a_jigsaw_sees_the_pieces_one_by_one():
    torch.manual_seed(0)
    network = MACRO.build(MACRO.decode("(1, 2, 4, 3, 0, 0)"), num_classes=5, task="jigsaw").eval()
    images = torch.randn(2, 3, 31, 30)
    stages, logits = network.forward_stages(images)
    seen = {}
    for row in range(3):
        for column in range(3):
            part = images[:, :, 10 * row : 10 * row + 10, 10 * column : 10 * column + 10]
            x = network.stem(part)
            for module in network.body:
                x = module(x)
            seen[row, column] = x
    expected = network.classifier(torch.cat([x.mean(dim=(2, 3)) for x in seen.values()], dim=1))
    torch.testing.assert_close(logits, expected)
    high, wide = x.shape[2:]
    assert stages[-1].shape == (2, x.shape[1], 3 * high, 3 * wide)
    torch.testing.assert_close(stages[-1][:, :, 2 * high :, :wide], seen[2, 0])


def test_other_spaces_and_unknown_tasks_are_refused_by_name():
    cnn = get_space("digits-cnn")
    arch = next(iter(cnn.enumerate()))
    with pytest.raises(
        InvalidInput, match=r"'digits-cnn' has no head for the task 'normal'.*class"
    ):
        cnn.build(arch, task="normal")
    with pytest.raises(InvalidInput, match=r"'transnas-macro' has no head.*'depth'.*jigsaw"):
        MACRO.cost(MACRO.decode("(1, 2, 4, 2, 0, 0)"), task="depth")
