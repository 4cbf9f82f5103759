"""Statistics that published zero-cost scores are sums of: one number per layer.

Sums are exact, over all entries of a layer: nothing is sketched. w is a layer's weight, g the
gradient of the mean cross-entropy at it.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autodas.statistics.catalog import statistic
from autodas.statistics.definitions.intrinsic import singular_values
from autodas.statistics.definitions.sizes import LAYER_VECTOR
from autodas.statistics.need import Need, Unmeasurable
from autodas.statistics.negligible import cleared
from autodas.statistics.passes.probe import Probe
from autodas.statistics.passes.weights import Layer

BACKWARD = frozenset({Need.FORWARD, Need.BACKWARD})
gradient_size = partial(statistic, LAYER_VECTOR, needs=BACKWARD, size=True)


@statistic(LAYER_VECTOR, version=2)
def weight_norm(probe: Probe) -> list[float]:
    """Euclidean norm of every layer's weight."""
    return [float(layer.weight.detach().norm()) for layer in probe.layers]


@statistic(
    LAYER_VECTOR, needs=BACKWARD, version=2, reference="Abdelfattah et al., ICLR 2021 (grad_norm)"
)
def gradient_norm(probe: Probe) -> list[float]:
    """Euclidean norm of the gradient at every layer's weight."""
    return [float(gradient.norm()) for gradient in probe.weight_gradients]


@statistic(LAYER_VECTOR, needs=BACKWARD, version=2, reference="Lee et al., ICLR 2019 (SNIP), eq. 5")
def saliency(probe: Probe) -> list[float]:
    """Sum of |w · g| over every layer's weight."""
    return [float((w * g).abs().sum()) for w, g in _weights_with(probe, probe.weight_gradients)]


@statistic(LAYER_VECTOR, needs=BACKWARD, version=2, reference="Mozer & Smolensky, NeurIPS 1988")
def signed_saliency(probe: Probe) -> list[float]:
    """Sum of w · g over every layer's weight; zero where BatchNorm follows the layer."""
    return [float((w.double() * g).sum()) for w, g in _weights_with(probe, probe.weight_gradients)]


@statistic(
    LAYER_VECTOR,
    needs={*BACKWARD, Need.HESSIAN},
    version=2,
    reference="Wang et al., ICLR 2020 (GraSP), eq. 8",
)
def hessian_saliency(probe: Probe) -> list[float]:
    """Sum of w · (H g) over every layer's weight, H the Hessian of the first 16 images' loss."""
    return [
        float((w.double() * h).sum())
        for w, h in _weights_with(probe, probe.extra.hessian_products(probe.weight_gradients))
    ]


@statistic(
    LAYER_VECTOR,
    needs={Need.VIRTUAL},
    version=2,
    reference="Tanaka et al., NeurIPS 2020 (SynFlow), eq. 2",
)
def virtual_saliency(probe: Probe) -> list[float]:
    """Sum of |w · ∂ log R / ∂w| over every layer's weight, R as in virtual_output."""
    pairs = _weights_with(probe, probe.extra.virtual.gradients)
    return [float((w * g).abs().sum()) for w, g in pairs]


@statistic(
    LAYER_VECTOR,
    needs={Need.VIRTUAL},
    version=2,
    reference="Cavagnero et al., WACV 2023 (FreeREA), LogSynflow",
)
def log_virtual_saliency(probe: Probe) -> list[float]:
    """Sum of |w| · log(1 + |∂R / ∂w|) over every layer's weight, R as in virtual_output."""
    log_output = probe.extra.virtual.log_output
    return [
        # log(1 + exp(a)) of a = log |∂R / ∂w|: R itself may be too large for a number.
        float((w.abs() * F.softplus(g.abs().log() + log_output)).sum())
        for w, g in _weights_with(probe, probe.extra.virtual.gradients)
    ]


