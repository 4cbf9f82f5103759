"""Networks with a will of their own: each is measured as its plain twin, and left as it was."""

import copy
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from statistics_toys import CHANNELS, CLASSES, SIDE, ToyCNN, ToyViT, fill, images, labels, signals
from torch import nn
from torch.nn.utils import prune

from autodas.core.errors import InvalidInput
from autodas.core.results import Failed, Ok
from autodas.networks import StagedNetwork, count
from autodas.statistics import STATISTICS, TeacherSignals, measure
from autodas.statistics.passes.gaussian import drawn
from autodas.statistics.passes.information import output_factors, weight_information
from autodas.statistics.passes.noise import noise_like
from autodas.students import wrap

OWN = [s.name for s in STATISTICS if s.measure.__module__.startswith("autodas.")]

ROUNDED = {"signed_saliency", "constant_gradient_inverse"}
"""Sums of what cancels, and counts of what is exactly zero."""


def measured(network, names=OWN):
    return measure(network, images(), labels(), names, teacher=signals(ToyViT()))


def assert_alike(found, expected, but=()):
    for name, value in expected.items():
        if name in but or name in ROUNDED:
            continue
        assert type(found[name]) is type(value), (name, found[name], value)
        if isinstance(value, Ok):
            for a, b in zip(found[name].value.segments, value.value.segments, strict=True):
                atol = 1e-6 * np.abs(b).max()
                np.testing.assert_allclose(a, b, rtol=2e-4, atol=atol, err_msg=name)


def reasons(found):
    return {name: value.reason for name, value in found.items() if isinstance(value, Failed)}


@pytest.fixture(scope="module")
def toy():
    return measured(ToyCNN())


# --- what they do to their images, and to themselves -------------------------------------------


class Normalising(ToyCNN):
    """Writes into the images that it is given."""

    def forward_stages(self, x):
        return super().forward_stages(x.sub_(0.5).div_(0.25))


class Normalised(ToyCNN):
    def forward_stages(self, x):
        return super().forward_stages((x - 0.5) / 0.25)


def test_what_a_network_writes_into_its_images_nobody_else_sees():
    pixels = images()
    teacher = TeacherSignals(Normalising(), pixels, labels(), trained=False, digest="toy")
    found = measure(Normalising(), pixels, labels(), OWN, teacher=teacher)
    assert torch.equal(pixels, images())
    assert_alike(
        found, measure(Normalised(), images(), labels(), OWN, teacher=signals(Normalised()))
    )
    plain = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(2, 4, 3), nn.Flatten(), nn.Linear(64, 3))
    assert count(plain, pixels[:1]).macs == 4 * 16 * 18 + 192
    assert torch.equal(pixels, images())
    assert len(wrap(plain, input_shape=(2, 6, 6)).stages) == 2


class Remembering(ToyCNN):
    """Counts its images, keeps what it saw last, and lets its state decide."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("calls", torch.tensor(0))
        self.seen, self.last = 0, None

    def forward_stages(self, x):
        stages, outputs = super().forward_stages(x)
        self.mean += stages[0].detach().mean((0, 2, 3)).to(self.mean.dtype)
        self.calls = self.calls + 1
        self.seen += len(x)
        self.last, self.new = outputs, outputs.detach()
        return stages, outputs * (self.seen + random.random() + np.random.rand())


def state(network):
    return [
        ({k: v if isinstance(v, int) else id(v) for k, v in vars(m).items()}, dict(m._buffers))
        for m in network.modules()
    ], copy.deepcopy(network.state_dict())


def assert_as_before(network, before):
    held, values = state(network)
    assert [own for own, _ in held] == [own for own, _ in before[0]]
    for (_, buffers), (_, old) in zip(held, before[0], strict=True):
        assert all(buffers[name] is tensor for name, tensor in old.items())
    assert all(torch.equal(values[name], tensor) for name, tensor in before[1].items())


def test_what_a_network_keeps_is_put_back():
    network, teacher = Remembering(), Remembering()
    before, of_teacher = state(network), state(teacher)
    random_numbers = random.getstate(), np.random.get_state()[1].tolist()
    measure(network, images(), labels(), OWN, teacher=signals(teacher))
    count(network, images()[:1])
    wrap(network.train(), input_shape=(CHANNELS, SIDE, SIDE))
    assert_as_before(network, before)
    assert_as_before(teacher, of_teacher)
    assert random_numbers == (random.getstate(), np.random.get_state()[1].tolist())


class Plain(nn.Module):
    """The same without stages."""

    def __init__(self):
        super().__init__()
        self.inner = Remembering()

    def forward(self, x):
        return self.inner(x)


def test_what_a_plain_network_keeps_is_put_back():
    network = Plain()
    before = state(network)
    wrap(network, input_shape=(CHANNELS, SIDE, SIDE))
    assert_as_before(network, before)


def test_no_statistic_depends_on_what_others_left_in_the_network():
    together = measured(Remembering())
    for name in OWN:
        assert_alike(measured(Remembering(), [name]), {name: together[name]})


class Merging(nn.Linear):
    """Adds a product to its weight in evaluation mode, as LoRA does, and takes it off again."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.low = nn.Parameter(torch.ones(outputs, inputs))
        self.merged = False

    def train(self, mode=True):
        super().train(mode)
        if mode == self.merged:
            self.weight.data += -self.low if mode else self.low
            self.merged = not mode
        return self

    def forward(self, x):
        return super().forward(x) + (0 if self.merged else F.linear(x, self.low))


