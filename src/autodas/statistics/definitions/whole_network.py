"""Statistics of published zero-cost scores that see a network as a whole, or its blocks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from autodas.core.values import SCALAR, Kind, Type
from autodas.statistics.catalog import statistic
from autodas.statistics.need import Need, Unmeasurable
from autodas.statistics.passes.probe import Probe

BLOCK_VECTOR = Type(Kind.VECTOR, "block")
PARAMETER_VECTOR = Type(Kind.VECTOR, "parameter")
TANGENT_GRAM = Type(Kind.GRAM, "", "tangent")
SMALL = 1e-5  # added to correlations and their eigenvalues by the scores that take their logarithms
LEAST_SHARE = 1e-5  # of the largest eigenvalue, that single precision tells from zero
PATTERN_IMAGES = 64  # as many signs fit into one integer


# --- one number per block ---------------------------------------------------------------------


@statistic(
    BLOCK_VECTOR,
    needs={Need.BLOCKS},
    version=2,
    reference="Lee & Ham, CVPR 2024 (AZ-NAS), eqs. 1 and 2",
)
def block_entropy(probe: Probe) -> list[float]:
    """Entropy of the principal components' shares of variance, of stem and blocks, for noise."""
    return probe.extra.blocks.entropies


# --- one number per network -------------------------------------------------------------------


@statistic(SCALAR, needs={Need.BLOCKS}, version=2, reference="Lee & Ham, CVPR 2024 (AZ-NAS), eq. 3")
def entropy_step(probe: Probe) -> list[float]:
    """Smallest growth of the block entropy from one block to the next, for noise."""
    step = probe.extra.blocks.step
    if step is None:
        raise Unmeasurable("the network has no two blocks or stages")
    return [step]


@statistic(
    SCALAR,
    needs={Need.BLOCKS},
    version=2,
    reference="Lee & Ham, CVPR 2024 (AZ-NAS), eqs. 4 to 6",
)
def gradient_balance(probe: Probe) -> list[float]:
    """Mean over blocks of 2 − s − 1 / s, s the factor by which they stretch random gradients."""
    gains = probe.extra.blocks.trainability
    if not gains:
        raise Unmeasurable("no gradient passes between comparable blocks or stages")
    return [sum(gains) / len(gains)]


@statistic(
    SCALAR,
    needs={Need.FORWARD, Need.ACTIVATIONS},
    version=2,
    reference="Mellor et al., ICML 2021 (NASWOT), eq. 2",
)
def activation_log_det(probe: Probe) -> list[float]:
    """Log-determinant of the B × B numbers of activation units on the same side of zero.

    Eigenvalues below 1, of images with the same activations, count as 1.
    """
    agreeing, _ = probe.agreements
    return [float(torch.linalg.eigvalsh(agreeing).clamp_min(1).log().sum())]


@statistic(
    SCALAR,
    needs={Need.FORWARD, Need.ACTIVATIONS},
    version=2,
    reference="Chen et al., ICLR 2021 (TE-NAS), sec. 3.1.2",
)
def linear_regions(probe: Probe) -> list[float]:
    """How many images of the batch differ in the sign of some activation unit, in [1, B]."""
    agreeing, units = probe.agreements
    return [float((1 / (agreeing == units).double().sum(1)).sum().round())]


@statistic(
    SCALAR,
    needs={Need.FORWARD, Need.ACTIVATIONS},
    version=2,
    reference="Peng et al., ICLR 2024 (SWAP), def. 3.2",
)
def distinct_units(probe: Probe) -> list[float]:
    """How many activation units differ in their sign on some image, among the first 64 images."""
    codes = [torch.unique(_patterns(signs)) for signs in probe.activation_signs]
    return [float(len(torch.unique(torch.cat(codes))))]


