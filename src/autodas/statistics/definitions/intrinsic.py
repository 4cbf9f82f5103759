"""Statistics of the student alone: weights, gradients, features and their Grams.

B is the batch size, C or D the number of channels, K the number of classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from autodas.core.values import SCALAR, Kind, Type
from autodas.statistics.catalog import statistic
from autodas.statistics.need import Need
from autodas.statistics.passes import views
from autodas.statistics.passes.probe import Probe
from autodas.statistics.passes.weights import real_weights

WEIGHT = Type(Kind.ELEMENTS, "layer", "weight")
WEIGHT_SPECTRUM = Type(Kind.SPECTRUM, "layer", "weight")
FEATURE = Type(Kind.ELEMENTS, "stage", "feature")
NORM_CHANNEL = Type(Kind.ELEMENTS, "norm", "channel")
SAMPLE_GRAM = Type(Kind.GRAM, "stage", "sample")
CHANNEL_GRAM = Type(Kind.GRAM, "stage", "channel")
PROJECTED_GRAM = Type(Kind.GRAM, "stage", "projected")
NETWORK_GRAM = Type(Kind.GRAM, "", "sample")
CLASS_GRAM = Type(Kind.GRAM, "", "class")
ATTENTION_MAP = Type(Kind.ELEMENTS, "stage", "attention")
ATTENTION_VECTOR = Type(Kind.VECTOR, "attention")
LOGITS = Type(Kind.LOGITS)
BEYOND_RANK = 2.0**-44  # of the largest eigenvalue of a Gram matrix


@statistic(WEIGHT, version=2)
def weight(probe: Probe) -> list[Tensor]:
    """Weights of every convolution and linear layer, attention projections included."""
    return [weight.detach() for weight in real_weights(probe.layers)]


@statistic(WEIGHT, needs={Need.FORWARD, Need.BACKWARD}, version=2)
def weight_grad(probe: Probe) -> list[Tensor]:
    """Gradient of the loss at every layer's weight."""
    return probe.weight_gradients


@statistic(
    WEIGHT,
    needs={Need.VIRTUAL},
    version=2,
    reference="Tanaka et al., NeurIPS 2020 (SynFlow), eq. 1 and sec. 5",
)
def virtual_grad(probe: Probe) -> list[Tensor]:
    """Gradient of the log of the summed outputs at |weights|, for an all-ones input."""
    return probe.extra.virtual.gradients


@statistic(
    SCALAR,
    needs={Need.VIRTUAL},
    version=2,
    reference="Tanaka et al., NeurIPS 2020 (SynFlow), sec. 5",
)
def virtual_output(probe: Probe) -> list[float]:
    """Log of the summed outputs at |weights| for an all-ones input; no data is involved."""
    return [probe.extra.virtual.log_output]


@statistic(WEIGHT_SPECTRUM, version=2)
def weight_spectrum(probe: Probe) -> list[Tensor]:
    """Singular values of every weight reshaped to (out, in·kernel), largest first."""
    return [singular_values(weight.detach().flatten(1)) for weight in real_weights(probe.layers)]


@statistic(FEATURE, needs={Need.FORWARD})
def feature(probe: Probe) -> list[Tensor]:
    """Stage outputs, (B, C, H, W) or (B, N, D)."""
    return list(probe.stages)


@statistic(FEATURE, needs={Need.FORWARD, Need.BACKWARD})
def feature_grad(probe: Probe) -> list[Tensor]:
    """Gradient of the loss at every stage output."""
    return probe.stage_gradients


@statistic(SAMPLE_GRAM, needs={Need.FORWARD})
def sample_gram(probe: Probe) -> list[Tensor]:
    """B × B inner products of the samples' features at every stage, per entry."""
    return probe.viewed(views.sample_gram)


@statistic(SAMPLE_GRAM, needs={Need.FORWARD, Need.BACKWARD})
def grad_gram(probe: Probe) -> list[Tensor]:
    """B × B inner products of the samples' feature gradients at every stage, per entry."""
    return [views.sample_gram(gradient) for gradient in probe.stage_gradients]


@statistic(CHANNEL_GRAM, needs={Need.FORWARD})
def channel_gram(probe: Probe) -> list[Tensor]:
    """C × C second moments of channels at every stage (projected to 64 if wider)."""
    return probe.viewed(views.channel_gram)


@statistic(PROJECTED_GRAM, needs={Need.FORWARD})
def projected_gram(probe: Probe) -> list[Tensor]:
    """16 × 16 second moments of projected channels, comparable across widths."""
    return probe.viewed(views.projected_gram)


@statistic(Type(Kind.SPECTRUM, "stage", "channel"), needs={Need.FORWARD})
def covariance_spectrum(probe: Probe) -> list[Tensor]:
    """Eigenvalues of the channels' covariance at every stage, largest first."""
    return [_covariance_eigenvalues(stage) for stage in probe.stages]


