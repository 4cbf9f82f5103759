"""What the trainer costs beside a plain PyTorch loop, on a folder of JPEG files at 64 pixels.

Random resized crops of the files, mirror images, SGD; the same network, one process and one
thread. *plain* is a loop of ten lines over the trainer's own loader; *by hand* the same over
``torchvision.datasets.ImageFolder`` with the same transformations. An epoch of each is timed in
turns.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.optim import SGD
from torch.utils.data import DataLoader

from autodas.core.progress import Silent
from autodas.data import ImageData
from autodas.data.folder import load_folder
from autodas.data.images import IMAGENET
from autodas.distill import Recipe, get_recipe
from autodas.distill.batches import PictureLoader
from autodas.distill.engine import SingleDevice
from autodas.distill.loop import Loop
from autodas.networks import ResNet, seeded
from autodas.networks.import_timm import import_transforms
from benchmarks.timing import interleaved

SIDE, CLASSES, IMAGES, REPEATS = 64, 4, 384, 7
RECIPE = replace(
    get_recipe("image-cnn"),
    batch_size=64,
    colour_jitter=0.0,
    erasing=0.0,
    mixup=0.0,
    cutmix=0.0,
    label_smoothing=0.0,
    ema=0.0,
)


def main(images: int = IMAGES, repeats: int = REPEATS) -> dict[str, Any]:
    """Images per processor second of each way, and the trainer's time as a multiple of theirs."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        os.environ["AUTODAS_CACHE"] = f"{name}/cache"
        folder = Path(name) / "photographs"
        _make(folder, images)
        data = load_folder(f"folder:{folder}@{SIDE}")
        ways = {
            "trainer": _trainer(data).epoch,
            "plain": _Plain(data, _OwnLoader(data)).epoch,
            "by hand": _Plain(data, _image_folder(folder / "train")).epoch,
        }
        seconds = interleaved(ways, repeats)
    return {
        "images per processor second": {way: images / its for way, its in seconds.items()},
        "trainer / plain": seconds["trainer"] / seconds["plain"],
        "trainer / by hand": seconds["trainer"] / seconds["by hand"],
    }


def _make(folder: Path, images: int) -> None:
    """Photographs of nothing: smooth noise in JPEG, 100 to 160 pixels."""
    rng = np.random.default_rng(0)
    for part, count in (("train", images), ("val", 2 * CLASSES)):
        for number in range(count):
            place = folder / part / f"class{number % CLASSES}"
            place.mkdir(parents=True, exist_ok=True)
            small = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
            width, height = (int(side) for side in rng.integers(100, 161, size=2))
            small.resize((width, height)).save(place / f"{number}.jpg", quality=90)


def _network() -> nn.Module:
    return seeded(lambda: ResNet((1, 1, 1), (16, 32, 64), channels=3, num_classes=CLASSES), 0)


def _trainer(data: ImageData) -> Loop:
    loop = Loop(
        _network().train(),
        data,
        RECIPE,
        seed=0,
        teachers=[],
        engine=SingleDevice(),
        progress=Silent(),
    )
    loop.batches.source = PictureLoader(data, RECIPE, seed=0, processes=0)
    return loop


class _Plain:
    """The loop that one would write."""

    def __init__(self, data: ImageData, loader: Iterable[tuple[Tensor, Tensor]]) -> None:
        self.loader, self.normalisation = loader, data.normalisation or IMAGENET
        self.network = _network().train()
        self.optimizer = SGD(
            self.network.parameters(),
            RECIPE.learning_rate,
            RECIPE.momentum,
            weight_decay=RECIPE.weight_decay,
            nesterov=True,
            fused=True,
        )

    def epoch(self) -> None:
        for pixels, labels in self.loader:
            mirrored = torch.rand(len(pixels), 1, 1, 1) < 0.5
            images = self.normalisation(torch.where(mirrored, pixels.flip(3), pixels))
            loss = F.cross_entropy(self.network(images), labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()


class _OwnLoader:
    """The trainer's own loader, as pairs of pixels and labels."""

    def __init__(self, data: ImageData, recipe: Recipe = RECIPE) -> None:
        self.labels, self.size = data.train_labels, recipe.batch_size
        self.loader, self.epoch = PictureLoader(data, recipe, seed=0, processes=0), 0

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        indices = torch.randperm(len(self.labels)).split(self.size)
        self.epoch += 1
        fetched = self.loader.epoch(self.epoch, indices)
        return (
            (pixels, self.labels[index]) for pixels, index in zip(fetched, indices, strict=True)
        )


def _image_folder(folder: Path) -> Iterable[tuple[Tensor, Tensor]]:
    v2 = import_transforms()
    from torchvision.datasets import ImageFolder

    crop = v2.RandomResizedCrop(SIDE, scale=(RECIPE.resized_crop, 1.0))
    pictures = ImageFolder(str(folder), v2.Compose([crop, v2.PILToTensor()]))
    return DataLoader(pictures, batch_size=RECIPE.batch_size, shuffle=True)
