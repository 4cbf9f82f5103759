"""Statistics of a student on a few numbers made by hand, those with nothing to see in them too."""

from __future__ import annotations

from types import SimpleNamespace as Known

import numpy as np
import pytest
import scipy.special
import torch
from torch import nn

from autodas.statistics import STATISTICS, Unmeasurable
from autodas.statistics.definitions import graphs, intrinsic, saliency, tangents, whole_network
from autodas.statistics.passes.attention_calls import AttentionSummary
from autodas.statistics.passes.weights import Layer, layers_of

WEIGHTS = ((3, 2, 2, 2), (4, 3), (2, 4))  # a convolution and two linear layers


def noise(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def double(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def probe_of(*layers, **known):
    network = nn.Sequential(*layers).double()
    for parameter in network.parameters():
        parameter.data = noise(*parameter.shape, seed=parameter.numel())
    network.classifier = layers[-1] if layers else None
    gradients = [noise(*layer.weight.shape, seed=7) for layer in layers_of(network)]
    defaults = {"network": network, "layers": layers_of(network), "weight_gradients": gradients}
    return Known(**{**defaults, **known})


def three_layers(**known):
    return probe_of(nn.Conv2d(2, 3, 2), nn.Linear(3, 4), nn.Linear(4, 2), **known)


def arrays(probe):
    pairs = zip(probe.layers, probe.weight_gradients, strict=True)
    return [(layer.weight.detach().numpy(), gradient.numpy()) for layer, gradient in pairs]


# --- one number per layer -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statistic", "formula"),
    [
        (saliency.weight_norm, lambda w, _: np.sqrt((w * w).sum())),
        (saliency.gradient_norm, lambda _, g: np.sqrt((g * g).sum())),
        (saliency.saliency, lambda w, g: np.abs(w * g).sum()),
        (saliency.signed_saliency, lambda w, g: (w * g).sum()),
    ],
)
def test_sums_over_a_layer(statistic, formula):
    probe = three_layers()
    assert statistic(probe) == pytest.approx([formula(*pair) for pair in arrays(probe)])


def test_sums_over_a_layer_with_gradients_of_further_passes():
    others = [noise(*shape, seed=3) for shape in WEIGHTS]
    asked = []

    def hessian_products(direction):
        asked.append(direction)
        return others

    extra = Known(hessian_products=hessian_products, virtual=Known(gradients=others))
    probe = three_layers(extra=extra)
    products = [layer.weight.detach() * g for layer, g in zip(probe.layers, others, strict=True)]
    expected = [float(each.sum()) for each in products]
    assert saliency.hessian_saliency(probe) == pytest.approx(expected)
    assert asked == [probe.weight_gradients]
    expected = [float(each.abs().sum()) for each in products]
    assert saliency.virtual_saliency(probe) == pytest.approx(expected)


def test_what_layers_put_out_is_read_for_each_weight_or_there_is_a_reason():
    probe = three_layers(extra=Known(noise_loss=Known(log_participation=[1.0, 2, 0], unseen="")))
    place = lambda layer: float(probe.layers.index(layer))  # noqa: E731
    probe.layer_outputs = Known(fisher=place, least_eigenvalue=place)
    assert saliency.fisher_information(probe) == [0, 1, 2]
    assert saliency.least_correlation(probe) == [0, 1, 2]
    assert saliency.log_participation(probe) == [1, 2, 0]
    probe.extra.noise_loss.unseen = "nobody calls it"
    with pytest.raises(Unmeasurable, match="nobody calls it"):
        saliency.log_participation(probe)


def test_synflow_of_outputs_that_no_number_holds():
    gradients = [noise(*shape, seed=3) for shape in WEIGHTS]
    for log_output in (-2.0, 0.5, 5000.0):
        virtual = Known(log_output=log_output, gradients=gradients)
        probe = three_layers(extra=Known(virtual=virtual), weight_gradients=gradients)
        found = saliency.log_virtual_saliency(probe)
        expected = [
            (np.abs(w) * np.logaddexp(0, np.log(np.abs(g)) + log_output)).sum()
            for w, g in arrays(probe)
        ]
        assert found == pytest.approx(expected)


def test_projections_of_attention_count_by_their_nuclear_norms():
    attention = nn.MultiheadAttention(4, 2)
    layers = [
        nn.Conv2d(4, 4, 1),  # keeps the width, but is no projection
        nn.Linear(4, 4),
        nn.Linear(4, 5),
        attention,  # and its output projection
        nn.Linear(4, 4),  # the classifier
    ]
    probe = probe_of(*layers, attentions=["one"])
    wide = nn.Linear(4, 6).double()
    probe.layers.append(Layer("a.qkv.weight", wide.weight, wide))
    gradients = [noise(*layer.weight.shape, seed=5) for layer in probe.layers]
    probe.extra = Known(virtual=Known(gradients=gradients))
    projects = [False, True, False, True, True, False, True]
    expected = [
        np.prod([np.linalg.svd(m.detach().numpy(), compute_uv=False).sum() for m in pair])
        if both
        else np.abs((pair[0] * pair[1]).detach().numpy()).sum()
        for pair, both in zip(
            [(la.weight, g) for la, g in zip(probe.layers, gradients, strict=True)],
            projects,
            strict=True,
        )
    ]
    assert saliency.diversity_saliency(probe) == pytest.approx(expected)


HALVES = [
    [double(0.3, -0.1, 0.2, 0), double(1.0, 1), double(0.0), double(-0.4, 0)],
    [double(0.1, -0.1, -0.5, 0), double(1.0, 1), double(0.0), double(0.4, 0.2)],
]


def test_gradients_that_both_halves_agree_about_are_left_out():
    """Mean |g| over the deviation of g, and one over that of |g|, by entries."""
    probe = Known(extra=Known(half_gradients=HALVES))
    found = saliency.gradient_stability(probe)
    assert found == pytest.approx([np.log(2 / 1 + 3.5 / 3.5), 0, 0, np.log(4 / 4 + 1 / 1)])
    found = saliency.gradient_steadiness(probe)
    assert found == pytest.approx([np.log(10 / 1 + 10 / 1.5), 0, 0, np.log(10)])


def test_signs_count_wherever_they_lean():
    probe = Known(extra=Known(sign_sums=[double(3.0, -2, 0), double(-1.0)]))
    assert saliency.sign_agreement(probe) == [5, 1]


def test_gradients_of_constant_images_are_turned_over():
    gradients = [double(0.0, 3, -1).reshape(3, 1, 1, 1), noise(4, 3)]
    probe = probe_of(nn.Conv2d(1, 3, 1), nn.Linear(3, 4), extra=Known(constant_gradients=gradients))
    expected = [1 / ((1 / 2 + 3 / 4 + 1 / 2) / 3), 0]
    assert saliency.constant_gradient_inverse(probe) == pytest.approx(expected, rel=1e-8)
    nothing = torch.full((3, 1, 1, 1), 1e-30, dtype=torch.float64)
    probe.extra = Known(constant_gradients=[nothing, noise(4, 3)])
    assert saliency.constant_gradient_inverse(probe) == pytest.approx([1e9, 0])


def test_softmaxes_are_those_over_the_outputs_of_convolutions():
    gradients = [noise(3, 2, 2, 2), noise(4, 3), noise(1, 3, 1, 1)]
    layers = [nn.Conv2d(2, 3, 2), nn.Linear(3, 4), nn.Conv2d(3, 1, 1)]
    probe = probe_of(*layers, weight_gradients=gradients)
    logs = scipy.special.log_softmax(gradients[0].numpy(), axis=0)
    assert saliency.log_softmax_norm(probe) == pytest.approx([np.linalg.norm(logs), 0, 0])
    assert saliency.log_softmax_tanh(probe) == pytest.approx([np.abs(np.tanh(logs)).mean(), 0, 0])
    shares = scipy.special.softmax(scipy.special.expit(gradients[0].numpy()), axis=0)
    # Of a single channel the logarithm is 0, and so is that of it, as published.
    expected = [np.log(-np.log(shares)).mean(), 0, 0]
    assert saliency.log_log_softmax(probe) == pytest.approx(expected)


# --- gradients and tangents of two networks -------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "taught", "agreement"),
    [
        ([3.0, 0, 0], [2.0, 2, 1], 2 / 3),
        ([3.0, 0, 4], [-3.0, 0, -4], -1),
        ([0.0, 0, 2e-6], [0.0, 0, 1], 1),
        ([0.0, 0, 5e-7], [0.0, 0, 1], -1),
        ([0.0, 0, 1], [0.0, 0, 5e-7], -1),
        ([0.0, 0, 5e-4], [0.0, 0, 1e3], -1),
        ([0.0, 0, 2e-9], [0.0, 0, 1e-3], 1),
        ([0.0, 0, 0], [0.0, 0, 0], -1),
    ],
)
def test_gradients_agree_unless_one_is_nothing(labels, taught, agreement):
    halves = lambda numbers: [double(numbers[:2]), double(numbers[2])]  # noqa: E731
    logits = noise(4, 3)
    asked = {}

    def distillation_gradients(teacher):
        asked["teacher"] = teacher
        return halves(taught)

    probe = Known(
        logits=logits,
        teacher=Known(logits=2 * logits),
        weight_gradients=halves(labels),
        extra=Known(distillation_gradients=distillation_gradients),
    )
    assert tangents.gradient_agreement(probe) == pytest.approx([agreement])
    assert torch.equal(asked["teacher"], 2 * logits)


