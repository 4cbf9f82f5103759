"""Where the batches of a training come from: memory, or loader processes.

Small sets of plain images lie in memory, or on the GPU, and a batch is an index into them. Where
every picture is transformed by itself, or images stay in their files, PyTorch's ``DataLoader``
decodes and transforms ahead of the training. What is drawn depends on the seed, the epoch and the
number of the image alone, so that neither the number of processes nor a kill shows in it.
"""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from autodas.core.errors import AutodasError, InvalidInput
from autodas.core.rng import derive, derive_seed
from autodas.data import ImageData, crop_and_flip
from autodas.data.image_files import ImageFiles, Images
from autodas.distill.augmentation import PictureTransform, picture_transform
from autodas.distill.engine import Engine
from autodas.distill.mixing import Labels, mix
from autodas.distill.recipe import Recipe
from autodas.distill.shifted_views import Views, resident

__all__ = ["PictureLoader", "TrainingBatch", "TrainingBatches", "loader_processes"]

Numbers = npt.NDArray[np.int64]
STREAMS = ("order", "shifts", "crops", "mixing")
MOST_LOADERS = 8  # processes: more than decode for a GPU in time are idle
AHEAD = 2  # batches that each of them keeps ready


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """What one step sees.

    Attributes:
        view: ``(B,)`` int64: which shift of each image is shown.
        index: ``(B,)`` int64: which images.
        images: ``(B, C, H, W)`` float32, augmented and normalised, on the device.
        labels: What they are said to show, on the device.
    """

    view: Tensor
    index: Tensor
    images: Tensor
    labels: Labels


