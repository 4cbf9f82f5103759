"""VGG networks with batch normalisation (Simonyan & Zisserman, 2015), in the form for CIFAR."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from autodas.core.errors import InvalidInput
from autodas.networks.base import StagedNetwork, kaiming

__all__ = ["VGG"]

CONVOLUTIONS = {
    8: (1, 1, 1, 1, 1),
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
WIDTHS = (64, 128, 256, 512, 512)


class VGG(StagedNetwork):
    """Five stages of 3×3 convolutions with max pooling between them, one linear layer.

    Args:
        layers: 8, 11, 13, 16 or 19; three of them are the fully connected layers of the original.
        channels: Channels of the images.
        num_classes: Number of logits, K.

    Raises:
        InvalidInput: there is no VGG of so many layers.
    """

    def __init__(self, layers: int, *, channels: int = 3, num_classes: int = 10) -> None:
        super().__init__()
        if layers not in CONVOLUTIONS:
            raise InvalidInput(f"VGG has 8, 11, 13, 16 or 19 layers, got {layers}")
        self.stages = nn.ModuleList()
        inputs = channels
        for count, width in zip(CONVOLUTIONS[layers], WIDTHS, strict=True):
            parts: list[nn.Module] = []
            for _ in range(count):
                parts += [nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
                inputs = width
            self.stages.append(nn.Sequential(*parts))
        self.classifier = nn.Linear(inputs, num_classes)
        kaiming(self)

    def forward_stages(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Feature maps of each stage, before pooling, and logits."""
        outputs = []
        for i, stage in enumerate(self.stages):
            if i > 0:
                # Rounding up lets images of any size through.
                x = F.max_pool2d(x, 2, ceil_mode=True)
            x = stage(x)
            outputs.append(x)
        return outputs, self.classifier(x.mean(dim=(2, 3)))
