"""Activations and attention are seen however a network spells them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from statistics_toys import fill, images, labels
from torch import nn

from autodas.networks import StagedNetwork
from autodas.statistics import measure
from autodas.statistics.passes.watch import Watch


class Flat(StagedNetwork):
    """linear, the activation under test, linear."""

    def __init__(self, activation):
        super().__init__()
        self.hidden = nn.Linear(72, 9)
        self.activation = activation
        self.classifier = nn.Linear(9, 3)
        fill(self)

    def forward_stages(self, x):
        hidden = self.activation(self.hidden(x.flatten(1)))
        return [hidden[:, None]], self.classifier(hidden)


SPELLINGS = {
    "module": nn.ReLU(),
    "in-place module": nn.ReLU(inplace=True),
    "function": F.relu,
    "in-place function": lambda x: F.relu(x, inplace=True),
    "in-place variant": F.relu_,
    "torch function": torch.relu,
    "keyword": lambda x: torch.relu(input=x),
    "method": lambda x: x.relu(),
    "in-place method": lambda x: x.relu_(),
    "leaky": nn.LeakyReLU(),
    "gelu": nn.GELU(),
    "gelu by keyword": lambda x: F.gelu(input=x),
    "silu": nn.SiLU(inplace=True),
    "six": nn.ReLU6(),
    "hard": nn.Hardswish(),
    "elu": nn.ELU(inplace=True),
    "selu": nn.SELU(),
    "celu": nn.CELU(),
    "prelu": nn.PReLU(),
    "mish": nn.Mish(),
    "tanh": nn.Tanh(),
    "tanh as a function": torch.tanh,
    "tanh as a method": lambda x: x.tanh(),
    "in-place tanh": lambda x: x.tanh_(),
    "deprecated tanh": F.tanh,
    "sigmoid": nn.Sigmoid(),
    "sigmoid as a method": lambda x: x.sigmoid(),
    "sigmoid by its other name": torch.special.expit,
    "log of sigmoid": nn.LogSigmoid(),
    "hard sigmoid": nn.Hardsigmoid(),
    "softplus": nn.Softplus(),
    "softsign": nn.Softsign(),
    "tanh shrink": nn.Tanhshrink(),
    "soft shrink": nn.Softshrink(),
    "hard shrink": nn.Hardshrink(),
    "hard tanh": nn.Hardtanh(),
    "in-place hard tanh": F.hardtanh_,
    "in-place leaky": F.leaky_relu_,
    "in-place elu": F.elu_,
    "in-place selu": F.selu_,
    "in-place celu": F.celu_,
    "torch selu": torch.selu,
    "randomised leaky": nn.RReLU(),
    "in-place randomised leaky": F.rrelu_,
    "threshold": nn.Threshold(0.0, -1.0),
    "in-place threshold": lambda x: F.threshold_(x, 0.0, 0.0),
    "clamp": lambda x: x.clamp(min=0),
    "clamp to six": lambda x: torch.clamp(x, 0, 6),
    "clamp from below": lambda x: x.clamp_min(0.0),
    "in-place clamp": lambda x: x.clamp_(min=0),
    "in-place clamp from below": lambda x: x.clamp_min_(0),
    "clip": lambda x: torch.clip(x, min=0),
    "clamp as hard tanh": lambda x: x.clamp(-1, 1),
}


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_activations_are_seen_before_they_act(spelling, backward):
    network = Flat(SPELLINGS[spelling])
    signs = (network.hidden(images().flatten(1)) > 0).numpy()
    names = ["activation_kernel", *(["weight_grad"] if backward else [])]
    (kernel,) = measure(network, images(), labels(), names)["activation_kernel"].value.segments
    expected = [[(a == b).mean() for b in signs] for a in signs]
    np.testing.assert_allclose(kernel, expected, rtol=1e-6)


def test_every_elementwise_activation_of_torch_is_seen():
    makes = {
        **dict.fromkeys(nn.modules.activation.__all__, lambda kind: kind()),
        "Threshold": lambda kind: kind(0.1, 20.0),
        "GLU": lambda kind: kind(1),
    }
    others = {"Softmax", "Softmax2d", "Softmin", "LogSoftmax", "MultiheadAttention"}
    assert len(makes) > 25
    for name, make in makes.items():
        if name not in others:
            with Watch(activations=True, attention=False) as watch:
                make(getattr(nn, name)).eval()(torch.randn(4, 6))
            assert len(watch.signs) == 1, name


def test_a_switch_that_is_not_at_zero_is_seen_where_it_is():
    x = torch.tensor([[-1.0, 0.2, 0.4, 2.0, -3.0, 1.0], [1.0, 1.0, -1.0, 0.0, 1.0, -1.0]])
    with Watch(activations=True, attention=False) as watch:
        F.threshold(x, 0.3, -7.0)
        F.glu(x)
        F.glu(x, dim=0)
    threshold, gate, other_way = watch.signs
    assert threshold[0].tolist() == [False, False, True, True, False, True]
    assert gate.tolist() == [[True, False, True], [False, True, False]]
    assert other_way.tolist() == [[True, True, False, False, True, False]]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_all_others_switch_at_zero(spelling):
    x = torch.tensor([[-2.0, -0.3, 0.0, 0.3, 2.0, 7.0]])
    with Watch(activations=True, attention=False) as watch, torch.no_grad():
        SPELLINGS[spelling](x.clone())
    (signs,) = watch.signs
    assert torch.equal(signs, x > 0)


@pytest.mark.parametrize(
    "protects",
    [
        lambda x: x.clamp_min(1e-6),
        lambda x: x.clamp(max=80.0),
        lambda x: torch.clamp(x, x - 1, x + 1),
        lambda x: x.clamp(min=-5.0),
        lambda x: x.clamp(0.5, -0.5),
    ],
)
def test_a_clamp_that_protects_is_no_activation(protects):
    found = measure(Flat(protects), images(), labels(), ["activation_kernel"])
    assert found["activation_kernel"].reason == "the network has no activation layers"


class Gated(Flat):
    """Beside its activation, it gates with a parameter, and looks at windows of an image."""

    def __init__(self):
        super().__init__(nn.ReLU())
        self.gate = nn.Parameter(torch.linspace(-1, 1, 9))
        self.gates = nn.Parameter(torch.linspace(-1, 1, 5 * 9).view(5, 9))
        self.temperature = nn.Parameter(torch.tensor(0.5))

    def forward_stages(self, x):
        hidden = self.hidden(x.flatten(1)) * self.gate.sigmoid() * F.softplus(self.gates).mean(0)
        windows = F.relu(hidden.view(-1, 3))  # three of each image, one after the other
        scale = F.softplus(self.gate.exp()) * F.softplus(self.temperature.exp())
        scale = scale + F.softplus(self.gates[:4].exp()).mean(0)
        hidden = windows.view(-1, 9) * scale
        return [hidden[:, None]], self.classifier(hidden)


def test_only_what_belongs_to_an_image_counts():
    network = Gated()
    signs = (network.hidden(images().flatten(1)) > 0).numpy()
    names = ["activation_kernel", "distinct_units", "linear_regions"]
    found = measure(network, images(), labels(), names)
    (kernel,) = found["activation_kernel"].value.segments
    np.testing.assert_allclose(kernel, [[(a == b).mean() for b in signs] for a in signs], rtol=1e-6)
    assert found["distinct_units"].value.segments[0] == len({tuple(unit) for unit in signs.T})
    assert found["linear_regions"].value.segments[0] == len({tuple(image) for image in signs})


def test_in_place_activations_change_no_number():
    names = ["weight_grad", "feature_grad", "feature", "logits", "jacobian_gram"]
    one, other = (
        measure(Flat(nn.ReLU(inplace=inplace)), images(), labels(), names)
        for inplace in (False, True)
    )
    for name in names:
        for a, b in zip(one[name].value.segments, other[name].value.segments, strict=True):
            assert (a == b).all()


class InPlaceAfterStage(Flat):
    """What is recorded as a stage is overwritten by the next activation."""

    def forward_stages(self, x):
        hidden = self.hidden(x.flatten(1))[:, None]
        stages = [hidden]
        return stages, self.classifier(F.relu_(hidden)[:, 0])


def test_a_stage_overwritten_in_place_has_the_gradient_of_what_it_holds():
    network = InPlaceAfterStage(nn.Identity()).double()
    names = ["feature", "feature_grad", "logit_grad"]
    found = measure(network, images().double(), labels(), names)
    feature, gradient, at_logits = (found[name].value.segments[0] for name in names)
    assert feature.min() == 0
    expected = at_logits @ network.classifier.weight.detach().numpy()
    np.testing.assert_allclose(gradient.reshape(5, 9), expected, rtol=1e-12, atol=1e-15)


# --- attention -----------------------------------------------------------------------------------


def tensors(*shapes):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(*shape, generator=generator) for shape in shapes]


def watched(call):
    with Watch(activations=False, attention=True) as watch:
        result = call()
    (attention,) = watch.attentions
    return attention.probabilities(), result


Q = (2, 4, 6, 3)
MASK = torch.rand(6, 6, generator=torch.Generator().manual_seed(1)) > 0.4
MASK |= torch.eye(6, dtype=torch.bool)
OPTIONS = [
    {},
    {"scale": 2.0},
    {"is_causal": True},
    {"attn_mask": MASK},
    {"attn_mask": tensors((2, 4, 6, 6))[0]},
    {"attn_mask": tensors((1, 1, 6, 6))[0], "scale": 0.1},
    {"dropout_p": 0.0},
]


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "plain")
def test_probabilities_are_those_attention_mixes_with(options, by_name):
    q, k, v = tensors(Q, Q, Q)
    arguments = ((), {"query": q, "key": k, "value": v}) if by_name else ((q, k, v), {})
    probabilities, mixed = watched(
        lambda: F.scaled_dot_product_attention(*arguments[0], **arguments[1], **options)
    )
    torch.testing.assert_close(probabilities @ v, mixed, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(Q[:3]))


def test_grouped_queries_share_keys():
    q, k, v = tensors(Q, (2, 2, 6, 3), (2, 2, 6, 3))
    probabilities, mixed = watched(lambda: F.scaled_dot_product_attention(q, k, v, enable_gqa=True))
    torch.testing.assert_close(probabilities @ v.repeat_interleave(2, 1), mixed)


@pytest.mark.parametrize("heads", [(1, 4), (4, 1)])
def test_one_head_meets_all_of_the_others(heads):
    q, k, v = tensors((2, heads[0], 6, 3), (2, heads[1], 6, 3), (2, heads[1], 6, 3))
    probabilities, mixed = watched(lambda: F.scaled_dot_product_attention(q, k, v))
    torch.testing.assert_close(probabilities @ v, mixed, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("mask", [None, ~MASK, tensors((6, 6))[0], tensors((8, 6, 6))[0]])
@pytest.mark.parametrize("other_width", [None, 5])
def test_attention_modules_are_seen(bias, batch_first, mask, other_width):
    module = nn.MultiheadAttention(
        12, 4, bias=bias, batch_first=batch_first, kdim=other_width, vdim=other_width
    ).eval()
    x, y = tensors((2, 6, 12), (2, 6, other_width or 12))
    x, y = (x, y) if batch_first else (x.transpose(0, 1), y.transpose(0, 1))
    y = y if other_width else x
    probabilities, (_, weights) = watched(
        lambda: module(x, y, y, attn_mask=mask, average_attn_weights=False)
    )
    torch.testing.assert_close(probabilities, weights)


class Encoder(StagedNetwork):
    """PyTorch's own encoder layer, which has a fused version for evaluation."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(2, 8, 2, stride=2)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 10, dropout=0.3, batch_first=True)
        self.classifier = nn.Linear(8, 3)
        fill(self)

    def forward_stages(self, x):
        tokens = self.encoder(self.embed(x).flatten(2).transpose(1, 2))
        return [tokens], self.classifier(tokens.mean(1))