def of_kernels(student, teacher):
    return Known(extra=Known(tangent_kernel=student), teacher=Known(tangent_kernel=teacher))


def test_tangent_kernels_are_aligned_about_their_means():
    s, t = (noise(4, 6, seed=seed) for seed in (0, 1))
    s, t = s @ s.T + 50, t @ t.T + noise(4, 1, seed=2) + noise(1, 4, seed=2)
    centre = np.eye(4) - 1 / 4
    a, b = (centre @ each.numpy() @ centre for each in (s, t))
    expected = np.trace(a.T @ b) / np.linalg.norm(a) / np.linalg.norm(b)
    assert tangents.tangent_alignment(of_kernels(s, t)) == pytest.approx([expected])


def test_kernels_that_tell_no_images_apart_are_not_aligned():
    kernel = noise(4, 6) @ noise(4, 6).T
    even = torch.full((4, 4), 7.0, dtype=torch.float64)
    nearly = even + 1e-7 * kernel
    for nothing in (even, nearly, 0 * even):
        assert tangents.tangent_alignment(of_kernels(nothing, kernel)) == [0]
        with pytest.raises(Unmeasurable, match="teacher's tangent kernel tells no images apart"):
            tangents.tangent_alignment(of_kernels(kernel, nothing))
    enough = even + 1e-4 * kernel
    assert tangents.tangent_alignment(of_kernels(enough, kernel)) == pytest.approx([1])


