"""Plain modules are wrapped: stages are found, or what is missing is said."""

import pytest
import torch
from torch import nn

from autodas.core.errors import InvalidInput
from autodas.networks import StagedNetwork, cost, count, seeded
from autodas.statistics import STATISTICS, measure
from autodas.students import wrap


class Block(nn.Module):
    """A residual block whose parts have other widths than the block."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.wide = nn.Conv2d(inputs, 3 * outputs, 3, stride, 1)
        self.norm = nn.BatchNorm2d(3 * outputs)
        self.narrow = nn.Conv2d(3 * outputs, outputs, 1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return self.narrow(self.norm(self.wide(x)).relu()) + self.shortcut(x)


class Plain(nn.Module):
    """A convolutional network as anybody would write it."""

    def __init__(self, num_classes=5, channels=3):
        super().__init__()
        self.stem = nn.Conv2d(channels, 4, 3, padding=1)
        self.body = nn.Sequential(Block(4, 4, 1), Block(4, 8, 2), Block(8, 8, 1), Block(8, 16, 2))
        self.unused = nn.Linear(3, num_classes)
        self.last = nn.Linear(16, num_classes)

    def forward(self, x):
        return self.last(self.body(self.stem(x)).mean((2, 3)))


class Tokens(nn.Module):
    """A plain vision transformer: one width from first to last."""

    def __init__(self, num_classes=5, depth=3):
        super().__init__()
        self.embed = nn.Linear(48, 8)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 8))
        layers = [nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(depth)]
        self.blocks = nn.ModuleList(layers)
        self.head = nn.Linear(8, num_classes)

    def forward(self, x):
        patches = (
            x.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)
        )
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), self.embed(patches)], dim=1)
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, 0])


class Gated(Plain):
    """Channels gated by hard sigmoids, and a convolution for a classifier, as in MobileNetV3."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Hardsigmoid(inplace=True))
        self.last = nn.Conv2d(16, 5, 1)

    def forward(self, x):
        x = self.stem(x)
        x = self.body(x * self.gate(x.mean((2, 3), keepdim=True)))
        return self.last(x.mean((2, 3), keepdim=True)).flatten(1)


class PassesParameters(nn.Module):
    """Hands a parameter on from module to module, beside what it computes, as timm's CaiT does."""

    class Part(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, pair):
            return self.linear(pair[0]), pair[1]

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 3))
        self.parts = nn.Sequential(self.Part(), self.Part())
        self.head = nn.Linear(3, 5)

    def forward(self, x):
        x, token = self.parts((x.mean((2, 3)), self.token.expand(len(x), -1)))
        return self.head(x + token)


class LooksAside(Plain):
    """Computes maps of a resolution of its own that the logits do not depend on."""

    def __init__(self):
        super().__init__()
        self.aside = nn.Conv2d(16, 3, 3, 2, 1)

    def forward(self, x):
        x = self.body(self.stem(x))
        self.aside(x)
        return self.last(x.mean((2, 3)))


