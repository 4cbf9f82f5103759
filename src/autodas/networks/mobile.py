"""Inverted residual networks (Sandler et al., *MobileNetV2*, 2018) for small devices."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from autodas.networks.base import StagedNetwork, kaiming

__all__ = ["InvertedResidual", "MobileNet"]


class InvertedResidual(nn.Module):
    """Widen by a 1×1 convolution, filter depthwise, narrow again; the narrow ends are added.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        stride: Of the depthwise convolution.
        expansion: Widening factor; 1 leaves the first convolution out.
        kernel: Odd kernel size of the depthwise convolution.
    """

    def __init__(
        self, inputs: int, outputs: int, *, stride: int, expansion: int, kernel: int
    ) -> None:
        super().__init__()
        hidden = inputs * expansion
        widen = [
            nn.Conv2d(inputs, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(),
        ]
        self.body = nn.Sequential(
            *(widen if expansion > 1 else []),
            nn.Conv2d(hidden, hidden, kernel, stride, kernel // 2, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, ⌈H / stride⌉, ⌈W / stride⌉)."""
        out: Tensor = self.body(x)
        return x + out if self.residual else out


class MobileNet(StagedNetwork):
    """Stem, stages of inverted residuals, a 1×1 head convolution, classifier.

    Args:
        depths: Blocks in each stage.
        widths: Channels of each stage.
        expansions: Widening factor of each stage.
        kernels: Depthwise kernel size of each stage.
        strides: Stride of the first block of each stage.
        stem_stride: Stride of the first convolution.
        stem: Channels of the first convolution.
        head: Channels of the last convolution.
        channels: Channels of the images.
        num_classes: Number of logits, K.
    """

    def __init__(
        self,
        depths: Sequence[int],
        widths: Sequence[int],
        expansions: Sequence[int],
        kernels: Sequence[int],
        *,
        strides: Sequence[int],
        stem_stride: int = 1,
        stem: int = 16,
        head: int = 320,
        channels: int = 3,
        num_classes: int = 10,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, stem, 3, stem_stride, 1, bias=False), nn.BatchNorm2d(stem)
        )
        self.stages = nn.ModuleList()
        inputs = stem
        for depth, outputs, expansion, kernel, stride in zip(
            depths, widths, expansions, kernels, strides, strict=True
        ):
            blocks = [
                InvertedResidual(
                    outputs if k else inputs,
                    outputs,
                    stride=1 if k else stride,
                    expansion=expansion,
                    kernel=kernel,
                )
                for k in range(depth)
            ]
            self.stages.append(nn.Sequential(*blocks))
            inputs = outputs
        self.head = nn.Sequential(nn.Conv2d(inputs, head, 1, bias=False), nn.BatchNorm2d(head))
        self.classifier = nn.Linear(head, num_classes)
        kaiming(self)

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Narrow feature maps after each stage, and logits."""
        x = F.relu6(self.stem(x))
        outputs = []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return outputs, self.classifier(F.relu6(self.head(x)).mean(dim=(2, 3)))