# --- attention and spectra ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shares", "rank"),
    [
        ([[0.25] * 4], 1),  # a single query, whose singular value is 1 / 2
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], 3),
        ([[1, 0], [1, 0]], 1),
        ([[0.8, 0.2], [0.2, 0.8]], np.exp(-(np.log(1 / 1.6) + 0.6 * np.log(0.6 / 1.6)) / 1.6)),
        ([[0.0, 0], [0, 0]], 1),
    ],
)
def test_attention_has_the_rank_of_its_mean_map(shares, rank):
    mean = double(*shares)
    probe = Known(attentions=[Known(summary=AttentionSummary(0.3, mean))])
    assert intrinsic.attention_rank(probe) == pytest.approx([rank])


def test_entropy_of_attention_is_a_share_of_the_largest():
    seen = [Known(summary=AttentionSummary(h, noise(2, n))) for h, n in ((0.3, 5), (0.0, 1))]
    found = intrinsic.attention_entropy(Known(attentions=seen))
    assert found == pytest.approx([0.3 / np.log(5), 0])


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
def test_singular_values_are_those_of_either_side(shape):
    matrix = noise(*shape)
    found = intrinsic.singular_values(matrix.float())
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, np.linalg.svd(matrix.float(), compute_uv=False), rtol=1e-5)
    assert intrinsic.singular_values(0 * matrix).tolist() == [0] * min(shape)