class ChannelsLast(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Linear(3, 6)
        self.pool = nn.AvgPool2d(2)
        self.two = nn.Linear(6, 10)
        self.head = nn.Linear(10, 5)

    def forward(self, x):
        x = self.one(x.permute(0, 2, 3, 1))
        x = self.pool(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return self.head(self.two(x).mean((1, 2)))


def images(size=16, count=4):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def test_stages_are_where_the_resolution_changes():
    network = wrap(Plain(), input_shape=(3, 16, 16))
    assert isinstance(network, StagedNetwork)
    assert [stage.module for stage in network.stages] == ["body.0", "body.2", "body"]
    stages, logits = network.forward_stages(images())
    assert [tuple(stage.shape) for stage in stages] == [(4, 4, 16, 16), (4, 8, 8, 8), (4, 16, 4, 4)]
    assert logits.shape == (4, 5)
    assert network.classifier is network.model.last
    assert torch.equal(network.eval()(images()), network.model(images()))
    assert not any(module._forward_hooks for module in network.modules())


def test_what_the_logits_do_not_depend_on_is_no_stage():
    network = wrap(LooksAside(), input_shape=(3, 16, 16))
    assert [stage.module for stage in network.stages] == ["body.0", "body.2", "body"]


def test_a_transformer_of_one_width_shows_its_blocks():
    network = wrap(Tokens(), input_shape=(3, 16, 16))
    assert [stage.module for stage in network.stages] == ["blocks.0", "blocks.1", "blocks.2"]
    assert network.prefix_tokens == 1
    assert network.forward_stages(images())[0][0].shape == (4, 17, 8)


def test_maps_with_channels_last_are_turned_on_the_way():
    network = wrap(ChannelsLast(), input_shape=(3, 16, 16))
    stages, logits = network.forward_stages(images())
    assert [tuple(stage.shape) for stage in stages] == [(4, 6, 16, 16), (4, 10, 8, 8)]
    gradients = torch.autograd.grad(logits.sum(), stages)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


def test_stages_can_be_named():
    network = wrap(Plain(), input_shape=(3, 16, 16), stages=["stem", "body.1"], classifier="last")
    assert [tuple(s.shape[1:]) for s in network.forward_stages(images())[0]] == [
        (4, 16, 16),
        (8, 8, 8),
    ]
    assert wrap(network) is network


class Twice(Plain):
    def forward(self, x):
        return super().forward(x) + self.last(self.body(self.stem(x)).mean((2, 3)))


class Maps(Plain):
    def forward(self, x):
        return self.body(self.stem(x))


class Fixed(Plain):
    def forward(self, x):
        return super().forward(x.view(-1, 3, 8, 8))


class NoHead(Plain):
    def forward(self, x):
        return self.body(self.stem(x)).mean((2, 3))


@pytest.mark.parametrize(
    ("make", "named", "message"),
    [
        (Plain, {"stages": ["layer1"]}, "Plain has no module 'layer1'; it has stem, body"),
        (Plain, {"stages": ["unused"]}, "'unused' is no stage"),
        (Plain, {"stages": ["last"]}, "'last' is no stage"),
        (Twice, {}, "Twice shows no stage"),
        (
            Maps,
            {},
            r"Maps must put out logits \(images, classes\), it gives a tensor \(1, 16, 4, 4\)",
        ),
        (NoHead, {}, "NoHead lacks a classifier: no linear layer .* its 16 logits"),
        (Fixed, {"input_shape": (1, 3, 5)}, "Fixed cannot be run on images of 1×3×5: RuntimeError"),
        (nn.Identity, {}, "Identity must put out logits"),
    ],
)
def test_what_is_missing_is_said_in_one_line(make, named, message):
    with pytest.raises(InvalidInput, match=message) as said:
        wrap(make(), **{"input_shape": (3, 16, 16), **named})
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    ("make", "without"),
    [
        (Plain, {"attention_entropy", "attention_rank", "diversity_saliency"}),
        (
            Gated,  # what a gate in place overwrites, nobody sees
            {"attention_entropy", "attention_rank", "diversity_saliency", "fisher_information"},
        ),
        (
            Tokens,  # nn.MultiheadAttention does not call its layers
            {"fisher_information", "least_correlation", "log_participation"},
        ),
    ],
)
def test_every_statistic_that_needs_no_teacher_is_measured(make, without):
    network = seeded(lambda: wrap(make(), input_shape=(3, 16, 16)), 0)
    names = [s.name for s in map(STATISTICS.get, STATISTICS.names()) if "teacher" not in s.needs]
    names = [name for name in names if not name.startswith("graph_")]  # of cells
    found = measure(network, images(), torch.arange(4), names)
    assert {name for name, value in found.items() if hasattr(value, "reason")} == without


def test_second_derivatives_of_hard_sigmoids():
    """As of relu6(x + 3) / 6, which PyTorch can differentiate twice by itself."""

    class Written(nn.Module):
        def forward(self, x):
            return nn.functional.relu6(x + 3) / 6

    first = seeded(lambda: wrap(Gated(), input_shape=(3, 16, 16)), 0)
    second = seeded(lambda: wrap(Gated(), input_shape=(3, 16, 16)), 0)
    second.model.gate[1] = Written()
    values = [
        measure(network, images(), torch.arange(4), ["hessian_saliency"])["hessian_saliency"].value
        for network in (first, second)
    ]
    for a, b in zip(*(value.segments for value in values), strict=True):
        assert torch.allclose(torch.from_numpy(a), torch.from_numpy(b), rtol=1e-4, atol=1e-7)


def test_costs_of_a_network_that_passes_parameters_on():
    found = cost(PassesParameters, (3, 4, 4))
    assert (found.params, found.macs) == (2 * 12 + 3 + 20, 9 + 9 + 15)
    network = PassesParameters().eval()
    assert count(network, images(4, 1)) == found


def test_wrapping_leaves_the_network_as_it_was():
    plain = Plain().train()
    before = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    state = torch.random.get_rng_state()
    wrap(plain, input_shape=(3, 16, 16))
    assert plain.training
    assert all(parameter.grad is None for parameter in plain.parameters())
    assert all(torch.equal(before[name], t) for name, t in plain.state_dict().items())
    assert torch.equal(state, torch.random.get_rng_state())


class AsksForNumbers(Plain):
    """Cannot be run on shapes alone."""

    def forward(self, x):
        return super().forward(x * (2.0 if float(x.sum()) > 0 else 1.0))


def test_costs_of_a_network_that_needs_numbers():
    expected = cost(Plain, (3, 16, 16))
    assert cost(AsksForNumbers, (3, 16, 16)) == expected
    assert cost(lambda: wrap(AsksForNumbers(), input_shape=(3, 16, 16)), (3, 16, 16)) == expected
