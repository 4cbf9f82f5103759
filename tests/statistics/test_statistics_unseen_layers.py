"""What is computed without gradients, or without calling a layer, is not taken for nothing."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from statistics_toys import CHANNELS, CLASSES, ToyCNN, fill, images, labels, signals
from statistics_twins import assert_alike, measured, reasons
from torch import nn

from autodas.core.errors import InvalidInput
from autodas.networks import StagedNetwork
from autodas.statistics import measure


class Pooling(StagedNetwork):
    """Its first stage lies before all weights."""

    def __init__(self):
        super().__init__()
        self.conv, self.classifier = nn.Conv2d(CHANNELS, 4, 3, padding=1), nn.Linear(4, CLASSES)
        fill(self)

    def forward_stages(self, x):
        first = F.avg_pool2d(x, 2)
        second = self.conv(first).relu()
        return [first, second], self.classifier(second.mean((2, 3)))


def test_a_stage_before_all_weights_has_a_gradient():
    network = Pooling()
    found = measured(network)
    lacking = "normalisation|attention|no gradient passes between comparable|repeated cell"
    assert not [r for r in reasons(found).values() if not any(w in r for w in lacking.split("|"))]
    pooled = F.avg_pool2d(images(), 2).requires_grad_()
    loss = F.cross_entropy(network.classifier(network.conv(pooled).relu().mean((2, 3))), labels())
    (gradient,) = torch.autograd.grad(loss, [pooled])
    segment = found["feature_grad"].value.segments[0]
    np.testing.assert_allclose(segment, gradient.flatten(), rtol=1e-5, atol=1e-9)


class Cut(ToyCNN):
    """Computes its first stage without gradients."""

    def forward_stages(self, x):
        with torch.no_grad():
            first = F.relu(self.bn1(self.conv1(x)))
        second = self.relu(self.bn2(self.conv2(first)))
        return [first, second], self.classifier(second.mean((2, 3)))


class Closed(ToyCNN):
    def forward_stages(self, x):
        with torch.no_grad():
            return super().forward_stages(x)


def test_what_is_computed_without_gradients_has_a_reason(toy):
    found = measured(Cut())
    reason = "the network computes some of its stages without gradients"
    assert {n: r for n, r in reasons(found).items() if r == reason} == dict.fromkeys(
        ("feature_grad", "grad_gram"), reason
    )
    norms = [float(s) for s in found["gradient_norm"].value.segments]
    expected = [float(s) for s in toy["gradient_norm"].value.segments]
    assert norms == pytest.approx([0.0, *expected[1:]], rel=1e-5)
    assert not np.any(
        found["jacobian_gram"].value.segments[0] != np.ones((len(images()), len(images())))
    )
    reason = "the network computes its outputs without gradients"
    closed = reasons(measured(Closed()))
    for name in ("weight_grad", "feature_grad", "jacobian_gram", "tangent_kernel", "virtual_output",
                 "sign_agreement", "hessian_saliency", "information_rank", "gradient_health",
                 "gradient_agreement", "fisher_information"):  # fmt: skip
        assert closed[name] == reason, name


class Functional(ToyCNN):
    """Uses the weight of its first layer without calling the layer, and has one that is unused."""

    def __init__(self):
        super().__init__()
        self.auxiliary = nn.Linear(20, 50)

    def forward_stages(self, x):
        first = F.relu(self.bn1(F.conv2d(x, self.conv1.weight, padding=1)))
        second = self.relu(self.bn2(self.conv2(first)))
        return [first, second], self.classifier(second.mean((2, 3)))


SEEN = ("layer_macs", "fisher_information", "log_participation", "least_correlation")


def test_what_is_not_seen_of_a_layer_is_not_taken_for_nothing(toy):
    found = measured(Functional())
    reason = "the weight of conv1 is used without calling the layer"
    assert {n: r for n, r in reasons(found).items() if r == reason} == dict.fromkeys(SEEN, reason)
    for name in ("gradient_norm", "saliency", "virtual_saliency"):
        values = [float(s) for s in found[name].value.segments]
        expected = [float(s) for s in toy[name].value.segments]
        assert values == pytest.approx([*expected, 0.0], rel=1e-5)


class Unused(ToyCNN):
    def __init__(self):
        super().__init__()
        self.auxiliary = nn.Linear(20, 50)


def test_a_layer_that_is_never_used_computes_nothing():
    found = measured(Unused(), ["layer_macs", "macs"])
    layers = [float(s) for s in found["layer_macs"].value.segments]
    assert layers == [54 * 36, 60 * 9, 60, 0]
    assert sum(layers) == found["macs"].value.segments[0]


class Growing(StagedNetwork):
    """Has a transposed convolution of 4 to 6 channels, from 3 × 3 to 6 × 6 positions."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(CHANNELS, 4, 3, stride=2, padding=1)
        self.up, self.classifier = nn.ConvTranspose2d(4, 6, 2, stride=2), nn.Linear(6, CLASSES)
        fill(self)

    def forward_stages(self, x):
        first = self.down(x).relu()
        self.mapped = self.up(first)
        second = self.mapped.relu()
        return [first, second], self.classifier(second.mean((2, 3)))


