"""A weight that is used twice is one weight: as if both uses were written out with it."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from statistics_toys import CHANNELS, CLASSES, images, labels, signals
from torch import nn
from torch.nn.utils import parametrizations, prune

from autodas.core.results import Failed, Ok
from autodas.networks import StagedNetwork
from autodas.statistics import STATISTICS, measure

OWN = [s.name for s in STATISTICS if s.measure.__module__.startswith("autodas.")]
WIDTH = 4


def conv():
    return nn.Conv2d(WIDTH, WIDTH, 3, padding=1)


class Listed(StagedNetwork):
    """stem – ReLU – conv – ReLU (stage 1) – conv – ReLU (stage 2) – mean – linear."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(CHANNELS, WIDTH, 3, padding=1)
        self.body = nn.ModuleList(self.convolutions(conv()))
        self.classifier = nn.Linear(WIDTH, CLASSES)

    def convolutions(self, one):
        return [one, one]

    def forward_stages(self, x):
        x = F.relu(self.stem(x))
        stages = []
        for layer in self.body:
            x = F.relu(layer(x))
            stages.append(x)
        return stages, self.classifier(x.mean((2, 3)))


class Looped(Listed):
    """The same layer in a loop, without a second name."""

    def convolutions(self, one):
        return [one]

    def forward_stages(self, x):
        x = F.relu(self.stem(x))
        stages = []
        for _ in range(2):
            x = F.relu(self.body[0](x))
            stages.append(x)
        return stages, self.classifier(x.mean((2, 3)))


class Tied(Listed):
    """Two layers that hold one weight and one bias."""

    def convolutions(self, one):
        other = copy.deepcopy(one)
        other.weight, other.bias = one.weight, one.bias
        return [one, other]


class Apart(Listed):
    """Two layers with a weight each; equal, but not the same."""

    def convolutions(self, one):
        return [one, copy.deepcopy(one)]


SHARING = {kind.__name__: kind for kind in (Listed, Looped, Tied)}


def measured(network, names=OWN):
    found = measure(network, images(), labels(), names, teacher=signals(Apart()))
    return {
        name: [np.array(segment) for segment in result.value.segments]
        for name, result in found.items()
        if isinstance(result, Ok)
    }


def written_out(w, pixels):
    """Logits, and what the four uses of three weights put out."""
    (stem, one, last), outputs = w, []
    x = F.conv2d(pixels, stem[0], stem[1], padding=1)
    outputs.append(x)
    for _ in range(2):
        x = F.conv2d(x.relu(), one[0], one[1], padding=1)
        outputs.append(x)
    outputs.append(F.linear(x.relu().mean((2, 3)), *last))
    return outputs[-1], outputs


def weights(network, change=lambda w: w):
    layers = (network.stem, network.body[0], network.classifier)
    return [
        tuple(change(p.detach().double()).requires_grad_() for p in (m.weight, m.bias))
        for m in layers
    ]


@pytest.fixture(scope="module")
def shared():
    return {name: measured(kind()) for name, kind in SHARING.items()}


