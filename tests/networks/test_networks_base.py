"""Seeded initialisation and cost."""

import copy

import pytest
import torch
from torch import nn

from autodas.core.errors import InvalidInput
from autodas.networks import (
    ResNet,
    VisionTransformer,
    cifar_resnet,
    cost,
    count,
    parameters,
    resnet18,
    seeded,
    set_drop_path,
    weights_digest,
)
from autodas.networks.base import like_parameters
from autodas.networks.resnet import BasicBlock, LinearBlock
from autodas.networks.transformer import evenly_spaced


def test_seeded_leaves_the_global_state_alone():
    before = torch.random.get_rng_state()
    a, b, c = (seeded(lambda: nn.Linear(3, 3), s).weight for s in (1, 1, 2**62))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_seeded_restores_the_state_when_building_fails():
    def build():
        torch.randn(3)
        raise KeyError("no")

    before = torch.random.get_rng_state()
    with pytest.raises(KeyError):
        seeded(build, 0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_cost_of_hand_counted_network():
    # 3×3 convolution from 2 to 5 channels on 6×6: 36·5·2·9 MACs; linear 5 to 7: 35.
    class Toy(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 5, 3, padding=1)
            self.linear = nn.Linear(5, 7, bias=False)
            self.frozen = nn.Parameter(torch.zeros(9), requires_grad=False)

        def forward(self, x):
            return self.linear(self.conv(x).mean(dim=(2, 3)))

    found = cost(Toy, (2, 6, 6))
    assert found.params == 2 * 5 * 9 + 5 + 35
    assert found.macs == 36 * 5 * 2 * 9 + 35


def deit_tiny():
    """DeiT-Ti without distillation token (Touvron et al., 2021, table 1)."""
    return VisionTransformer(
        192,
        (3,) * 12,
        (4.0,) * 12,
        patch=16,
        class_token=True,
        pool="token",
        input_shape=(3, 224, 224),
        num_classes=1000,
    )


class Sequence(nn.Module):
    """Rows of a picture, one after the other, through a layer and a classifier."""

    def __init__(self, layer, width):
        super().__init__()
        self.layer, self.classifier = layer, nn.Linear(width, 10)

    def forward(self, x):
        rows = x.mean(1)
        attends = isinstance(self.layer, nn.MultiheadAttention)
        found = self.layer(rows, rows, rows) if attends else self.layer(rows)
        return self.classifier((found[0] if isinstance(found, tuple) else found).mean(1))


ATTENTION = 4 * 8 * 8 * 8 + 2 * 8 * 8 * 8  # four projections of 8 tokens, then their products
SEQUENCES = {
    "LSTM": (lambda: nn.LSTM(8, 5, batch_first=True), 5, 8 * 4 * 5 * 13),
    "LSTM of two layers": (
        lambda: nn.LSTM(8, 5, num_layers=2, batch_first=True),
        5,
        8 * 4 * 5 * (13 + 10),
    ),
    "LSTM in both directions": (
        lambda: nn.LSTM(8, 5, bidirectional=True, batch_first=True),
        10,
        2 * 8 * 4 * 5 * 13,
    ),
    "GRU": (lambda: nn.GRU(8, 5, batch_first=True), 5, 8 * 3 * 5 * 13),
    "RNN": (lambda: nn.RNN(8, 5, batch_first=True), 5, 8 * 5 * 13),
    "MultiheadAttention": (
        lambda: nn.MultiheadAttention(8, 2, batch_first=True),
        8,
        ATTENTION,
    ),
    "TransformerEncoderLayer": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        8,
        ATTENTION + 2 * 8 * 8 * 16,
    ),
}


@pytest.mark.parametrize("where", ["shapes", "the processor", "the processor, in a training"])
@pytest.mark.parametrize("name", SEQUENCES)
def test_every_way_of_counting_counts_the_same(name, where):
    make, width, macs = SEQUENCES[name]

    def build():
        return Sequence(make(), width)

    if where == "shapes":
        found = cost(build, (3, 8, 8))
    else:
        found = count(build().train("training" in where), torch.zeros(1, 3, 8, 8))
    assert found.macs == macs + 10 * width