# --- the whole network ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("eigenvalues", "condition"),
    [
        ([1, 2, 8], np.log(8)),
        ([2e-5, 1, 1], np.log(5e4)),
        ([0.5e-5, 1, 1], np.log(1e5)),
        ([-1e-9, 1, 3], np.log(1e5)),
        ([0, 0, 0], np.log(1e5)),
        ([0.5, 0.5, 0.5], 0),
    ],
)
def test_the_condition_of_a_kernel_ends_at_what_single_precision_tells(eigenvalues, condition):
    kernel = torch.diag(double(*eigenvalues))
    found = whole_network.tangent_condition(Known(extra=Known(tangent_kernel=kernel)))
    assert found == pytest.approx([condition])


def test_images_with_the_same_activations_count_once():
    signs = torch.tensor([[1, 0, 0, 1], [1, 0, 0, 1], [0, 1, 1, 1], [1, 0, 1, 1]])
    agreeing = (signs[:, None] == signs).sum(2).double()
    probe = Known(agreements=(agreeing, 4))
    assert whole_network.linear_regions(probe) == [3]
    values = np.linalg.eigvalsh(agreeing.numpy())
    assert min(values) < 0.5
    expected = sum(np.log(value) for value in values if value > 1)
    assert whole_network.activation_log_det(probe) == pytest.approx([expected])


def test_correlations_of_gradients_spread_unless_images_are_the_same():
    correlation = double([1, 1, 0.5], [1, 1, 0.5], [0.5, 0.5, 1])
    values = np.maximum(np.linalg.eigvalsh(correlation), 0) + 1e-5
    expected = -(np.log(values) + 1 / values).sum()
    found = whole_network.jacobian_spread(Known(jacobian_correlation=correlation))
    assert found == pytest.approx([expected], rel=1e-6)
    # A rounding below zero is zero.
    shaken = torch.diag(double(-5e-6, 1, 1))
    expected = -(np.log(1e-5) + 1e5 + 2 * (np.log1p(1e-5) + 1 / (1 + 1e-5)))
    found = whole_network.jacobian_spread(Known(jacobian_correlation=shaken))
    assert found == pytest.approx([expected])


def test_blocks_give_their_steps_and_balance_or_a_reason():
    blocks = Known(entropies=[1.0, 3.0], step=2.0, trainability=[-1.0, -4.0, -1.0])
    probe = Known(extra=Known(blocks=blocks))
    assert whole_network.block_entropy(probe) == [1, 3]
    assert whole_network.entropy_step(probe) == [2]
    assert whole_network.gradient_balance(probe) == [-2]
    blocks.step, blocks.trainability = None, []
    with pytest.raises(Unmeasurable, match="no two blocks or stages"):
        whole_network.entropy_step(probe)
    with pytest.raises(Unmeasurable, match="no gradient passes between comparable blocks"):
        whole_network.gradient_balance(probe)
    blocks.step = 0.0
    assert whole_network.entropy_step(probe) == [0]


@pytest.mark.parametrize(
    ("statistic", "feature"),
    [
        (graphs.graph_operations, "counts"),
        (graphs.graph_shortest, "shortest"),
        (graphs.graph_longest, "longest"),
        (graphs.graph_leaving, "leaving_input"),
        (graphs.graph_entering, "entering_output"),
        (graphs.graph_degree, "leaving"),
    ],
)
def test_what_is_known_of_a_cell_is_read_by_its_name(statistic, feature):
    graph = Known(**{feature: (3.0, 1.0)})
    assert statistic(Known(network=Known(cell_graph=graph))) == [3, 1]
    with pytest.raises(Unmeasurable, match="no repeated cell"):
        statistic(Known(network=Known(cell_graph=None)))


def test_sizes_are_marked_so_that_they_can_be_left_out():
    own = [s for s in STATISTICS if s.measure.__module__.startswith("autodas.")]
    assert {s.name for s in own if s.size} == {
        *("numel", "out_channels", "layer_macs", "stage_channels", "params", "macs"),
        *("log_softmax_norm", "log_softmax_tanh", "log_log_softmax"),
        *("graph_operations", "graph_shortest", "graph_longest"),
        *("graph_leaving", "graph_entering", "graph_degree"),
    }