def test_a_weight_that_evaluation_mode_changes_is_left_as_it_was():
    network = ToyCNN()
    network.classifier = Merging(20, CLASSES)
    before = state(network)
    measured(network)
    assert_as_before(network, before)
    plain = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), Merging(64, CLASSES))
    before = state(plain)
    wrap(plain, input_shape=(2, 6, 6))
    assert_as_before(plain, before)


def test_a_weight_that_a_hook_computes_is_left_as_it_was():
    network = ToyCNN()
    prune.l1_unstructured(network.conv2, "weight", 0.3)
    before = state(network)
    measured(network)
    assert_as_before(network, before)


class Named(ToyCNN):
    """Calls its layers by the names of their arguments."""

    def forward_stages(self, x):
        first = F.relu(self.bn1(input=self.conv1(input=x)))
        second = self.relu(input=self.bn2(input=self.conv2(input=first)))
        return [first, second], self.classifier(input=second.mean((2, 3)))


def test_layers_are_called_by_place_or_by_name(toy):
    assert_alike(measured(Named()), toy)
    teacher = {
        name: signals(kind()).classifier_input for name, kind in (("a", Named), ("b", ToyCNN))
    }
    assert torch.equal(teacher["a"], teacher["b"])


# --- stages and outputs without a gradient ----------------------------------------------------


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


# --- layers that are used in another way than by being called ------------------------------------


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


# --- layers that do more than their class says ---------------------------------------------------


class Padding(nn.Conv2d):
    """Pads its images itself, as TensorFlow does."""

    def forward(self, x):
        return F.conv2d(F.pad(x, (1, 1, 1, 1)), self.weight)


class Acting(nn.BatchNorm2d):
    """An activation is part of it."""

    def forward(self, x):
        return super().forward(x).relu()


class ChannelsFirst(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def changed(act=torch.relu, **layers):
    class Changed(ToyCNN):
        def forward_stages(self, x):
            first = act(self.bn1(self.conv1(x)))
            second = act(self.bn2(self.conv2(first)))
            return [first, second], self.classifier(second.mean((2, 3)))

    network = Changed()
    for name, layer in layers.items():
        setattr(network, name, layer)
    fill(network)
    return network


SUBCLASSES = {
    "padding": {"conv1": Padding(CHANNELS, 3, 3, bias=False)},
    "acting": {"bn1": Acting(3), "bn2": Acting(20)},
}


@pytest.mark.parametrize("what", SUBCLASSES)
def test_vkdnw_sees_what_a_subclass_does(what):
    values = [
        float(measured(network, ["information_rank"])["information_rank"].value.segments[0])
        for network in (changed(**SUBCLASSES[what]), changed())
    ]
    assert values[0] == pytest.approx(values[1], abs=1e-5)


NORMS = {
    "channels first": lambda: ChannelsFirst(3),
    "whole maps": lambda: nn.LayerNorm([3, SIDE, SIDE]),
    "instances": lambda: nn.InstanceNorm2d(3, affine=True),
    "without running statistics": lambda: nn.BatchNorm2d(3, track_running_stats=False),
    "in a circle": None,
}


def information(network, noise):
    """Of single images: gradients of the logits at the first entries, from finite differences."""
    network.eval()
    columns = []
    with torch.no_grad():
        base = torch.cat([network(image) for image in torch.split(noise, 1)])
        for parameter in network.parameters():
            first, step = parameter.view(-1)[:1], 1e-6
            first += step
            changed = torch.cat([network(image) for image in torch.split(noise, 1)])
            first -= step
            columns.append((changed - base) / step)
    return base, torch.stack(columns)


@pytest.mark.parametrize("norm", NORMS)
def test_vkdnw_is_that_of_single_images(norm):
    if NORMS[norm]:
        network = changed(torch.tanh, bn1=NORMS[norm]()).double()
    else:
        circle = nn.Conv2d(CHANNELS, 3, 3, padding=1, bias=False, padding_mode="circular")
        network = changed(torch.tanh, conv1=circle).double()
    before = copy.deepcopy(network.state_dict())
    pixels = images().double()
    found = weight_information(network, pixels)
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in before.items())
    drawn_weights = drawn(
        network, torch.Generator().manual_seed(0), lambda w: (2 / w[0].numel()) ** 0.5
    )
    twin = copy.deepcopy(network)
    with torch.no_grad():
        for mine, other in zip(network.parameters(), twin.parameters(), strict=True):
            other.copy_(drawn_weights[id(mine)])
    logits, gradients = information(twin, noise_like(pixels, 16))
    expected = 0
    for n in range(len(logits)):
        half = output_factors(logits[n : n + 1])[0] @ gradients[:, n].T
        expected = expected + half.T @ half / len(logits)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))