def test_pytorchs_encoder_is_seen_with_and_without_gradients():
    names = ["attention_entropy", "activation_kernel", "norm_mean", "layer_macs", "sample_gram"]
    network, pixels = Encoder().double(), images().double()
    forward = measure(network, pixels, labels(), names)
    both = measure(network, pixels, labels(), [*names, "weight_grad"])
    for name in names:
        for a, b in zip(forward[name].value.segments, both[name].value.segments, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, err_msg=name)
    assert len(forward["norm_mean"].value.segments) == 2
    # 9 tokens: embed, in-projection, out-projection, two linear layers, classifier.
    macs = [64 * 9, 192 * 9, 64 * 9, 80 * 9, 80 * 9, 24]
    assert [float(s) for s in forward["layer_macs"].value.segments] == macs
    assert [s.size for s in both["weight_grad"].value.segments] == [64, 192, 64, 80, 80, 24]


def test_the_fused_encoder_is_never_used(monkeypatch):
    """It would give other last digits than the pass with gradients."""

    def fused(*_):
        raise AssertionError("fused")

    monkeypatch.setattr(torch, "_transformer_encoder_layer_fwd", fused)
    network = Encoder().eval()
    with torch.no_grad(), pytest.raises(AssertionError, match="fused"):
        network(images())
    measure(network, images(), labels(), ["sample_gram"], teacher=None)