def _patterns(signs: Tensor) -> Tensor:
    """``(units,)`` numbers whose bits are the signs of a unit on the first 64 images."""
    rows = signs[:PATTERN_IMAGES].view(torch.uint8)
    # Byte by byte, because whole numbers of 64 bits would take eight times as long.
    packed = rows.new_zeros(PATTERN_IMAGES // 8, rows.shape[1])
    for i, row in enumerate(rows):
        packed[i // 8].add_(row, alpha=1 << i % 8)
    return packed.T.flatten().view(torch.int64)


@statistic(
    SCALAR,
    needs={Need.FORWARD, Need.JACOBIAN},
    version=2,
    reference="Mellor et al., arXiv:2006.04647v1 (jacob_cov), eq. 3",
)
def jacobian_spread(probe: Probe) -> list[float]:
    """−Σ log(λ + 1e-5) + 1 / (λ + 1e-5), λ the eigenvalues of the input gradients' correlations."""
    values = torch.linalg.eigvalsh(probe.jacobian_correlation).clamp_min(0) + SMALL
    return [float(-(values.log() + 1 / values).sum())]


@statistic(
    SCALAR,
    needs={Need.FORWARD, Need.JACOBIAN},
    version=2,
    reference="Lopes et al., ICANN 2021 (EPE-NAS), eqs. 4-6",
)
def class_jacobian_spread(probe: Probe) -> list[float]:
    """Σ over classes of |Σ log(|ρ| + 1e-5)|, ρ the correlations of input gradients in the class.

    With more than 100 classes, E = Σ log(…) / n for n images of a class, and the value is the sum
    of |E − E'| over all ordered pairs of classes, divided by their number.
    """
    known = probe.logits.shape[1]
    logs = (probe.jacobian_correlation.abs() + SMALL).log()
    classes = [probe.labels == label for label in torch.unique(probe.labels)]
    sums = torch.stack([logs[mine][:, mine].sum() for mine in classes])
    if known <= 100:
        return [float(sums.abs().sum())]
    sums = sums / torch.stack([mine.sum() for mine in classes])
    return [float((sums[:, None] - sums).abs().sum() / len(sums))]


@statistic(
    SCALAR,
    needs={Need.GAUSSIAN},
    version=2,
    reference="Lin et al., ICCV 2021 (Zen-NAS), algorithm 1",
)
def perturbation_growth(probe: Probe) -> list[float]:
    """Log of how far noise is carried apart by standard normal weights, BatchNorm undone."""
    return [probe.extra.perturbation_growth]


@statistic(
    SCALAR,
    needs={Need.INFORMATION},
    version=3,
    reference="Tybl & Neumann, CVPR 2025 (VKDNW), sec. 3.3",
)
def information_rank(probe: Probe) -> list[float]:
    """Number of parameter tensors, plus the entropy in [0, 1] of their Fisher information.

    The entropy is that of the deciles of the spectrum, as a share of the largest. So it decides
    only between networks of equally many tensors.
    """
    return [sum(1 for _ in probe.network.parameters()) + probe.extra.spectrum_entropy]


@statistic(
    PARAMETER_VECTOR,
    needs={Need.NOISE_LOSS},
    version=2,
    reference="Zhou et al., CVPR 2026 (InTrain)",
)
def gradient_health(probe: Probe) -> list[float]:
    """Per parameter tensor, std g / max |g| in [0, 1] of its gradient for noise and drawn labels.

    0 where the gradient is nothing beside the largest of the network. In the order of their names.
    """
    return probe.extra.noise_loss.health


@statistic(
    TANGENT_GRAM, needs={Need.TANGENT}, version=2, reference="Jacot et al., NeurIPS 2018, eq. 4"
)
def tangent_kernel(probe: Probe) -> list[Tensor]:
    """Inner products of the first 8 samples' gradients of the summed outputs at all weights."""
    return [probe.extra.tangent_kernel]


@statistic(
    SCALAR,
    needs={Need.TANGENT},
    version=2,
    reference="Chen et al., ICLR 2021 (TE-NAS), sec. 3.1.1, eq. 2",
)
def tangent_condition(probe: Probe) -> list[float]:
    """Log of the largest over the smallest eigenvalue of the tangent kernel, at most log 1e5.

    A kernel without full rank, or without any entry, has the largest value there is: its condition
    is infinite, and single precision does not tell eigenvalues below 1e-5 of the largest from zero.
    """
    values = torch.linalg.eigvalsh(probe.extra.tangent_kernel)
    largest = float(values[-1])
    share = float(values[0]) / largest if largest > 0 else 0.0
    return [-math.log(max(share, LEAST_SHARE))]
