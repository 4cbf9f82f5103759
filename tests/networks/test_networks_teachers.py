"""Teacher-type networks: published sizes, and public checkpoints that load and classify."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from autodas.core.errors import InvalidInput
from autodas.networks import (
    VGG,
    LinearResNet,
    MobileNet,
    WideResNet,
    cifar_resnet,
    cost,
    parameters,
)
from autodas.networks.mobile import InvertedResidual
from autodas.networks.resnet import PreActivationBlock

DATA = Path(os.environ.get("AUTODAS_DATA", ""))
needs_data = pytest.mark.skipif(
    "AUTODAS_DATA" not in os.environ, reason="AUTODAS_DATA is not set: no checkpoints"
)
CIFAR10 = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CIFAR100 = ((0.507, 0.487, 0.441), (0.267, 0.256, 0.276))


def test_published_sizes():
    # Zagoruyko & Komodakis (2016), tables 4 and 5: 36.5M, 2.2M, 2.7M.
    assert parameters(WideResNet(40, 2)) == 2_243_546
    assert parameters(WideResNet(16, 4)) == 2_748_890
    with torch.device("meta"):
        assert parameters(WideResNet(28, 10)) == 36_479_194
        # Convolutional part of VGG-16 with normalisation, and a linear layer for ten classes.
        assert parameters(VGG(16)) == 14_728_266
        assert parameters(VGG(13, num_classes=100)) == 9_462_180
    found = [parameters(LinearResNet(n)) for n in (1, 2, 3, 4, 5)]
    assert found == [112_452, 209_668, 306_884, 404_100, 501_316]
    with pytest.raises(InvalidInput, match="6n"):
        WideResNet(20, 2)
    with pytest.raises(InvalidInput, match="VGG has"):
        VGG(12)


def test_mobilenet_v2_size():
    # Sandler et al. (2018), table 2: 3.4 M parameters and 300 M multiply-adds.
    found = cost(
        lambda: MobileNet(
            (1, 2, 3, 4, 3, 3, 1),
            (16, 24, 32, 64, 96, 160, 320),
            (1, 6, 6, 6, 6, 6, 6),
            (3,) * 7,
            strides=(1, 2, 2, 2, 1, 2, 1),
            stem_stride=2,
            stem=32,
            head=1280,
            num_classes=1000,
        ),
        (3, 224, 224),
    )
    assert found.params == 3_504_872
    assert found.macs == pytest.approx(300.77e6, rel=1e-4)


@pytest.mark.parametrize("size", [(32, 32), (9, 14)])
@pytest.mark.parametrize(
    ("make", "stages"),
    [
        (lambda: WideResNet(10, 1, num_classes=7), 3),
        (lambda: VGG(8, num_classes=7), 5),
        (lambda: LinearResNet(1, num_classes=7), 3),
        (lambda: cifar_resnet(8, num_classes=7), 3),
    ],
)
def test_stages_lie_on_the_way_to_the_logits(make, stages, size):
    network = make()
    found, logits = network.forward_stages(torch.randn(2, 3, *size))
    assert logits.shape == (2, 7)
    assert network.classifier.out_features == 7
    assert len(found) == stages
    gradients = torch.autograd.grad(logits.square().sum(), found)
    assert all(g.abs().sum() > 0 for g in gradients)


def test_vgg_halves_the_resolution_between_stages():
    stages, _ = VGG(8).forward_stages(torch.randn(2, 3, 18, 32))
    shapes = [(64, 18, 32), (128, 9, 16), (256, 5, 8), (512, 3, 4), (512, 2, 2)]
    assert [tuple(s.shape[1:]) for s in stages] == shapes


def test_wide_blocks_activate_before_the_shortcut():
    x = torch.randn(2, 4, 6, 6)
    for outputs in (4, 8):
        block = PreActivationBlock(4, outputs, 1).eval()
        active = block.bn1(x).relu()
        inner = block.conv2(block.bn2(block.conv1(active)).relu())
        torch.testing.assert_close(
            block(x), inner + (block.shortcut(active) if outputs == 8 else x)
        )


def test_inverted_residual_adds_its_input_where_shapes_agree():
    x = torch.randn(2, 4, 6, 6)
    for outputs, stride in ((4, 1), (4, 2), (6, 1)):
        block = InvertedResidual(4, outputs, stride=stride, expansion=3, kernel=5).eval()
        expected = block.body(x) + (x if (outputs, stride) == (4, 1) else 0)
        torch.testing.assert_close(block(x), expected)


def accuracy(network, checkpoint, sample, normalisation):
    """Percent of the lossless test sample that the checkpoint gets right."""
    network.load_state_dict(load_file(DATA / "teachers" / f"{checkpoint}.safetensors"), strict=True)
    network.eval()
    with np.load(DATA / f"{sample}_sample.npz", allow_pickle=False) as arrays:
        images = torch.from_numpy(arrays["test_images"]).permute(0, 3, 1, 2).float() / 255
        labels = torch.from_numpy(arrays["test_labels"])
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in normalisation)
    with torch.no_grad():
        logits = torch.cat([network(batch) for batch in ((images - mean) / std).split(64)])
    return 100 * (logits.argmax(1) == labels).float().mean().item()


@needs_data
@pytest.mark.parametrize(
    ("layers", "expected"), [(20, 91.64), pytest.param(56, 92.72, marks=pytest.mark.slow)]
)
def test_cifar10_checkpoints(layers, expected):
    found = accuracy(cifar_resnet(layers), f"cifar10_resnet{layers}", "cifar10", CIFAR10)
    assert found == pytest.approx(expected, abs=0.005)


@needs_data
@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        (1, 66.38),
        pytest.param(2, 67.14, marks=pytest.mark.slow),
        pytest.param(3, 68.89, marks=pytest.mark.slow),
        pytest.param(4, 70.41, marks=pytest.mark.slow),
        pytest.param(5, 72.05, marks=pytest.mark.slow),
    ],
)
def test_cifar100_checkpoints(blocks, expected):
    name = f"cifar100_resnet{6 * blocks + 2}w"
    assert accuracy(LinearResNet(blocks), name, "cifar100", CIFAR100) == pytest.approx(
        expected, abs=0.005
    )
