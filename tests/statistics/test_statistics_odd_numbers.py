"""Numbers that are whole, complex or of another precision, and what is no stage."""

import pytest
import torch
from statistics_toys import CLASSES, ToyCNN, images, labels, signals
from statistics_twins import assert_alike, measured, reasons
from torch import nn

from autodas.core.errors import InvalidInput
from autodas.statistics import measure


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