class TrainingBatches:
    """The batches of all epochs; one process of several gets its share of each.

    Args:
        data: Whose training part is shown.
        recipe: How it is cut into batches and augmented.
        seed: Decides order and augmentation.
        engine: Where batches are wanted.

    Attributes:
        count: Batches of an epoch.
    """

    def __init__(self, data: ImageData, recipe: Recipe, *, seed: int, engine: Engine) -> None:
        self.data, self.recipe, self.engine = data, recipe, engine
        self.size = len(data.train_labels)
        self.count = math.ceil(self.size / recipe.batch_size)
        self.streams = {name: derive(seed, name) for name in STREAMS}
        self.source: Views | PictureLoader
        if recipe.transforms_pictures or isinstance(data.train_images, ImageFiles):
            self.source = PictureLoader(data, recipe, seed=seed, device=engine.device)
        else:
            self.source = Views(resident(data, engine.device), recipe.shift)

    def epoch(self, number: int) -> Iterator[TrainingBatch]:
        """Batches that cover every image once; ``number`` counts epochs from 0."""
        recipe, device = self.recipe, self.engine.device
        order = self.streams["order"].permutation(self.size)
        view = self.streams["shifts"].integers((2 * recipe.shift + 1) ** 2, size=self.size)
        parts = [
            whole[self.engine.rank :: self.engine.world]
            for whole in np.array_split(np.arange(self.size), self.count)
        ]
        views = [torch.from_numpy(view[part]) for part in parts]
        indices = [torch.from_numpy(order[part]) for part in parts]
        for its, index, fetched in zip(
            views, indices, self._fetched(number, views, indices), strict=True
        ):
            pixels = fetched.to(device, non_blocking=True)
            if recipe.padding or recipe.flip:
                rng = self.streams["crops"]
                pixels = crop_and_flip(pixels, rng, padding=recipe.padding, flip=recipe.flip)
            targets = self.data.train_labels[index].to(device)
            mixed = mix(self.data.ready(pixels), targets, recipe, self.streams["mixing"])
            yield TrainingBatch(its, index, *mixed)

    def _fetched(
        self, number: int, views: Sequence[Tensor], indices: Sequence[Tensor]
    ) -> Iterator[Tensor]:
        """``(B, C, H, W)`` pixels of each batch, shifted."""
        if isinstance(self.source, Views):
            yield from map(self.source.images, views, indices)
            return
        for view, pixels in zip(views, self.source.epoch(number, indices), strict=True):
            shown = Views(pixels, self.recipe.shift)
            yield shown.images(view, torch.arange(len(pixels))) if self.recipe.shift else pixels

    def state(self) -> dict[str, Any]:
        """Where the streams stand, as JSON values."""
        return {name: rng.bit_generator.state for name, rng in self.streams.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state`."""
        for name, rng in self.streams.items():
            rng.bit_generator.state = state[name]


class PictureLoader:
    """Batches of pictures that are decoded and transformed when they are needed, ahead of it.

    Args:
        data: Whose training part.
        recipe: How each picture is transformed.
        seed: Of the transformations.
        device: Where batches go: those for a GPU are put into pinned memory.
        processes: That decode; as many as :func:`loader_processes` says by default.

    Raises:
        InvalidInput: the data are numbers and no pictures, which cannot be transformed.
        MissingData: torchvision is not there, and the recipe needs it.
    """

    def __init__(
        self,
        data: ImageData,
        recipe: Recipe,
        *,
        seed: int,
        device: str = "cpu",
        processes: int | None = None,
    ) -> None:
        count = loader_processes(device) if processes is None else processes
        self._plan = _Plan()
        self._loader: DataLoader[Any] = DataLoader(
            _Views(data, recipe, seed),
            batch_size=None,  # whole batches are planned
            sampler=self._plan,
            num_workers=count,
            prefetch_factor=AHEAD if count else None,
            persistent_workers=count > 0,
            pin_memory=torch.device(device).type == "cuda",
            generator=torch.Generator(),  # else it would draw from the stream of stochastic layers
        )

    def epoch(self, number: int, indices: Sequence[Tensor]) -> Iterator[Tensor]:
        """``(B, C, H, W)`` uint8 pixels of each batch of images.

        Raises:
            AutodasError: an image cannot be read.
        """
        self._plan.batches = [(number, index) for index in indices]
        for pixels in self._loader:
            if isinstance(pixels, AutodasError):
                raise pixels
            yield pixels


class _Plan(Sampler[tuple[int, Tensor]]):
    """What the loader is to fetch: (number of the epoch, numbers of images) of each batch."""

    def __init__(self) -> None:
        self.batches: Sequence[tuple[int, Tensor]] = ()

    def __iter__(self) -> Iterator[tuple[int, Tensor]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class _Views(Dataset[Any]):
    """Views of the training images; what a loader process holds."""

    def __init__(self, data: ImageData, recipe: Recipe, seed: int) -> None:
        self.seed = seed
        self.images: Images = data.train_images
        self.originals = data.originals if recipe.resized_crop else None
        self.transform: PictureTransform | None = None
        if recipe.transforms_pictures:
            if data.normalisation is None or data.train_images.dtype != torch.uint8:
                raise InvalidInput(
                    f"recipe {recipe.name!r} transforms pictures, and data set {data.name!r} has "
                    "normalised numbers in their place: take another recipe"
                )
            grey = tuple(round(255 * mean) for mean in data.normalisation.mean)
            self.transform = picture_transform(recipe, data.input_shape[1:], grey)

    def __getitem__(self, wanted: tuple[int, Tensor]) -> Tensor | AutodasError:
        """The pixels of a batch; an error as a value, which keeps its class between processes."""
        epoch, index = wanted
        try:
            if self.transform is None:
                return self.images[index]
            with torch.random.fork_rng(devices=[]):
                return torch.stack(list(self._transformed(self.transform, epoch, index.tolist())))
        except AutodasError as error:
            return AutodasError(str(error))

    def _transformed(
        self, transform: PictureTransform, epoch: int, numbers: Iterable[int]
    ) -> Iterator[Tensor]:
        for number in numbers:
            torch.default_generator.manual_seed(derive_seed(self.seed, "view", epoch, number))
            if self.originals is None:
                yield transform(_as_picture(self.images[number : number + 1][0]))
            else:
                yield transform(self.originals.picture(number))


def _as_picture(pixels: Tensor) -> Any:  # noqa: ANN401 - Pillow is an optional package
    """``(C, H, W)`` uint8 as one of Pillow's pictures, C being 1 or 3."""
    from PIL import Image  # noqa: PLC0415

    rows = pixels.permute(1, 2, 0).contiguous().numpy()
    return Image.fromarray(rows[:, :, 0] if rows.shape[2] == 1 else rows)


def loader_processes(device: str) -> int:
    """How many processes decode beside the one that trains on ``device``.

    On a CPU trainings that run side by side fill all cores themselves.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    beside = multiprocessing.parent_process() is not None
    if beside and torch.device(device).type == "cpu":
        return 0
    return min(MOST_LOADERS, ((cores or 1) - 1) // (2 if beside else 1))