@pytest.mark.parametrize("kind", SHARING)
@pytest.mark.parametrize("name", OWN)
def test_it_does_not_matter_how_a_weight_is_shared(kind, name, shared):
    assert shared[kind].keys() == shared["Looped"].keys()
    for a, b in zip(shared[kind].get(name, []), shared["Looped"].get(name, []), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", SHARING)
def test_the_network_is_left_as_it_was(kind):
    network = SHARING[kind]()
    held = [(m, dict(m._parameters), dict(m._buffers)) for m in network.modules()]
    before = copy.deepcopy(network.state_dict())
    measured(network)
    for module, parameters, buffers in held:
        for name, tensor in {**parameters, **buffers}.items():
            assert getattr(module, name) is tensor
    for name, tensor in network.state_dict().items():
        assert tensor.dtype == before[name].dtype
        assert torch.equal(tensor, before[name])


class Recurrent(StagedNetwork):
    def __init__(self):
        super().__init__()
        self.rows, self.classifier = nn.LSTM(12, 5, batch_first=True), nn.Linear(5, CLASSES)

    def forward_stages(self, x):
        tokens, _ = self.rows(x.transpose(1, 2).flatten(2))
        return [tokens], self.classifier(tokens[:, -1])


def test_a_recurrent_layer_has_its_own_weights_afterwards():
    network = Recurrent()
    measure(network, images(), labels(), ["virtual_output", "perturbation_growth"])
    held = [getattr(network.rows, name) for name in network.rows._flat_weights_names]
    assert all(a is b for a, b in zip(network.rows._flat_weights, held, strict=True))
    assert {weight.dtype for weight in held} == {torch.float32}


def test_synflow_flows_through_a_recurrent_layer():
    network = Recurrent()
    found = measured(network, ["virtual_output"])["virtual_output"][0]
    absolute = copy.deepcopy(network).double()
    with torch.no_grad():
        for parameter in absolute.parameters():
            parameter.abs_()
        total = absolute(torch.ones(1, *images().shape[1:]).double()).sum()
    assert found == pytest.approx(float(total.log()), rel=1e-6)


@pytest.mark.parametrize("name", ["virtual_grad", "perturbation_growth"])
def test_the_network_is_left_as_it_was_also_by_what_fails(name, monkeypatch):
    network = Listed()
    before = copy.deepcopy(network.state_dict())

    def fail(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(network.classifier, "forward", fail)
    monkeypatch.setattr(torch.Tensor, "log", fail)
    with pytest.raises(KeyboardInterrupt):
        measure(network, images(), labels(), [name])
    after = network.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_gradients_are_those_of_both_uses(shared):
    w = weights(Looped())
    loss = F.cross_entropy(written_out(w, images().double())[0], labels())
    found = torch.autograd.grad(loss, [weight for weight, _ in w])
    values = shared["Listed"]
    assert len(values["gradient_norm"]) == 3
    for i, ((weight, _), gradient) in enumerate(zip(w, found, strict=True)):
        np.testing.assert_allclose(
            values["weight_grad"][i], gradient.flatten(), rtol=1e-3, atol=1e-7
        )
        assert values["gradient_norm"][i] == pytest.approx(float(gradient.norm()), rel=1e-4)
        expected = float((weight * gradient).detach().abs().sum())
        assert values["saliency"][i] == pytest.approx(expected, rel=1e-4)


def test_synflow_flows_through_both_uses(shared):
    w = weights(Looped(), torch.Tensor.abs)
    total = written_out(w, torch.ones(1, *images().shape[1:], dtype=torch.float64))[0].sum().log()
    found = torch.autograd.grad(total, [weight for weight, _ in w])
    values = shared["Listed"]
    assert values["virtual_output"][0] == pytest.approx(float(total.detach()), rel=1e-6)
    for i, ((weight, _), gradient) in enumerate(zip(w, found, strict=True)):
        expected = float((weight * gradient).detach().abs().sum())
        assert values["virtual_saliency"][i] == pytest.approx(expected, rel=1e-5)


def test_zen_draws_one_weight_for_both_uses(shared):
    generator = torch.Generator().manual_seed(0)
    drawn = []
    for weight, bias in weights(Looped()):
        value = torch.randn(weight.shape, generator=generator).double()
        drawn.append((value, torch.zeros_like(bias)))
    noise, change = (torch.randn(images().shape, generator=generator).double() for _ in range(2))
    last = [written_out(drawn, x)[1][2].relu() for x in (noise, noise + 0.01 * change)]
    growth = (last[0] - last[1]).flatten(1).norm(dim=1).mean().log()
    assert shared["Listed"]["perturbation_growth"][0] == pytest.approx(float(growth), rel=1e-4)


@pytest.mark.parametrize("name", ["fisher_information", "least_correlation", "layer_macs"])
def test_what_is_seen_at_outputs_adds_up_over_the_uses(name, shared):
    stem, first, second, last = measured(Apart(), [name])[name]
    assert second != 0
    np.testing.assert_allclose(shared["Listed"][name], [stem, first + second, last], rtol=1e-5)


def test_sizes_of_weights_count_them_once(shared):
    apart = measured(Apart())
    for name in ("numel", "weight_norm", "out_channels"):
        np.testing.assert_array_equal(np.delete(apart[name], 2), shared["Listed"][name])
    assert shared["Listed"]["params"][0] == sum(p.numel() for p in Looped().parameters())
    assert shared["Listed"]["macs"] == apart["macs"]
    assert sum(shared["Listed"]["layer_macs"]) == sum(apart["layer_macs"])


# --- weights that are computed from others ----------------------------------------------------


def parametrised(how):
    """A toy with a computed weight in every layer, and its twin that holds what comes out."""
    network, twin = Listed(), Listed()
    for layer, other in (
        (network.stem, twin.stem),
        (network.body[0], twin.body[0]),
        (network.classifier, twin.classifier),
    ):
        how(layer)
        with torch.no_grad():
            layer.eval()
            other.weight.copy_(layer.weight)
            layer.train()
    return network, twin


def pruned(layer):
    prune.l1_unstructured(layer, "weight", 0.3)
    prune.random_unstructured(layer, "weight", 0.2)  # a second time


PARAMETRISATIONS = {
    "weight_norm": parametrizations.weight_norm,
    "spectral_norm": parametrizations.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
}
HOOKS = {
    "weight_norm": nn.utils.weight_norm,
    "spectral_norm": nn.utils.spectral_norm,
    "pruned": pruned,
}
"""What computes a weight before a call, and shows until then what it was."""


@pytest.mark.parametrize("how", PARAMETRISATIONS)
def test_a_computed_weight_is_measured_as_the_weight_that_comes_out(how):
    network, twin = parametrised(PARAMETRISATIONS[how])
    found, expected = measured(network), measured(twin)
    assert found.keys() == expected.keys()
    for name in expected:
        if name == "params":
            continue
        for a, b in zip(found[name], expected[name], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7, err_msg=name)
    assert found["params"][0] == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("how", PARAMETRISATIONS)
def test_a_network_with_computed_weights_is_left_as_it_was(how):
    network, _ = parametrised(PARAMETRISATIONS[how])
    before = copy.deepcopy(network.state_dict())
    classes = [type(module) for module in network.modules()]
    measured(network)
    assert [type(module) for module in network.modules()] == classes
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    network(images()).sum().backward()
    assert network.stem.parametrizations.weight[0] is not None
    assert all(p.grad is not None for p in network.parameters())


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("how", HOOKS)
def test_a_weight_of_an_older_hook_is_measured_as_what_its_next_call_computes(how):
    network, twin = Listed(), Listed()
    for layer, other in ((network.stem, twin.stem), (network.body[0], twin.body[0])):
        HOOKS[how](layer)
        with torch.no_grad():
            for parameter in layer.parameters():  # as by a file of weights
                parameter.mul_(1.5)
            layer.eval()(torch.zeros(1, layer.in_channels, 4, 4))
            other.weight.copy_(layer.weight)
            other.bias.copy_(layer.bias)
            layer.weight = layer.weight * 0 + 7
            layer.train()
    before = copy.deepcopy(network.state_dict())
    names = [[name for name, _ in module.named_parameters()] for module in network.modules()]
    found, expected = measured(network, FEW), measured(twin, FEW)
    assert found.keys() == expected.keys()
    for name in expected:
        for a, b in zip(found[name], expected[name], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7, err_msg=name)
    assert names == [[n for n, _ in module.named_parameters()] for module in network.modules()]
    assert all(torch.equal(network.state_dict()[n], tensor) for n, tensor in before.items())
    assert float(network.stem.weight.min()) == float(network.stem.weight.max()) == 7
    network(images()).sum().backward()
    assert all(p.grad is not None for p in network.parameters())


FEW = ["weight_norm", "saliency", "virtual_saliency", "perturbation_growth", "layer_macs", "logits"]


class Computing:
    """A hook of one's own."""

    def __init__(self, layer):
        weight = layer._parameters.pop("weight")
        layer.register_parameter("source", weight)
        layer.weight = weight * 1
        layer.register_forward_pre_hook(self)

    def __call__(self, layer, _):
        layer.weight = layer.source * 1


def test_a_weight_that_a_hook_computes_is_refused_where_gradients_are_needed():
    network = Listed()
    Computing(network.stem)
    names = ["saliency", "virtual_saliency", "sign_agreement", "tangent_kernel", "logits"]
    found = measure(network, images(), labels(), names)
    reasons = {n: r.reason for n, r in found.items() if isinstance(r, Failed)}
    assert reasons == dict.fromkeys(
        names[:-1], "the weight of stem is computed by a hook, so that it has no gradient"
    )