class Normalised(StagedNetwork):
    """Normalises feature maps with channels at the end, in the middle, and single vectors."""

    def __init__(self):
        super().__init__()
        self.last, self.group = nn.LayerNorm(2), nn.GroupNorm(1, 2)
        self.vector, self.whole = nn.BatchNorm1d(2), nn.LayerNorm((2, 6, 6))
        self.classifier = nn.Linear(2, 3)

    def forward_stages(self, x):
        self.last(x.permute(0, 2, 3, 1))
        self.whole(self.group(x))
        stage = x * 2
        return [stage], self.classifier(self.vector(stage.mean((2, 3))))


def test_moments_are_those_of_channels_wherever_they_lie():
    found = measure(Normalised().double(), images().double(), labels(), ["norm_mean", "norm_var"])
    maps = images().double().numpy()
    centred = maps - maps.mean((1, 2, 3), keepdims=True)
    # GroupNorm of one group, whose output the last LayerNorm sees.
    whole = centred / np.sqrt((centred**2).mean((1, 2, 3), keepdims=True) + 1e-5)
    axes = (0, 2, 3)
    vectors = 2 * maps.mean((2, 3))
    for name, moment in (("norm_mean", np.mean), ("norm_var", np.var)):
        expected = [moment(maps, axes), moment(maps, axes), moment(whole, axes), moment(vectors, 0)]
        for segment, values in zip(found[name].value.segments, expected, strict=True):
            np.testing.assert_allclose(segment, values, rtol=1e-12, atol=1e-15)


