"""Networks of TransNAS-Bench-101 (Duan et al., CVPR 2021): a stem and modules of two blocks each.

In its macro space a block is a residual block of ResNet, and modules differ in whether they double
the channels or halve the resolution. In its micro space there are five modules that do so in turn,
and a block is a cell of four nodes. The head behind the modules is that of the task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from autodas.core.tasks import CLASSIFICATION, DENSE, Task
from autodas.networks.base import StagedNetwork, kaiming
from autodas.networks.cell_graphs import edge_graph
from autodas.networks.darts import Halved
from autodas.networks.heads import head_of, mosaic, pieces
from autodas.networks.nasbench201 import EDGES, through_cell

__all__ = ["MICRO_MODULES", "MODULES", "OPERATIONS", "TransNasNetwork"]

OPERATIONS = ("none", "skip", "conv1x1", "conv3x3")
"""Of an edge between two nodes of a cell; their numbers are those of the benchmark."""

MODULES = ("plain", "wider", "halved", "halved-wider")
"""Kinds of a module; its number in the benchmark is one more than its place here."""

MICRO_MODULES = ("halved-wider", "plain", "halved-wider", "plain", "halved-wider")
WIDTH = 64
BLOCKS = 2  # of a module

Block = Callable[[int, int, int], nn.Module]


class TransNasNetwork(StagedNetwork):
    """Stem that reduces the resolution to a quarter, modules, and the head of a task.

    Args:
        modules: Of :data:`MODULES`, from first to last.
        operations: The cell, six of :data:`OPERATIONS` in the order of the edges of NAS-Bench-201;
            residual blocks if None.
        channels: Channels of the images.
        num_classes: Number of logits, K; of another task, of its outputs.
        task: Whose head there is: a linear classifier, or one of
            :data:`autodas.core.tasks.OUTPUTS`.
    """

    def __init__(
        self,
        modules: Sequence[str],
        operations: Sequence[str] | None = None,
        *,
        channels: int = 3,
        num_classes: int = 63,
        task: Task = CLASSIFICATION,
    ) -> None:
        super().__init__()
        block: Block = ResidualBlock
        if operations is not None:
            self.cell_graph = edge_graph(EDGES, operations, OPERATIONS)
            block = _cells(operations)
        self.stem = nn.Sequential(
            nn.Conv2d(channels, WIDTH // 2, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(WIDTH // 2),
            _convolution(WIDTH // 2, WIDTH, 3, 2),
        )
        self.body = nn.ModuleList()
        self.halves = [kind.startswith("halved") for kind in modules]
        width = WIDTH
        for kind, halves in zip(modules, self.halves, strict=True):
            wider = width * (2 if kind.endswith("wider") else 1)
            first = block(width, wider, 2 if halves else 1)
            rest = [block(wider, wider, 1) for _ in range(BLOCKS - 1)]
            self.body.append(nn.Sequential(first, *rest))
            width = wider
        kaiming(self)
        self.task = task
        if task == CLASSIFICATION:
            self.classifier = nn.Linear(width, num_classes)
        else:
            head = head_of(task, width, 2 + sum(self.halves), num_classes)
            self.classifier = head  # type: ignore[assignment]  # no linear layer of dense tasks

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Last feature maps of each resolution, and outputs.

        Of a dense task these are (B, K, H, W), those of a decoder of more pixels cut off at the
        right and below. A jigsaw's feature maps are put together from those of the pieces.
        """
        size = x.shape[2:]
        x = self.stem(pieces(x) if self.task == "jigsaw" else x)
        stages: list[Tensor] = []
        for module, halves in zip(self.body, self.halves, strict=True):
            if halves:
                x = self._seen(x, stages)
            x = module(x)
        x = self._seen(x, stages)
        if self.task in DENSE:
            return stages, self.classifier(x)[..., : size[0], : size[1]]
        x = x.mean(dim=(2, 3))
        return stages, self.classifier(x.reshape(-1, self.classifier.in_features))

    def _seen(self, x: Tensor, stages: list[Tensor]) -> Tensor:
        """Add features to the stages; what goes on through the network is computed from these."""
        if self.task != "jigsaw":
            stages.append(x)
            return x
        stages.append(mosaic(x))
        return pieces(stages[-1])


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions beside a shortcut, which is a convolution where shapes change.

    Args:
        inputs: Channels before.
        outputs: Channels after.
        stride: 1, or 2 to halve the resolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv_a = _convolution(inputs, outputs, 3, stride)
        self.conv_b = _convolution(outputs, outputs, 3, 1)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, ⌈H / stride⌉, ⌈W / stride⌉)."""
        return self.downsample(x) + self.conv_b(self.conv_a(x))  # type: ignore[no-any-return]


class TransNasCell(nn.Module):
    """Four nodes, each the sum of what its incoming edges carry; edges from the first may halve.

    Args:
        operations: Names of the six operations.
        inputs: Channels of the first node.
        outputs: Channels of the others.
        stride: 1, or 2 to halve the resolution.
    """

    def __init__(self, operations: Sequence[str], inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.outputs, self.stride = outputs, stride
        self.edges = nn.ModuleDict()
        for (source, target), name in zip(EDGES, operations, strict=True):
            before, step = (outputs, 1) if source else (inputs, stride)
            if name == "skip" and step == 1 and before == outputs:
                self.edges[f"{source}-{target}"] = nn.Identity()
            elif name == "skip":
                self.edges[f"{source}-{target}"] = Halved(before, outputs)
            elif name != "none":
                kernel = int(name[-1])
                self.edges[f"{source}-{target}"] = _convolution(before, outputs, kernel, step)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, ⌈H / stride⌉, ⌈W / stride⌉)."""
        return through_cell(self.edges, x, self._nothing)

    def _nothing(self, x: Tensor) -> Tensor:
        """Zeros that stay connected to the input, as a stage has to be."""
        seen = x[:, :1, :: self.stride, :: self.stride] * 0.0
        return seen.expand(-1, self.outputs, -1, -1)


def _cells(operations: Sequence[str]) -> Block:
    return lambda inputs, outputs, stride: TransNasCell(operations, inputs, outputs, stride)


def _convolution(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )
