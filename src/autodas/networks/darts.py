"""Networks of DARTS cells (Liu et al., ICLR 2019), in the skeleton of NAS-Bench-301."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autodas.networks.base import StagedNetwork, kaiming

__all__ = ["OPERATIONS", "CellGenes", "DartsNetwork"]

OPERATIONS = (
    *("max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3"),
    *("sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"),
)
CellGenes = Sequence[tuple[int, str]]
"""(input node, operation) of the two edges into each of four nodes; nodes 0 and 1 are the outputs
of the last cell but one and of the last."""
NODES = 4
REDUCTIONS = (2, 5)


class DartsNetwork(StagedNetwork):
    """Stem, eight cells of which the third and the sixth halve the resolution, classifier.

    As NAS-Bench-301 has it: 32 channels, auxiliary head left out (it has a part in training only).

    Args:
        normal: The normal cell.
        reduction: The reduction cell.
        width: Channels of a node in the first stage; they double with the resolution halved.
        channels: Channels of the images.
        num_classes: Number of logits, K.
    """

    def __init__(
        self,
        normal: CellGenes,
        reduction: CellGenes,
        *,
        width: int = 32,
        channels: int = 3,
        num_classes: int = 10,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, 3 * width, 3, padding=1, bias=False), nn.BatchNorm2d(3 * width)
        )
        self.cells = nn.ModuleList()
        before, last, inner, shrunk = 3 * width, 3 * width, width, False
        for number in range(8):
            shrinks = number in REDUCTIONS
            inner *= 2 if shrinks else 1
            genes = reduction if shrinks else normal
            self.cells.append(
                DartsCell(genes, (before, last), inner, shrinks=shrinks, after=shrunk)
            )
            before, last, shrunk = last, NODES * inner, shrinks
        self.classifier = nn.Linear(last, num_classes)
        kaiming(self)

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Feature maps before each reduction and at the end, and logits."""
        before = last = self.stem(x)
        stages = []
        for number, cell in enumerate(self.cells):
            if number in REDUCTIONS:
                stages.append(last)
            before, last = last, cell(before, last)
        stages.append(last)
        return stages, self.classifier(last.mean(dim=(2, 3)))


class DartsCell(nn.Module):
    """Four nodes, each the sum of two edges; the output is all of them, side by side.

    Args:
        genes: The edges.
        inputs: Channels of the outputs of the last cell but one and of the last.
        inner: Channels of a node.
        shrinks: Whether edges from the inputs halve the resolution.
        after: Whether the last cell did, so that the last but one has twice the resolution.
    """

    def __init__(
        self, genes: CellGenes, inputs: tuple[int, int], inner: int, *, shrinks: bool, after: bool
    ) -> None:
        super().__init__()
        first = Halved(inputs[0], inner) if after else _pointwise(inputs[0], inner)
        self.entries = nn.ModuleList([first, _pointwise(inputs[1], inner)])
        self.sources = [source for source, _ in genes]
        self.edges = nn.ModuleList(
            _operation(name, inner, 2 if shrinks and source < 2 else 1) for source, name in genes
        )

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        """(B, inputs, H, W) of two cells to (B, 4 · inner, H', W')."""
        nodes = [self.entries[0](before), self.entries[1](last)]
        for node in range(NODES):
            first, second = 2 * node, 2 * node + 1
            nodes.append(
                self.edges[first](nodes[self.sources[first]])
                + self.edges[second](nodes[self.sources[second]])
            )
        return torch.cat(nodes[2:], dim=1)


class Halved(nn.Module):
    """Half the resolution by two 1 × 1 convolutions of stride 2, one of them a pixel further.

    Args:
        inputs: Channels before.
        outputs: Channels after, even.
        affine: Whether the normalisation has weights.
    """

    def __init__(self, inputs: int, outputs: int, *, affine: bool = True) -> None:
        super().__init__()
        self.even = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, ⌈H / 2⌉, ⌈W / 2⌉)."""
        x = torch.relu(x)
        # Of an even size nothing is seen of the padding.
        further = F.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        halves = torch.cat([self.even(x), self.odd(further)], dim=1)
        return self.norm(halves)  # type: ignore[no-any-return]


def _pointwise(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
    )


def _operation(name: str, channels: int, stride: int) -> nn.Module:
    """The module of an edge; normalisations in cells have no weights."""
    norm = nn.BatchNorm2d(channels, affine=False)
    if name == "max_pool_3x3":
        return nn.Sequential(nn.MaxPool2d(3, stride, padding=1), norm)
    if name == "avg_pool_3x3":
        pool = nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
        return nn.Sequential(pool, norm)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else Halved(channels, channels, affine=False)
    kernel = int(name[-1])
    if name.startswith("dil"):
        return _separable(channels, kernel, stride, dilation=2)
    return nn.Sequential(
        *_separable(channels, kernel, stride, dilation=1),
        *_separable(channels, kernel, 1, dilation=1),
    )


def _separable(channels: int, kernel: int, stride: int, *, dilation: int) -> nn.Sequential:
    padding = dilation * (kernel - 1) // 2
    depthwise = nn.Conv2d(
        channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False
    )
    pointwise = nn.Conv2d(channels, channels, 1, bias=False)
    return nn.Sequential(nn.ReLU(), depthwise, pointwise, nn.BatchNorm2d(channels, affine=False))