@statistic(
    LAYER_VECTOR,
    needs={Need.FORWARD, Need.VIRTUAL, Need.ATTENTION},
    version=2,
    reference="Zhou et al., CVPR 2022 (TF-TAS), eqs. 4 to 6",
)
def diversity_saliency(probe: Probe) -> list[float]:
    """Nuclear norms of w and ∂ log R / ∂w multiplied in attention, Σ |w · ∂ log R / ∂w| elsewhere.

    Attention projections are linear layers that are called qkv, keep their width or belong to
    ``nn.MultiheadAttention``.
    """
    _ = probe.attentions  # says that there are none
    values = []
    for layer, gradient in zip(probe.layers, probe.extra.virtual.gradients, strict=True):
        weight = layer.weight.detach()
        if layer.module is not probe.network.classifier and _projects(layer):
            parts = [singular_values(part).sum() for part in (weight, gradient)]
            values.append(float(parts[0] * parts[1]))
        else:
            values.append(float((weight * gradient).abs().sum()))
    return values


@statistic(
    LAYER_VECTOR,
    needs={*BACKWARD, Need.OUTPUTS},
    version=3,
    reference="Turner et al., ICLR 2020 (BlockSwap), eq. 4; summed as by Abdelfattah et al., 2021",
)
def fisher_information(probe: Probe) -> list[float]:
    """Σ over output channels of ½ mean over samples of (Σ activation · gradient)², times fan-in."""
    _ = probe.weight_gradients  # the backward pass, or that weights are frozen
    return [probe.layer_outputs.fisher(layer) for layer in probe.layers]


@statistic(
    LAYER_VECTOR,
    needs={*BACKWARD, Need.HALVES},
    version=2,
    reference="Li et al., ICLR 2023 (ZiCo), eq. 18",
)
def gradient_stability(probe: Probe) -> list[float]:
    """Log of Σ mean |g| / std g over the two halves of the batch; 0 where there is no gradient."""
    first, second = probe.extra.half_gradients
    values = []
    for a, b in zip(first, second, strict=True):
        spread = (a - b).abs().double()
        total = ((a.abs() + b.abs())[spread > 0] / spread[spread > 0]).sum()
        values.append(float(total.log()) if total > 0 else 0.0)
    return values


@statistic(
    LAYER_VECTOR,
    needs={*BACKWARD, Need.HALVES},
    version=2,
    reference="Casarin et al., CVPR 2025 (L-SWAG), eq. 1",
)
def gradient_steadiness(probe: Probe) -> list[float]:
    """Log of Σ 1 / std |g| over the two halves of the batch; 0 where no |g| differs."""
    pairs = zip(*probe.extra.half_gradients, strict=True)
    values = []
    # Of two numbers, half their distance is the deviation. What rounding leaves of it is none.
    for deviation in cleared([(a.abs() - b.abs()).abs() / 2 for a, b in pairs]):
        total = (1 / deviation[deviation > 0].double()).sum()
        values.append(float(total.log()) if total > 0 else 0.0)
    return values


@statistic(
    LAYER_VECTOR, needs={Need.NOISE_LOSS}, version=2, reference="Zhou et al., CVPR 2026 (InTrain)"
)
def log_participation(probe: Probe) -> list[float]:
    """Log of (Σ λ)² / Σ λ², λ of the channels' covariance at every layer's output, for noise.

    Of a layer that is used several times, the sum over its uses.
    """
    found = probe.extra.noise_loss
    if found.unseen:
        raise Unmeasurable(found.unseen)
    return found.log_participation


@statistic(
    LAYER_VECTOR,
    needs={Need.SINGLES},
    version=2,
    reference="Zhang & Jia, ICLR 2022 (GradSign), algorithm 1",
)
def sign_agreement(probe: Probe) -> list[float]:
    """Sum of |Σ sign g| over every layer's weight, g of single images, for the first 8 of them."""
    return [float(signs.abs().sum()) for signs in probe.extra.sign_sums]