@statistic(ATTENTION_MAP, needs={Need.FORWARD}, reference="Zagoruyko & Komodakis, ICLR 2017, eq. 1")
def spatial_attention(probe: Probe) -> list[Tensor]:
    """B × 16 distributions of activation energy over a 4 × 4 grid at every stage."""
    return probe.viewed(views.attention_map)


@statistic(NORM_CHANNEL, needs={Need.FORWARD, Need.NORMS}, version=2)
def norm_mean(probe: Probe) -> list[Tensor]:
    """Batch mean of every channel at the input of every normalisation layer."""
    return [mean for mean, _ in probe.norm_moments]


@statistic(NORM_CHANNEL, needs={Need.FORWARD, Need.NORMS}, version=2)
def norm_var(probe: Probe) -> list[Tensor]:
    """Batch variance of every channel at the input of every normalisation layer."""
    return [variance for _, variance in probe.norm_moments]


@statistic(
    NETWORK_GRAM,
    needs={Need.FORWARD, Need.ACTIVATIONS},
    version=2,
    reference="Mellor et al., ICML 2021 (NASWOT), eq. 2",
)
def activation_kernel(probe: Probe) -> list[Tensor]:
    """B × B share of activation units (ReLU, GELU, …) on the same side of zero."""
    agreeing, units = probe.agreements
    return [agreeing / units]


@statistic(
    NETWORK_GRAM,
    needs={Need.FORWARD, Need.JACOBIAN},
    version=2,
    reference="Mellor et al., arXiv:2006.04647v1 (jacob_cov)",
)
def jacobian_gram(probe: Probe) -> list[Tensor]:
    """B × B correlations of the samples' input gradients of the summed outputs."""
    return [probe.jacobian_correlation]


@statistic(LOGITS, needs={Need.FORWARD})
def logits(probe: Probe) -> list[Tensor]:
    """B × K outputs before the softmax."""
    return [probe.logits]


@statistic(LOGITS, needs={Need.FORWARD})
def logit_grad(probe: Probe) -> list[Tensor]:
    """B × K gradient of the cross-entropy at the logits, (softmax − onehot) / B."""
    return [probe.logit_gradients]


@statistic(SCALAR, needs={Need.FORWARD})
def loss(probe: Probe) -> list[float]:
    """Loss of the untrained student on the batch: cross-entropy in nats, or that of its task."""
    return [float(probe.loss)]


@statistic(
    CLASS_GRAM,
    needs={Need.FORWARD, Need.CLASSIFIER},
    reference="Dong et al., CVPR 2023 (DisWOT), semantic similarity",
)
def class_gradient_gram(probe: Probe) -> list[Tensor]:
    """K × K inner products of the classes' rows in the last layer's weight gradient."""
    gradient = probe.logit_gradients.T @ probe.classifier_input
    return [gradient @ gradient.T]


@statistic(ATTENTION_VECTOR, needs={Need.FORWARD, Need.ATTENTION})
def attention_entropy(probe: Probe) -> list[float]:
    """Mean entropy of the attention rows of every self-attention, divided by log N: in [0, 1]."""
    return [
        seen.entropy / max(1e-9, math.log(seen.mean.shape[-1]))
        for seen in (attention.summary for attention in probe.attentions)
    ]


@statistic(ATTENTION_VECTOR, needs={Need.FORWARD, Need.ATTENTION})
def attention_rank(probe: Probe) -> list[float]:
    """Effective rank of every self-attention's mean map: exp of the spectral entropy, in [1, N]."""
    ranks = []
    for attention in probe.attentions:
        values = torch.linalg.svdvals(attention.summary.mean)
        share = values / values.sum().clamp_min(1e-30)
        ranks.append(float((-(share * share.clamp_min(1e-30).log()).sum()).exp()))
    return ranks


def singular_values(matrix: Tensor) -> Tensor:
    """Singular values of a matrix, largest first, in double precision.

    Those beyond its rank are zero.
    """
    # Eigenvalues of the smaller Gram are several times faster than an SVD. Double precision,
    # because squaring halves the number of digits.
    wide = matrix.double()
    gram = wide @ wide.T if wide.shape[0] <= wide.shape[1] else wide.T @ wide
    values: Tensor = torch.linalg.eigvalsh(gram)
    # Before the root, which would make 2⁻²⁶ of the largest of a rounding by 2⁻⁵².
    return torch.where(values > BEYOND_RANK * values[-1], values, 0.0).sqrt().flip(0)


def _covariance_eigenvalues(value: Tensor) -> Tensor:
    axes = (0, 2, 3) if value.ndim == 4 else (0, 1)
    covariance = views.channel_gram(value - value.mean(axes, keepdim=True))
    values: Tensor = torch.linalg.eigvalsh(covariance)
    return values.clamp_min(0).flip(0)
