"""A CIFAR ResNet variant whose blocks end linearly, with one ReLU after each stage.

Public CIFAR-100 checkpoints have this form. It differs from the ResNets of He et al. (2016) in
three ways: a stem of 64 channels, no ReLU after the additions inside a stage, and a classifier
that sees a 2 × 2 grid of averages instead of one.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from autodas.networks.base import StagedNetwork
from autodas.networks.initialise import kaiming
from autodas.networks.resnet import BasicBlock

__all__ = ["LinearBlock", "LinearResNet"]


class LinearBlock(BasicBlock):
    """conv–BN–ReLU–conv–BN plus the shortcut, with nothing after it."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, ⌈H / stride⌉, ⌈W / stride⌉)."""
        out = F.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.conv2(out)) + self.shortcut(x)  # type: ignore[no-any-return]


class LinearResNet(StagedNetwork):
    """Three stages of widths 16, 32, 64 behind a stem of 64 channels.

    Args:
        blocks: Blocks in each stage: 1 to 5 for ResNet-8, 14, 20, 26, 32.
        channels: Channels of the images.
        num_classes: Number of logits, K.
    """

    def __init__(self, blocks: int, *, channels: int = 3, num_classes: int = 100) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _stage(64, 16, blocks, stride=1)
        self.layer2 = _stage(16, 32, blocks, stride=2)
        self.layer3 = _stage(32, 64, blocks, stride=2)
        self.linear = nn.Linear(4 * 64, num_classes)
        kaiming(self)

    @property
    def classifier(self) -> nn.Linear:  # type: ignore[override]
        """The last layer, called ``linear`` in checkpoints."""
        return self.linear

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Feature maps after each stage's ReLU, and logits."""
        x = F.relu(self.bn1(self.conv1(x)))
        stages = []
        for stage in (self.layer1, self.layer2, self.layer3):
            x = F.relu(stage(x))
            stages.append(x)
        return stages, self.linear(F.adaptive_avg_pool2d(x, 2).flatten(1))


def _stage(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
    first = LinearBlock(inputs, outputs, stride, 3, "projection")
    others = [LinearBlock(outputs, outputs, 1, 3, "projection") for _ in range(blocks - 1)]
    return nn.Sequential(first, *others)
