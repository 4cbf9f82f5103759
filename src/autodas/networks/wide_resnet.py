"""Wide residual networks, WRN-depth-widening (Zagoruyko & Komodakis, 2016)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from autodas.core.errors import InvalidInput
from autodas.networks.base import StagedNetwork
from autodas.networks.initialise import kaiming

__all__ = ["PreActivationBlock", "WideResNet"]


class PreActivationBlock(nn.Module):
    """BN–ReLU–conv–BN–ReLU–conv, added to the input.

    Where shapes differ, the shortcut is a 1×1 convolution of the activated input.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        stride: Of the first convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        same = inputs == outputs and stride == 1
        self.shortcut = None if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, ⌈H / stride⌉, ⌈W / stride⌉)."""
        active = F.relu(self.bn1(x))
        out = self.conv2(F.relu(self.bn2(self.conv1(active))))
        return out + (x if self.shortcut is None else self.shortcut(active))  # type: ignore[no-any-return]


class WideResNet(StagedNetwork):
    """WRN of three stages of widths 16k, 32k, 64k.

    Args:
        layers: 6n + 4 for n blocks per stage: 16, 28, 40.
        widening: k.
        channels: Channels of the images.
        num_classes: Number of logits, K.

    Raises:
        InvalidInput: ``layers`` is not 6n + 4.
    """

    def __init__(
        self, layers: int, widening: int, *, channels: int = 3, num_classes: int = 10
    ) -> None:
        super().__init__()
        blocks, rest = divmod(layers - 4, 6)
        if rest or blocks < 1:
            raise InvalidInput(f"a wide ResNet has 6n + 4 layers (10, 16, 22, 28, …), got {layers}")
        self.conv1 = nn.Conv2d(channels, 16, 3, 1, 1, bias=False)
        self.stages = nn.ModuleList()
        inputs = 16
        for i in range(3):
            outputs = 16 * widening * 2**i
            first = PreActivationBlock(inputs, outputs, 2 if i else 1)
            others = [PreActivationBlock(outputs, outputs, 1) for _ in range(blocks - 1)]
            self.stages.append(nn.Sequential(first, *others))
            inputs = outputs
        self.norm = nn.BatchNorm2d(inputs)
        self.classifier = nn.Linear(inputs, num_classes)
        kaiming(self)

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Feature maps after each stage, before the next activation, and logits."""
        x = self.conv1(x)
        outputs = []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return outputs, self.classifier(F.relu(self.norm(x)).mean(dim=(2, 3)))
