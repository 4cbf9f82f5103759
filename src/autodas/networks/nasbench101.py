"""NAS-Bench-101 networks (Ying et al., 2019): a cell that is a small graph, repeated nine times."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autodas.networks.base import StagedNetwork, kaiming
from autodas.networks.cell_graphs import node_graph

__all__ = ["OPERATIONS", "Cell101", "CellNetwork101", "vertex_channels"]

OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")

Matrix = Sequence[Sequence[int]]


def vertex_channels(inputs: int, outputs: int, matrix: Matrix) -> list[int]:
    """Channels of every vertex of a cell (Ying et al., 2019, section 2.2).

    Vertices that lead to the output share its channels, the first ones taking what does not
    divide; the others have as many as the widest vertex they lead to.

    Args:
        inputs: Channels of the cell's input.
        outputs: Channels of the cell's output.
        matrix: (V, V) upper triangular adjacency of a cell without useless vertices.
    """
    last = len(matrix) - 1
    channels = [inputs] + [0] * (last - 1) + [outputs]
    final = [v for v in range(1, last) if matrix[v][last]]
    for rank, v in enumerate(final):
        share, rest = divmod(outputs, len(final))
        channels[v] = share + (rank < rest)
    for v in range(last - 1, 0, -1):
        if not matrix[v][last]:
            channels[v] = max(channels[t] for t in range(v + 1, last) if matrix[v][t])
    return channels


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _operation(name: str, channels: int) -> nn.Module:
    if name == "maxpool3x3":
        return nn.MaxPool2d(3, stride=1, padding=1)
    return _conv(channels, channels, 3 if name == "conv3x3-bn-relu" else 1)


class Cell101(nn.Module):
    """A cell: edges from the input are 1×1 projections, other edges cut off surplus channels.

    A vertex applies its operation to the sum of its inputs. The output concatenates the vertices
    that lead to it and adds the projected input if there is an edge from it.

    Args:
        matrix: (V, V) upper triangular adjacency of a cell without useless vertices.
        operations: V − 2 names out of :data:`OPERATIONS`.
        inputs: Channels of the input.
        outputs: Channels of the output.
    """

    def __init__(
        self, matrix: Matrix, operations: Sequence[str], inputs: int, outputs: int
    ) -> None:
        super().__init__()
        self.matrix = tuple(tuple(row) for row in matrix)
        self.channels = vertex_channels(inputs, outputs, matrix)
        self.projections = nn.ModuleDict(
            {
                str(v): _conv(inputs, self.channels[v], 1)
                for v in range(1, len(matrix))
                if matrix[0][v]
            }
        )
        self.operations = nn.ModuleList(
            _operation(name, channels)
            for name, channels in zip(operations, self.channels[1:-1], strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        last = len(self.matrix) - 1
        vertices = [x]
        for v in range(1, last):
            incoming = [
                vertices[u][:, : self.channels[v]] for u in range(1, v) if self.matrix[u][v]
            ]
            if self.matrix[0][v]:
                incoming.append(self.projections[str(v)](x))
            vertices.append(self.operations[v - 1](sum(incoming[1:], incoming[0])))
        final = [vertices[v] for v in range(1, last) if self.matrix[v][last]]
        if not final:
            return self.projections[str(last)](x)  # type: ignore[no-any-return]
        output = torch.cat(final, dim=1)
        if self.matrix[0][last]:
            output = output + self.projections[str(last)](x)
        return output


class CellNetwork101(StagedNetwork):
    """3×3 stem and three stages of three cells, the resolution halved between the stages.

    Args:
        matrix: See :class:`Cell101`.
        operations: See :class:`Cell101`.
        width: Channels of the first stage; they double from stage to stage.
        cells: Cells per stage.
        channels: Channels of the images.
        num_classes: Number of logits, K.
    """

    def __init__(
        self,
        matrix: Matrix,
        operations: Sequence[str],
        *,
        width: int = 128,
        cells: int = 3,
        channels: int = 3,
        num_classes: int = 10,
    ) -> None:
        super().__init__()
        self.cell_graph = node_graph(matrix, operations, OPERATIONS)
        self.stem = _conv(channels, width, 3)
        self.stages = nn.ModuleList()
        for i in range(3):
            outputs = width * 2**i
            first = Cell101(matrix, operations, outputs // 2 if i else width, outputs)
            others = [Cell101(matrix, operations, outputs, outputs) for _ in range(cells - 1)]
            self.stages.append(nn.Sequential(first, *others))
        self.classifier = nn.Linear(4 * width, num_classes)
        kaiming(self)

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Feature maps after each stage, and logits."""
        x = self.stem(x)
        outputs = []
        for i, stage in enumerate(self.stages):
            if i > 0:
                x = F.max_pool2d(x, 2, ceil_mode=True)
            x = stage(x)
            outputs.append(x)
        return outputs, self.classifier(x.mean(dim=(2, 3)))
