"""Networks that write, remember and draw are measured as plain twins, and left as they were."""

import copy
import random

import numpy as np
import torch
import torch.nn.functional as F
from statistics_toys import CHANNELS, CLASSES, SIDE, ToyCNN, images, labels, signals
from statistics_twins import OWN, assert_alike, measured
from torch import nn
from torch.nn.utils import prune

from autodas.networks import count
from autodas.statistics import TeacherSignals, measure
from autodas.statistics.passes.probe import Probe
from autodas.students import wrap


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


class Twice(ToyCNN):
    """Looks at the means of its last stage before it looks at the largest numbers."""

    def forward_stages(self, x):
        stages, _ = super().forward_stages(x)
        return stages, self.classifier(stages[-1].amax((2, 3)))


def test_what_the_classifier_sees_last_counts():
    with Probe(Twice(), images(), labels(), ["forward", "classifier"]) as probe:
        found = probe.classifier_input
    expected = probe.stages[-1].amax((2, 3))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(signals(Twice()).classifier_input, expected)