def test_even_attention_has_full_entropy_and_rank_one():
    class Even(Encoder):
        def forward_stages(self, x):
            tokens = self.embed(x).flatten(2).transpose(1, 2)
            mixed = F.scaled_dot_product_attention(0 * tokens, tokens, tokens)
            return [mixed], self.classifier(mixed.mean(1))

    names = ["attention_entropy", "attention_rank"]
    found = measure(Even().double(), images().double(), labels(), names)
    assert float(found["attention_entropy"].value.segments[0]) == pytest.approx(1, abs=1e-12)
    assert float(found["attention_rank"].value.segments[0]) == pytest.approx(1, abs=1e-12)


def test_attention_to_oneself_has_no_entropy_and_full_rank():
    class Self(Encoder):
        def forward_stages(self, x):
            tokens = self.embed(x).flatten(2).transpose(1, 2)
            one_hot = 1e4 * torch.eye(9, dtype=x.dtype).expand(len(x), 9, 9)
            mixed = F.scaled_dot_product_attention(one_hot, one_hot, tokens)
            return [mixed], self.classifier(mixed.mean(1))

    names = ["attention_entropy", "attention_rank"]
    found = measure(Self().double(), images().double(), labels(), names)
    assert float(found["attention_entropy"].value.segments[0]) == pytest.approx(0, abs=1e-12)
    assert float(found["attention_rank"].value.segments[0]) == pytest.approx(9, rel=1e-12)