class Products(nn.Module):
    """Tokens of 8 numbers, multiplied by a vector in one of the ways that PyTorch has."""

    def __init__(self, product):
        super().__init__()
        self.product = product
        self.vector, self.both = nn.Parameter(torch.zeros(8)), nn.Bilinear(8, 8, 5, bias=False)

    def forward(self, x):
        return self.product(self, x.mean(1))


PRODUCTS = {
    "@": (lambda net, x: x @ net.vector, 4 * 8),
    "column": (lambda net, x: x @ net.vector[:, None], 4 * 8),
    "mv": (lambda net, x: x[0].mv(net.vector), 4 * 8),
    "addmv": (lambda net, x: torch.addmv(x[0, :, 0], x[0], net.vector), 4 * 8),
    "dot": (lambda net, x: x[0, 0].dot(net.vector), 8),
    "addbmm": (lambda net, x: torch.addbmm(x[0, :, :4], x, x.mT), 4 * 8 * 4),
    "bilinear": (lambda net, x: net.both(x, x), 4 * 5 * 8 * 8),
}


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_product_is_counted(product):
    make, macs = PRODUCTS[product]
    assert count(Products(make), torch.zeros(1, 3, 4, 8)).macs == macs


def test_counting_leaves_the_fast_path_of_attention_as_it_was():
    for enabled in (True, False):
        torch.backends.mha.set_fastpath_enabled(enabled)
        count(nn.Linear(2, 2), torch.zeros(1, 2))
        assert torch.backends.mha.get_fastpath_enabled() == enabled
    torch.backends.mha.set_fastpath_enabled(True)


@pytest.mark.parametrize(
    ("build", "params", "million_macs"),
    [(deit_tiny, 5_717_416, 1253.68), (resnet18, 11_689_512, 1814.07)],
)
def test_cost_of_published_networks(build, params, million_macs):
    found = cost(build, (3, 224, 224))
    assert found.params == params
    assert found.macs / 1e6 == pytest.approx(million_macs, abs=0.005)


def test_cifar_resnet_sizes():
    # He et al. (2016), table 6: 0.27M, 0.46M, 0.66M, 0.85M, 1.7M.
    found = [parameters(cifar_resnet(n)) for n in (20, 32, 44, 56, 110)]
    assert found == [269_722, 464_154, 658_586, 853_018, 1_727_962]
    with pytest.raises(InvalidInput, match="21"):
        cifar_resnet(21)


def test_pad_shortcut_subsamples_and_pads_with_zeros():
    shortcut = cifar_resnet(8).layer2[0].shortcut
    x = torch.randn(2, 16, 6, 6)
    y = shortcut(x)
    assert y.shape == (2, 32, 3, 3)
    assert torch.equal(y[:, 8:24], x[:, :, ::2, ::2])
    assert not y[:, :8].any()
    assert not y[:, 24:].any()


def test_resnet_stages_halve_the_resolution():
    net = ResNet((1, 2, 1), (4, 8, 16), kernels=(3, 5, 7), channels=1)
    stages, _ = net.forward_stages(torch.randn(2, 1, 8, 8))
    assert [tuple(s.shape) for s in stages] == [(2, 4, 8, 8), (2, 8, 4, 4), (2, 16, 2, 2)]


def test_vit_pooling_and_stages():
    kinds = {"class_token": True, "pool": "token"}, {"class_token": True}, {}
    for kind in kinds:
        net = VisionTransformer(
            12,
            (1, 2, 3, 4, 1, 2),
            (1.0,) * 6,
            patch=2,
            input_shape=(1, 8, 8),
            num_classes=5,
            **kind,
        )
        stages, logits = net.forward_stages(torch.randn(2, 1, 8, 8))
        assert [tuple(s.shape) for s in stages] == [(2, 16 + net.prefix_tokens, 12)] * 4
        assert logits.shape == (2, 5)


def test_vit_classifies_the_mean_of_patches_or_the_class_token():
    torch.manual_seed(0)
    for pool, chosen in (("mean", slice(1, None)), ("token", slice(0, 1))):
        net = VisionTransformer(
            12, (2,), (1.0,), patch=2, class_token=True, pool=pool, input_shape=(1, 8, 8)
        )
        x = torch.randn(2, 1, 8, 8)
        stages, logits = net.forward_stages(x)
        pooled = net.norm(stages[-1])[:, chosen].mean(dim=1)
        torch.testing.assert_close(logits, net.classifier(pooled))


