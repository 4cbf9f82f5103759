"""Networks as somebody might have them in a module, who has never heard of stages."""

from torch import nn


class Small(nn.Module):
    def __init__(self, num_classes, width=4, channels=1):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width))
        self.deep = nn.Sequential(nn.Conv2d(width, 2 * width, 3, 2, 1), nn.BatchNorm2d(2 * width))
        self.head = nn.Linear(2 * width, num_classes)

    def forward(self, x):
        x = self.deep(self.stem(x).relu()).relu()
        return self.head(x.mean((2, 3)))


def small(num_classes, input_shape=(1, 8, 8), width=4):
    return Small(num_classes, width, input_shape[0])


def of_ten():
    return Small(10)


class Raises(Small):
    def forward(self, x):
        raise ValueError("as always")


def broken(num_classes):
    return Raises(num_classes)


def unbuilt(num_classes):
    raise ValueError("as always")


class Of48(Small):
    def forward(self, x):
        if x.shape[-1] != 48:
            raise ValueError("only 48 pixels")
        return super().forward(x)


def of_48(num_classes):
    return Of48(num_classes, channels=3)


def nothing(num_classes):
    return num_classes


CONSTANT = 3