def test_every_normalisation_of_maps_shows_its_moments():
    for norm in (nn.InstanceNorm2d(3), nn.GroupNorm(1, 3), nn.BatchNorm2d(3), ChannelsFirst(3)):
        network = changed(bn1=norm)
        found = measured(network, ["norm_mean"])["norm_mean"]
        maps = network.conv1(images()).detach()
        np.testing.assert_allclose(found.value.segments[0], maps.mean((0, 2, 3)), rtol=1e-4)


def test_instances_are_normalised_as_in_a_training():
    kept = nn.InstanceNorm2d(3, affine=True, track_running_stats=True)
    assert_alike(
        measured(changed(bn1=kept)),
        measured(changed(bn1=nn.InstanceNorm2d(3, affine=True))),
        but={"information_rank"} | {n for n in OWN if "virtual" in n},  # those see running ones
    )


class Vector(ToyCNN):
    """Normalises the vectors before its classifier over the batch, whatever the mode."""

    def __init__(self):
        super().__init__()
        self.vectors = nn.BatchNorm1d(20, track_running_stats=False)

    def forward_stages(self, x):
        stages, _ = super().forward_stages(x)
        return stages, self.classifier(self.vectors(stages[1].mean((2, 3))))


def test_what_cannot_be_run_on_a_single_image_is_unmeasurable():
    names = ["virtual_output", "information_rank", "macs", "sign_agreement", "saliency"]
    assert reasons(measured(Vector(), names)) == dict.fromkeys(
        names[:-1], "a part of the batch is too small for BatchNorm"
    )


# --- other numbers -------------------------------------------------------------------------------


class Ordered(ToyCNN):
    """Reorders and masks its logits by parameters that are no weights."""

    def __init__(self):
        super().__init__()
        self.order = nn.Parameter(torch.tensor([2, 0, 1]), requires_grad=False)
        self.mask = nn.Parameter(torch.tensor([True] * 3), requires_grad=False)

    def forward_stages(self, x):
        stages, outputs = super().forward_stages(x)
        return stages, outputs[:, self.order] * self.mask


def test_whole_numbers_are_no_weights(toy):
    names = ["virtual_output", "virtual_saliency", "log_virtual_saliency", "tangent_kernel"]
    assert_alike(measured(Ordered(), names), {name: toy[name] for name in names})
    kernel = measure(
        ToyCNN(), images(), labels(), ["tangent_alignment"], teacher=signals(Ordered())
    )
    assert float(kernel["tangent_alignment"].value.segments[0]) == pytest.approx(1, abs=1e-5)


class Promoting(ToyCNN):
    """A buffer of double precision makes its logits double."""

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.ones(CLASSES, dtype=torch.float64))

    def forward_stages(self, x):
        stages, outputs = super().forward_stages(x)
        return stages, outputs * self.scale


def test_a_part_in_another_precision_changes_no_value(toy):
    assert_alike(measured(Promoting()), toy)


class Complex(ToyCNN):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(20, 20, dtype=torch.complex64)

    def forward_stages(self, x):
        stages, _ = super().forward_stages(x)
        mixed = self.mix(stages[1].mean((2, 3)).to(torch.complex64))
        return stages, self.classifier(mixed.abs())


def test_complex_weights_are_refused_by_what_wants_real_ones():
    found = reasons(measured(Complex()))
    for name in ("weight", "weight_spectrum", "saliency", "sign_agreement", "virtual_output"):
        assert found[name] == "the weight of mix is of complex numbers"


def showing(stages, outputs):
    class Showing(ToyCNN):
        def forward_stages(self, x):
            found = super().forward_stages(x)
            return stages(found[0]), outputs(found[1])

    return Showing()


@pytest.mark.parametrize(
    ("stages", "outputs", "message"),
    [
        (list, lambda y: (y, y), "must put out logits (images, classes), it gives a tuple"),
        (list, lambda y: {"logits": y}, "it gives a dict"),
        (list, lambda y: torch.complex(y, y), "it gives complex numbers"),
        (lambda _: [], lambda y: y, "the network shows no stage"),
        (lambda s: [s[0], s[1].mean((2, 3))], lambda y: y, "stage 2 must be feature maps"),
        (lambda s: [s[0][:, None]], lambda y: y, "stage 1 must be feature maps"),
        (lambda s: [(s[0], 1)], lambda y: y, "it is tuple"),
    ],
)
def test_what_no_network_may_show_is_refused_in_one_line(stages, outputs, message):
    with pytest.raises(InvalidInput) as said:
        measured(showing(stages, outputs))
    assert message in str(said.value)
    assert "\n" not in str(said.value)
    if not isinstance(outputs(torch.zeros(1, 3)), torch.Tensor):
        with pytest.raises(InvalidInput, match="must put out logits"):
            measured(showing(stages, outputs), ["virtual_output"])