def test_vit_sees_where_patches_are():
    net = VisionTransformer(12, (2,), (1.0,), patch=2, input_shape=(1, 8, 8)).eval()
    x = torch.randn(1, 1, 8, 8)
    shifted = x.roll(2, dims=2)  # the same patches in other places
    assert not torch.allclose(net(x), net(shifted), atol=1e-7)
    with torch.no_grad():
        net.pos_embed.zero_()
    torch.testing.assert_close(net(x), net(shifted))


def test_vit_block_normalises_before():
    block = VisionTransformer(12, (2,), (1.0,), patch=2, input_shape=(1, 8, 8)).blocks[0]
    x = torch.randn(2, 5, 12)
    middle = x + block.attn(block.norm1(x))
    expected = middle + block.mlp.fc2(torch.nn.functional.gelu(block.mlp.fc1(block.norm2(middle))))
    torch.testing.assert_close(block(x), expected)


def test_residual_blocks_differ_in_the_last_relu():
    x = torch.randn(2, 4, 6, 6)
    for kind in (BasicBlock, LinearBlock):
        block = kind(4, 8, 2, 3, "projection").eval()
        inner = block.bn2(block.conv2(block.bn1(block.conv1(x)).relu()))
        added = inner + block.shortcut(x)
        torch.testing.assert_close(block(x), added.relu() if kind is BasicBlock else added)
        assert (added < 0).any()


def test_vit_attention_is_scaled_dot_product():
    net = VisionTransformer(12, (3,), (1.0,), patch=2, input_shape=(1, 8, 8))
    attn = net.blocks[0].attn
    x = torch.randn(2, 16, 12)
    q, k, v = (t.reshape(2, 16, 3, 4).transpose(1, 2) for t in attn.qkv(x).split(12, dim=2))
    mixed = ((q @ k.mT) / 4**0.5).softmax(-1) @ v
    expected = attn.proj(mixed.transpose(1, 2).reshape(2, 16, 12))
    torch.testing.assert_close(attn(x), expected)


def test_vit_refuses_sizes_that_do_not_divide():
    with pytest.raises(InvalidInput, match="9×8"):
        VisionTransformer(12, (1,), (1.0,), patch=2, input_shape=(1, 9, 8))
    with pytest.raises(InvalidInput, match="heads"):
        VisionTransformer(12, (5,), (1.0,), patch=2, input_shape=(1, 8, 8))


def test_drop_path_acts_in_training_alone_and_grows():
    net = VisionTransformer(12, (1,) * 3, (1.0,) * 3, patch=2, input_shape=(1, 8, 8))
    x = torch.randn(64, 1, 8, 8)
    assert torch.equal(net(x), net(x))
    set_drop_path(net, 0.4)
    assert [block.drop_path.rate for block in net.blocks] == [0.0, 0.2, 0.4]
    assert not torch.equal(net(x), net(x))
    kept = net.blocks[2].drop_path(torch.ones(10_000, 1, 1))
    assert kept.mean().item() == pytest.approx(1.0, abs=0.05)
    net.eval()
    assert torch.equal(net(x), net(x))


@pytest.mark.parametrize(
    ("depth", "expected"),
    [(1, (0,)), (3, (0, 1, 2)), (4, (0, 1, 2, 3)), (12, (2, 5, 8, 11)), (13, (2, 5, 8, 12))],
)
def test_evenly_spaced(depth, expected):
    assert evenly_spaced(depth) == expected


class Extra(nn.Linear):
    """Keeps something in its state that is no tensor."""

    def get_extra_state(self):
        return {"scale": 1}

    def set_extra_state(self, state):
        pass


def test_the_digest_of_weights_takes_whatever_a_state_holds():
    networks = [
        nn.Linear(2, 2),
        Extra(2, 2),
        nn.LazyLinear(2),
        nn.Linear(2, 2, dtype=torch.complex64),
    ]
    found = [weights_digest(seeded(lambda: copy.deepcopy(n), 0)) for n in networks]  # noqa: B023
    assert len(set(found)) == len(networks)
    assert found == [weights_digest(network) for network in networks]


def test_images_have_the_precision_of_the_weights_and_not_of_whole_numbers():
    network = nn.Linear(2, 2).double()
    network = nn.ParameterList([nn.Parameter(torch.arange(3), requires_grad=False), network.weight])
    assert like_parameters(network, (1, 2)).dtype == torch.float64