@statistic(
    LAYER_VECTOR,
    needs={Need.FORWARD, Need.OUTPUTS},
    version=3,
    reference="Jiang et al., NeurIPS 2023 (MeCo), eq. 8",
)
def least_correlation(probe: Probe) -> list[float]:
    """Smallest eigenvalue of the channels' correlations at every layer's output, first image.

    Of a layer that is used several times, the sum over its uses.
    """
    return [probe.layer_outputs.least_eigenvalue(layer) for layer in probe.layers]


@statistic(
    LAYER_VECTOR,
    needs={Need.CONSTANT},
    version=2,
    reference="Sun et al., ECCV 2024 (Auto-DAS), virtual_grad",
)
def constant_gradient_inverse(probe: Probe) -> list[float]:
    """Per convolution, 1 / mean of |v| / (1 + |v|), v the gradient of Σ outputs of all-ones images.

    The published chain abslog, sigmoid, normalized_sum, invert; sigmoid(log |v|) = |v| / (1 + |v|).
    Where v is 0, the published logarithm is 0 and the entry counts ½. 0 for linear layers.
    """
    values = []
    for layer, v in zip(probe.layers, probe.extra.constant_gradients, strict=True):
        entries = torch.where(v == 0, 0.5, v.abs().double() / (1 + v.abs().double()))
        values.append(float(1 / (entries.mean() + 1e-9)) if _is_conv(layer) else 0.0)
    return values


@gradient_size(version=2, reference="Sun et al., ECCV 2024 (Auto-DAS), proxy for S0")
def log_softmax_norm(probe: Probe) -> list[float]:
    """Norm of the log-softmax over output channels of every convolution's gradient; linear 0.

    Gradients are so small that this is √numel · log(channels) to four digits: a size.
    """
    return [float(value.norm()) for value in _log_softmaxes(probe)]


@gradient_size(version=2, reference="Sun et al., ECCV 2024 (Auto-DAS), proxy for NAS-Bench-201")
def log_softmax_tanh(probe: Probe) -> list[float]:
    """Mean |tanh| of the log-softmax over channels of every convolution's gradient; linear 0.

    Gradients are so small that this is tanh(log(channels)) to four digits: a count of layers.
    """
    return [float(value.tanh().abs().mean()) for value in _log_softmaxes(probe)]


@gradient_size(
    version=2, reference="Sun et al., ECCV 2024 (Auto-DAS), proxy for AutoFormer and PiT"
)
def log_log_softmax(probe: Probe) -> list[float]:
    """Mean log |log-softmax over channels of sigmoid g| of every convolution; linear 0.

    Gradients are so small that this is log(log(channels)) to four digits: a size.
    """
    logs = [value.sigmoid().log_softmax(0).abs() for value in _convolution_gradients(probe)]
    # Of a single channel the log-softmax is 0, and the published logarithm of 0 is 0.
    return [float(torch.where(v == 0, 1.0, v).log().mean()) if v.numel() else 0.0 for v in logs]


def _weights_with(probe: Probe, others: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    return [(la.weight.detach(), o) for la, o in zip(probe.layers, others, strict=True)]


def _is_conv(layer: Layer) -> bool:
    return isinstance(layer.module, nn.modules.conv._ConvNd)


def _projects(layer: Layer) -> bool:
    """Whether a layer makes queries, keys and values or puts heads together."""
    if isinstance(layer.module, nn.MultiheadAttention):
        return True
    outputs, inputs = layer.weight.shape[:2]
    return isinstance(layer.module, nn.Linear) and (outputs == inputs or "qkv" in layer.name)


def _convolution_gradients(probe: Probe) -> list[Tensor]:
    """Gradients of convolutions; nothing for linear layers."""
    pairs = zip(probe.layers, probe.weight_gradients, strict=True)
    return [g if _is_conv(layer) else g.new_zeros(0) for layer, g in pairs]


def _log_softmaxes(probe: Probe) -> list[Tensor]:
    """Log-softmax over output channels of the convolutions' gradients; one zero for the others."""
    gradients = _convolution_gradients(probe)
    return [g.log_softmax(0) if g.numel() else g.new_zeros(1) for g in gradients]
