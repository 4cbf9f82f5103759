"""Residual networks of basic blocks (He et al., 2016), and two of their kin.

One family, with free depth, width and kernel, covers the CIFAR ResNets (3×3 stem, three stages),
ResNet-18/34 (7×7 stem with pooling, four stages) and the small networks for 8×8 digits. Parameter
names follow the common CIFAR checkpoints: ``conv1``, ``bn1``, ``layer{stage}.{block}.…``,
``linear``. Beside it stand wide ResNets, WRN-depth-widening (Zagoruyko & Komodakis, 2016), and a
variant whose blocks end linearly, of which there are public checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from autodas.core.errors import InvalidInput
from autodas.networks.base import StagedNetwork, kaiming

__all__ = [
    "BasicBlock",
    "LinearBlock",
    "LinearResNet",
    "PreActivationBlock",
    "ResNet",
    "WideResNet",
    "cifar_resnet",
    "resnet18",
]

Shortcut = Literal["projection", "pad"]


class PadShortcut(nn.Module):
    """Shortcut without parameters: every other pixel, zeros for the new channels (option A).

    Args:
        before: Channels added at the front.
        after: Channels added at the back.
        stride: Distance between the pixels kept.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.padding = (0, 0, 0, 0, before, after)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C + before + after, ⌈H / stride⌉, ⌈W / stride⌉)."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], self.padding)


class BasicBlock(nn.Module):
    """conv–BN–ReLU–conv–BN, added to the shortcut, then ReLU.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        stride: Of the first convolution.
        kernel: Odd kernel size of both convolutions.
        shortcut: What replaces the identity where shapes differ: a 1×1 convolution with BN, or
            subsampling with zero padding.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int, kernel: int, shortcut: Shortcut
    ) -> None:
        super().__init__()
        pad = kernel // 2
        self.conv1 = nn.Conv2d(inputs, outputs, kernel, stride, pad, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel, 1, pad, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = _shortcut(inputs, outputs, stride, shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, ⌈H / stride⌉, ⌈W / stride⌉)."""
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


def _shortcut(inputs: int, outputs: int, stride: int, kind: Shortcut) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Sequential()
    if kind == "pad":
        added = outputs - inputs
        return PadShortcut(added // 2, added - added // 2, stride)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class ResNet(StagedNetwork):
    """A residual network; its stages are the groups of blocks of one resolution.

    Args:
        depths: Blocks in each stage.
        widths: Channels of each stage.
        kernels: Kernel size of each stage; 3 everywhere by default.
        stem: Channels of the first convolution; those of the first stage by default.
        large_stem: 7×7 convolution of stride 2 and 3×3 max pooling of stride 2, for images of
            ImageNet's size, in place of a 3×3 convolution of stride 1.
        shortcut: See :class:`BasicBlock`.
        channels: Channels of the images.
        num_classes: Number of logits, K.
    """

    def __init__(
        self,
        depths: Sequence[int],
        widths: Sequence[int],
        *,
        kernels: Sequence[int] | None = None,
        stem: int | None = None,
        large_stem: bool = False,
        shortcut: Shortcut = "projection",
        channels: int = 3,
        num_classes: int = 10,
    ) -> None:
        super().__init__()
        width = stem or widths[0]
        size, stride = (7, 2) if large_stem else (3, 1)
        self.conv1 = nn.Conv2d(channels, width, size, stride, size // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool: nn.Module = nn.MaxPool2d(3, 2, 1) if large_stem else nn.Identity()
        self.stage_names = tuple(f"layer{i + 1}" for i in range(len(depths)))
        kernels = kernels or [3] * len(depths)
        for i, (depth, outputs, kernel) in enumerate(zip(depths, widths, kernels, strict=True)):
            blocks = [
                BasicBlock(
                    width if k == 0 else outputs,
                    outputs,
                    2 if i > 0 and k == 0 else 1,
                    kernel,
                    shortcut,
                )
                for k in range(depth)
            ]
            self.add_module(self.stage_names[i], nn.Sequential(*blocks))
            width = outputs
        self.linear = nn.Linear(width, num_classes)
        kaiming(self)

    @property
    def classifier(self) -> nn.Linear:  # type: ignore[override]
        """The last layer, called ``linear`` in checkpoints."""
        return self.linear

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Feature maps after each stage, and logits; see the base class."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        stages = []
        for name in self.stage_names:
            x = self.get_submodule(name)(x)
            stages.append(x)
        return stages, self.linear(x.mean(dim=(2, 3)))


def cifar_resnet(layers: int, *, num_classes: int = 10, channels: int = 3) -> ResNet:
    """ResNet-``layers`` for CIFAR with parameter-free shortcuts (He et al., 2016, section 4.2).

    Args:
        layers: 6n + 2 for n blocks in each of three stages of widths 16, 32, 64.
        num_classes: Number of logits.
        channels: Channels of the images.

    Raises:
        InvalidInput: ``layers`` is not 6n + 2.
    """
    blocks, rest = divmod(layers - 2, 6)
    if rest or blocks < 1:
        raise InvalidInput(f"a CIFAR ResNet has 6n + 2 layers (8, 14, 20, …), got {layers}")
    return ResNet(
        (blocks,) * 3, (16, 32, 64), shortcut="pad", num_classes=num_classes, channels=channels
    )


def resnet18(*, num_classes: int = 1000, channels: int = 3) -> ResNet:
    """ResNet-18 for images of ImageNet's size (He et al., 2016, table 1)."""
    return ResNet(
        (2, 2, 2, 2),
        (64, 128, 256, 512),
        large_stem=True,
        num_classes=num_classes,
        channels=channels,
    )


class LinearBlock(BasicBlock):
    """conv–BN–ReLU–conv–BN plus the shortcut, with nothing after it."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, ⌈H / stride⌉, ⌈W / stride⌉)."""
        out = F.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.conv2(out)) + self.shortcut(x)  # type: ignore[no-any-return]


class LinearResNet(StagedNetwork):
    """Three stages of widths 16, 32, 64, with one ReLU after each.

    Public CIFAR-100 checkpoints have this form. It differs from the ResNets of He et al. (2016) in
    three ways: a stem of 64 channels, no ReLU after the additions inside a stage, and a classifier
    that sees a 2 × 2 grid of averages instead of one.

    Args:
        blocks: Blocks in each stage: 1 to 5 for ResNet-8, 14, 20, 26, 32.
        channels: Channels of the images.
        num_classes: Number of logits, K.
    """

    def __init__(self, blocks: int, *, channels: int = 3, num_classes: int = 100) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _linear_stage(64, 16, blocks, stride=1)
        self.layer2 = _linear_stage(16, 32, blocks, stride=2)
        self.layer3 = _linear_stage(32, 64, blocks, stride=2)
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


def _linear_stage(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
    first = LinearBlock(inputs, outputs, stride, 3, "projection")
    others = [LinearBlock(outputs, outputs, 1, 3, "projection") for _ in range(blocks - 1)]
    return nn.Sequential(first, *others)


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