def test_a_transposed_convolution_multiplies_at_the_positions_that_it_is_given():
    network = Growing()
    names = ["layer_macs", "macs", "out_channels", "fisher_information"]
    found = {n: [float(s) for s in r.value.segments] for n, r in measured(network, names).items()}
    assert found["layer_macs"] == [72 * 9, 96 * 9, 18]
    assert found["macs"] == [sum(found["layer_macs"])]
    assert found["out_channels"] == [4, 6, 3]
    _, outputs = network.forward_stages(images())
    mapped = network.mapped
    (gradient,) = torch.autograd.grad(F.cross_entropy(outputs, labels()), [mapped])
    each = (mapped * gradient).sum((2, 3)).square().mean(0) / 2
    fan_in = 4 * 2 * 2
    assert found["fisher_information"][1] == pytest.approx(
        float(each.detach().sum()) * fan_in, rel=1e-4
    )


class Scripted(ToyCNN):
    def __init__(self):
        super().__init__()
        self.bn1 = torch.jit.script(nn.BatchNorm2d(3))


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_a_network_whose_layers_cannot_be_seen_is_refused():
    with pytest.raises(InvalidInput, match="bn1 is a program of torch"):
        measured(Scripted())
    found = measure(
        ToyCNN(), images(), labels(), ["tangent_alignment", "cka"], teacher=signals(Scripted())
    )
    assert reasons(found) == {
        "tangent_alignment": "bn1 of the teacher is a program, whose layers cannot be seen"
    }


class Compiled(ToyCNN):
    def __init__(self):
        super().__init__()
        self.conv2 = torch.compile(self.conv2, backend="eager")


@pytest.mark.slow  # the compiler takes seconds to load
def test_a_compiled_part_is_measured_as_it_is_written(toy):
    network = Compiled()
    network.eval()(images())  # from now on, what is compiled has no hooks
    assert_alike(measured(network), toy)


class Attending(StagedNetwork):
    """One query attends to all positions of an image, which are vectors of any width."""

    def __init__(self, width=6, values=6, by_name=False):
        super().__init__()
        self.embed = nn.Conv2d(CHANNELS, width, 2, stride=2)
        self.query = nn.Parameter(torch.empty(1, 1, 8))
        self.attention = nn.MultiheadAttention(8, 2, kdim=width, vdim=values, batch_first=True)
        self.by_name, self.classifier = by_name, nn.Linear(8, CLASSES)
        fill(self)

    def forward_stages(self, x):
        tokens = self.embed(x).flatten(2).transpose(1, 2)
        query = self.query.expand(len(x), 1, 8)
        values = tokens[..., : self.attention.vdim]
        if self.by_name:
            mixed, _ = self.attention(query, value=values, key=tokens)
        else:
            mixed, _ = self.attention(query, tokens, values)
        return [mixed], self.classifier(mixed[:, 0])


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize(("width", "values"), [(8, 8), (6, 6), (6, 4)])
def test_the_projections_of_an_attention_are_layers(width, values, by_name):
    network = Attending(width, values, by_name)
    names = ["layer_macs", "macs", "numel", "weight_norm", "out_channels", "saliency"]
    found = measured(network, [*names, "virtual_saliency", "gradient_norm"])
    parts = [8 * 8, 8 * width, 8 * values] if width < 8 else [3 * 8 * 8]
    mine = {n: [float(s) for s in value.value.segments] for n, value in found.items()}
    assert mine["numel"] == [CHANNELS * 4 * width, *parts, 64, 8 * CLASSES]
    # 9 positions and one query; heads multiply the query with keys, and weights with values.
    assert sum(mine["layer_macs"]) == mine["macs"][0] - 2 * 8 * 9
    assert len({len(value) for n, value in mine.items() if n != "macs"}) == 1
    loss = F.cross_entropy(network(images()), labels())
    weights = [p for p in network.parameters() if p.ndim > 1 and p.shape[0] > 1]
    gradients = torch.autograd.grad(loss, weights)
    expected = sorted(
        float((w * g).detach().abs().sum()) for w, g in zip(weights, gradients, strict=True)
    )
    assert sorted(mine["saliency"]) == pytest.approx(expected, rel=1e-4)
    assert sorted(mine["weight_norm"]) == pytest.approx(
        sorted(float(w.detach().norm()) for w in weights)
    )
