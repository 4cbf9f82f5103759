"""NAS-Bench-201 networks (Dong & Yang, 2020): one cell, repeated in a residual skeleton."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from autodas.networks.base import StagedNetwork, kaiming
from autodas.networks.cell_graphs import edge_graph

__all__ = ["EDGES", "OPERATIONS", "Cell201", "CellNetwork201", "through_cell"]

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""(from, to) of the six edges between four nodes, in the order of the architecture string."""


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


def _operation(name: str, channels: int) -> nn.Module | None:
    """The module of an edge; None for an edge that carries nothing."""
    if name == "none":
        return None
    if name == "skip_connect":
        return nn.Identity()
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return _conv(channels, channels, 3 if name == "nor_conv_3x3" else 1)


class Cell201(nn.Module):
    """Four nodes; each is the sum of what its incoming edges carry.

    Args:
        operations: Names of the six operations, in the order of :data:`EDGES`.
        channels: Channels of every node.
    """

    def __init__(self, operations: Sequence[str], channels: int) -> None:
        super().__init__()
        self.edges = nn.ModuleDict()
        for (source, target), name in zip(EDGES, operations, strict=True):
            module = _operation(name, channels)
            if module is not None:
                self.edges[f"{source}-{target}"] = module

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        # Multiplied, not made anew: the stage stays connected to the input of a dead cell.
        return through_cell(self.edges, x, lambda x: x * 0.0)


def through_cell(edges: nn.ModuleDict, x: Tensor, nothing: Callable[[Tensor], Tensor]) -> Tensor:
    """The last of four nodes, each the sum of what comes from those before it.

    Args:
        edges: By ``SOURCE-TARGET``; those that carry nothing are left out.
        x: ``(B, C, H, W)``, node 0.
        nothing: What a node without incoming edges is, from ``x``.
    """
    nodes = [x]
    for target in (1, 2, 3):
        incoming = [
            edges[key](nodes[source])
            for source in range(target)
            if (key := f"{source}-{target}") in edges
        ]
        nodes.append(sum(incoming[1:], incoming[0]) if incoming else nothing(x))
    return nodes[3]


class Reduction201(nn.Module):
    """Residual block that halves the resolution between the stages.

    Args:
        inputs: Channels before.
        outputs: Channels after.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_a = _conv(inputs, outputs, 3, stride=2)
        self.conv_b = _conv(outputs, outputs, 3)
        # Rounding up keeps both branches equal for images of odd size.
        self.downsample = nn.Sequential(
            nn.AvgPool2d(2, stride=2, ceil_mode=True), nn.Conv2d(inputs, outputs, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, ⌈H / 2⌉, ⌈W / 2⌉)."""
        return self.downsample(x) + self.conv_b(self.conv_a(x))  # type: ignore[no-any-return]


class CellNetwork201(StagedNetwork):
    """Stem, three stages of cells with residual reductions between them, classifier.

    Args:
        operations: The cell, see :class:`Cell201`.
        width: Channels of the first stage, C; they double from stage to stage.
        cells: Cells per stage, N.
        channels: Channels of the images.
        num_classes: Number of logits, K.
    """

    def __init__(
        self,
        operations: Sequence[str],
        *,
        width: int = 16,
        cells: int = 5,
        channels: int = 3,
        num_classes: int = 10,
    ) -> None:
        super().__init__()
        self.cell_graph = edge_graph(EDGES, operations, OPERATIONS)
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        self.stages = nn.ModuleList()
        for i in range(3):
            inner = width * 2**i
            reduction = [Reduction201(inner // 2, inner)] if i else []
            repeated = [Cell201(operations, inner) for _ in range(cells)]
            self.stages.append(nn.Sequential(*reduction, *repeated))
        self.norm = nn.BatchNorm2d(4 * width)
        self.classifier = nn.Linear(4 * width, num_classes)
        kaiming(self)

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Feature maps after each stage, and logits."""
        x = self.stem(x)
        outputs = []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return outputs, self.classifier(F.relu(self.norm(x)).mean(dim=(2, 3)))
