"""The passes' own arithmetic, on networks of a few numbers and on tensors made by hand."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, fields
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from autodas.core.errors import InvalidInput
from autodas.statistics import Need, Unmeasurable
from autodas.statistics.passes import gaussian, gradients, information
from autodas.statistics.passes.blocks import BlockValues
from autodas.statistics.passes.extra_passes import ExtraPasses
from autodas.statistics.passes.layer_outputs import LayerOutputs, channels_first
from autodas.statistics.passes.losses import check_labels, labels_loss
from autodas.statistics.passes.noise_loss import NoiseLoss
from autodas.statistics.passes.probe import Probe
from autodas.statistics.passes.virtual import VirtualPass
from autodas.statistics.passes.weights import Layer, layers_of


def noise(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def classifier(*, norm=False):
    parts = [nn.Flatten(), nn.Linear(8, 5), nn.BatchNorm1d(5) if norm else nn.Tanh()]
    network = nn.Sequential(*parts, nn.Linear(5, 3)).double()
    for parameter in network.parameters():
        parameter.data = noise(*parameter.shape, seed=parameter.numel())
    return network, [network[1].weight, network[3].weight]


IMAGES, LABELS = noise(20, 2, 2, 2), torch.arange(20) % 3


def by_hand(loss, weights):
    return torch.autograd.grad(loss, weights)


# --- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("count", [7, 20])
@pytest.mark.parametrize("chunk", [8, 24, 40, 10**6])
def test_hessians_are_those_of_one_loss_however_the_images_are_taken(
    monkeypatch, norm, count, chunk
):
    """Images that meet in a normalisation are taken together, others as many as fit."""
    monkeypatch.setattr(gradients, "CHUNK", chunk)
    network, weights = classifier(norm=norm)
    direction = [noise(*weight.shape, seed=3) for weight in weights]
    some, known = IMAGES[:count], LABELS[:count]
    taken = []
    noted = network.register_forward_pre_hook(lambda _, given: taken.append(len(given[0])))
    found = gradients.hessian_products(network, weights, direction, some, known)
    noted.remove()
    assert max(taken) == min(16, count, *([] if norm else [chunk // 8]))
    loss = nn.functional.cross_entropy(network(some[:16]), known[:16])
    first = torch.autograd.grad(loss, weights, create_graph=True)
    # Of more than 16 images, the first 16 say the direction as well.
    along = [each.detach() for each in first] if count > 16 else direction
    total = sum((g * d).sum() for g, d in zip(first, along, strict=True))
    for product, expected in zip(found, by_hand(total, weights), strict=True):
        torch.testing.assert_close(product, expected)


def test_a_hessian_pass_is_made_once_for_each_direction(monkeypatch):
    asked = []
    monkeypatch.setattr(gradients, "hessian_products", lambda *given: asked.append(given[2]) or [])
    network, weights = classifier()
    needs = frozenset({Need.HESSIAN})
    extra = ExtraPasses(network, IMAGES, LABELS, layers_of(network), needs)
    one, other = ([noise(*weight.shape) for weight in weights] for _ in range(2))
    first = extra.hessian_products(one)
    assert extra.hessian_products(one) is first
    assert extra.hessian_products(other) is not first
    assert list(map(id, asked)) == [id(one), id(other)]


def test_halves_are_the_first_and_the_second():
    network, weights = classifier()
    found = gradients.half_gradients(network, weights, IMAGES[:5], LABELS[:5])
    for part, (start, end) in zip(found, ((0, 3), (3, 5)), strict=True):
        loss = nn.functional.cross_entropy(network(IMAGES[start:end]), LABELS[start:end])
        for gradient, expected in zip(part, by_hand(loss, weights), strict=True):
            torch.testing.assert_close(gradient, expected)
    assert len(gradients.half_gradients(network, weights, IMAGES[:2], LABELS[:2])) == 2
    with pytest.raises(Unmeasurable, match="one image has no two halves"):
        gradients.half_gradients(network, weights, IMAGES[:1], LABELS[:1])


@pytest.mark.parametrize("function", [gradients.half_gradients, gradients.sign_sums])
def test_parts_too_small_for_a_normalisation_are_a_reason(function):
    network, weights = classifier(norm=True)
    with pytest.raises(Unmeasurable, match="a part of the batch is too small for BatchNorm"):
        function(network, weights, IMAGES[:2], LABELS[:2])


def test_another_error_of_the_network_is_its_own():
    def refuse(*_):
        raise ValueError("no images on Mondays")

    network, weights = classifier()
    network.register_forward_pre_hook(refuse)
    with pytest.raises(ValueError, match="Mondays"):
        gradients.half_gradients(network, weights, IMAGES, LABELS)


@pytest.mark.parametrize("count", [3, 11])
def test_signs_of_single_images_add_up_over_the_first_eight(count):
    network, weights = classifier()
    found = gradients.sign_sums(network, weights, IMAGES[:count], LABELS[:count])
    signs = []
    for i in range(min(8, count)):
        loss = nn.functional.cross_entropy(network(IMAGES[i : i + 1]), LABELS[i : i + 1])
        signs.append([gradient.sign() for gradient in by_hand(loss, weights)])
    assert all(map(torch.equal, found, map(sum, zip(*signs, strict=True))))


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("count", [3, 11])
def test_tangents_are_inner_products_over_all_weights(norm, count):
    network, weights = classifier(norm=norm)
    found = gradients.tangent_kernel(network, weights, IMAGES[:count])
    rows = []
    for i in range(min(8, count)):
        total = network(IMAGES[: min(8, count)])[i].sum()
        rows.append(torch.cat([g.flatten() for g in by_hand(total, weights)]))
    torch.testing.assert_close(found, torch.stack(rows) @ torch.stack(rows).T)


def test_a_teacher_pulls_by_the_divergence_at_temperature_four():
    network, weights = classifier()
    teacher = 9 * noise(20, 3, seed=4)
    found = gradients.distillation_gradients(network, weights, IMAGES, teacher)
    s, t = ((each / 4).softmax(1) for each in (network(IMAGES), teacher))
    for gradient, expected in zip(
        found, by_hand((t * (t / s).log()).sum() / 20, weights), strict=True
    ):
        torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_as_many_constant_images_as_images(count):
    network, weights = classifier()
    found = gradients.constant_gradients(network, weights, IMAGES[:count])
    expected = by_hand(network(torch.ones_like(IMAGES[:count])).sum(), weights)
    for gradient, each in zip(found, expected, strict=True):
        torch.testing.assert_close(gradient, each)


# --- labels ---------------------------------------------------------------------------------------


def test_labels_say_which_loss_it_is():
    outputs, image, numbers = noise(2, 3), noise(2, 3, 4, 4), noise(2, 3, seed=1)
    shares = outputs.exp() / outputs.exp().sum(1, keepdim=True)
    expected = -(shares[0, 2].log() + shares[1, 0].log()) / 2
    assert float(labels_loss(outputs, torch.tensor([2, 0]))) == pytest.approx(float(expected))
    assert float(labels_loss(outputs, numbers)) == pytest.approx(
        float(((outputs - numbers) ** 2).sum() / 6)
    )
    assert float(labels_loss(image, 0 * image)) == pytest.approx(float(image.abs().sum() / 96))
    for known in (torch.tensor([2, 0]), numbers):
        check_labels(outputs, known)
    check_labels(image, torch.full((2, 4, 4), 2))
    for known, message in (
        (torch.tensor([3, 0]), "go up to 3, but the network has 3 classes"),
        (torch.tensor([2, 0, 1]), r"shape \(2, 3\) need labels of shape \(2,\), got \(3,\)"),
        (noise(2, 4), r"need labels of shape \(2, 3\), got \(2, 4\)"),
    ):
        with pytest.raises(InvalidInput, match=message):
            check_labels(outputs, known)


# --- information of weights -----------------------------------------------------------------------


@pytest.mark.parametrize("values", [[1.0, 2, 3, 4, 7, 9], [5.0], [0.0, 0, 1], list(range(40))])
def test_the_entropy_is_that_of_the_deciles_of_the_spectrum(values):
    turn = np.linalg.qr(noise(len(values), len(values)).numpy())[0]
    matrix = torch.from_numpy(turn @ np.diag(values) @ turn.T)
    deciles = np.quantile(values, np.arange(1, 10) / 10)
    shares = deciles[deciles > 0] / deciles.sum()
    expected = -(shares * np.log(shares)).sum() / math.log(9)
    assert information.spectrum_entropy(matrix) == pytest.approx(expected, abs=1e-6)


def test_a_layer_of_one_output_has_information():
    network = nn.Sequential(nn.Flatten(), nn.Linear(8, 1), nn.Linear(1, 3)).double()
    found = information.weight_information(network, IMAGES)
    assert found.shape == (4, 4)
    assert (found.diagonal() > 0).all()


def test_a_network_without_layers_has_no_information():
    with pytest.raises(Unmeasurable, match="no layers with weights"):
        information.weight_information(nn.Flatten(), IMAGES)


def test_no_information_has_no_entropy():
    assert information.spectrum_entropy(torch.zeros(3, 3)) == 0


@pytest.mark.parametrize("classes", [1, 2, 5])
def test_factors_are_those_of_the_covariance_of_smoothed_shares(classes):
    logits = 3 * noise(4, classes)
    logits[1] = -1000.0 * torch.arange(classes)
    p = 0.95 * logits.softmax(1).numpy() + 0.05 / classes
    for share, factor in zip(p, information.output_factors(logits).numpy(), strict=True):
        expected = np.diag(share) - np.outer(share, share)
        np.testing.assert_allclose(factor @ factor.T, expected, atol=1e-12)
        np.testing.assert_allclose(np.triu(factor, 1), 0)
        assert (np.diag(factor) >= 0).all()
        np.testing.assert_allclose(factor.sum(0), 0, atol=1e-12)


# --- Gaussian weights -----------------------------------------------------------------------------


def test_weights_are_drawn_one_after_the_other_and_biases_are_zero():
    network = nn.Sequential(
        nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.PReLU(3), nn.Linear(3, 4), nn.LayerNorm((2, 4))
    ).double()
    network.token, network.gain = nn.Parameter(noise(1, 3)), nn.Parameter(noise(3))
    network.again, network.tied = network[3], nn.Linear(3, 4).double()
    network.tied.weight = network[3].weight
    network[1].weight.data.fill_(5)
    found = gaussian.drawn(network, torch.Generator().manual_seed(3), len)
    generator = torch.Generator().manual_seed(3)
    draw = lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)  # noqa: E731
    conv, norm, prelu, linear, wide = list(network)[:5]
    expected = [
        (conv.weight, draw(3, 2, 2, 2) * 3),
        (linear.weight, draw(4, 3) * 4),
        *((m.bias, torch.zeros_like(m.bias)) for m in (conv, norm, linear, network.tied)),
        *((each, torch.ones_like(each)) for each in (norm.weight, prelu.weight)),
        *((each, each) for each in (wide.weight, network.token, network.gain)),
    ]
    for parameter, value in expected:
        assert torch.equal(found[id(parameter)], value)
        assert not found[id(parameter)].requires_grad
    assert len(found) == len(expected) + 1


# --- outputs of layers ----------------------------------------------------------------------------


def layer(module):
    return Layer("one.weight", module.weight, module)


def test_the_least_eigenvalue_is_that_of_the_channels_correlations():
    conv = nn.Conv2d(1, 3, 1)
    positions = noise(2, 3, 2, 3)
    seen = LayerOutputs()
    seen(conv, (), positions)
    expected = np.linalg.eigvalsh(np.corrcoef(positions[0].flatten(1)))[0]
    assert seen.least_eigenvalue(layer(conv)) == pytest.approx(expected)
    seen(conv, (), positions)
    assert seen.least_eigenvalue(layer(conv)) == pytest.approx(2 * expected)
    assert seen.least_eigenvalue(layer(nn.Linear(1, 1))) == 0
    for nothing in (noise(2, 3, 1, 3), torch.cat([positions[:, :2], 7 + 0 * positions[:, :1]], 1)):
        seen = LayerOutputs()
        seen(conv, (), nothing)
        assert seen.least_eigenvalue(layer(conv)) == 0


def test_fisher_information_is_half_the_squared_sum_of_what_meets():
    linear, seen = nn.Linear(2, 3).double(), LayerOutputs()
    linear.register_forward_hook(seen)
    tokens, pulls = noise(4, 5, 2), noise(4, 5, 3, seed=1)
    outputs = [linear(tokens), linear(2 * tokens)]
    (outputs[0] * pulls).sum().backward(retain_graph=True)  # not of the loss
    assert seen.fisher(layer(linear)) == 0
    seen.listening = True
    sum((each * pulls).sum() for each in outputs).backward()
    met = [(each.detach() * pulls).sum(1) for each in outputs]
    expected = 2 * sum(float((each**2).mean(0).sum() / 2) for each in met)
    assert seen.fisher(layer(linear)) == pytest.approx(expected)


def test_outputs_that_are_overwritten_have_no_information():
    linear, seen = nn.Linear(2, 3), LayerOutputs()
    linear.register_forward_hook(seen)
    seen.listening = True
    linear(torch.ones(4, 2)).mul_(2).sum().backward()
    with pytest.raises(Unmeasurable, match="overwrites the outputs of its layers"):
        seen.fisher(layer(linear))


def test_channels_come_first_wherever_they_lie():
    maps, tokens, rows = noise(2, 3, 4, 5), noise(2, 4, 5, 3), noise(2, 3)
    assert torch.equal(channels_first(nn.Conv2d(1, 1, 1), maps), maps.reshape(2, 3, 20))
    expected = tokens.reshape(2, 20, 3).transpose(1, 2)
    assert torch.equal(channels_first(nn.Linear(1, 1), tokens), expected)
    assert torch.equal(channels_first(nn.Linear(1, 1), rows), rows[:, :, None])


# --- what is found --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [NoiseLoss, VirtualPass, BlockValues], ids=lambda k: k.__name__)
def test_what_a_pass_has_found_cannot_be_replaced(kind):
    """Several statistics look at it, one after the other."""
    found = kind(*fields(kind))
    with pytest.raises(FrozenInstanceError):
        setattr(found, fields(kind)[0].name, None)


# --- the probe ------------------------------------------------------------------------------------


def test_input_gradients_that_tell_nothing_apart_correlate_with_all():
    jacobian = 1e-3 * noise(5, 30)
    jacobian[1], jacobian[3] = 7.0, 0.0
    jacobian[4] = 1e-5 * jacobian[4] + 1  # still differs from a constant
    found = Probe.jacobian_correlation.func(SimpleNamespace(jacobian=jacobian.float()))
    expected = np.ones((5, 5))
    expected[np.ix_([0, 2], [0, 2])] = np.corrcoef(jacobian[[0, 2]].float())
    np.testing.assert_allclose(found[:4, :4], expected[:4, :4], rtol=1e-6)


@pytest.mark.parametrize(("known", "teacher"), [(4, None), (6, None), (5, 4), (5, 6), (4, 4)])
def test_images_labels_and_teacher_are_as_many(known, teacher):
    network, _ = classifier()
    signals = None if teacher is None else SimpleNamespace(images=IMAGES[:teacher])
    told = f"but got {known} labels" + (f" and a teacher on {teacher} images" if teacher else "$")
    with pytest.raises(InvalidInput, match=f"^5 images need as many labels .*{told}"):
        Probe(network, IMAGES[:5], LABELS[:known], ["forward"], signals)


def test_units_agree_on_both_sides_of_zero():
    calls = [torch.tensor([[1, 0, 1], [1, 1, 0], [0, 0, 0]]).bool(), torch.zeros(3, 2).bool()]
    seen = SimpleNamespace(images=torch.zeros(3, 1), activation_signs=calls)
    agreeing, units = Probe.agreements.func(seen)
    assert units == 5
    assert agreeing.tolist() == [[5, 3, 3], [3, 5, 3], [3, 3, 5]]
