"""From image files to class names: a trained student with the preprocessing of its training."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autodas.core.errors import FileProblem, InvalidInput
from autodas.core.places import expanded
from autodas.data import Normalisation
from autodas.data.pictures import decode_picture
from autodas.networks import StagedNetwork

__all__ = ["FilePredictor", "Prediction"]

AT_ONCE = 64  # images in a pass


@dataclass(frozen=True)
class Prediction:
    """What a student sees in one image.

    Attributes:
        file: The image.
        name: Of the most probable class; its number, if classes have no names.
        label: Its number.
        probability: Of that class, in [0, 1], as far as the student is to be believed.
        probabilities: Of all K classes.
    """

    file: Path
    name: str
    label: int
    probability: float
    probabilities: tuple[float, ...]


class FilePredictor:
    """Called with image files.

    Args:
        network: The student, in evaluation mode.
        description: What its file says of it.
    """

    def __init__(self, network: StagedNetwork, description: Mapping[str, Any]) -> None:
        self._network, self._description = network, description

    def __call__(self, files: Iterable[Path | str] | Path | str) -> list[Prediction]:
        """What is seen in each of ``files``.

        Images are decoded, scaled and normalised as those of the training were: the shorter side is
        scaled to the size of its images, bilinearly, and the centre square is taken.

        Raises:
            InvalidInput: its file does not say how, as of a student of grey images.
            FileProblem: an image cannot be read; the message names it.
        """
        named = [files] if isinstance(files, Path | str) else list(files)
        waiting, found = iter([expanded(Path(each)) for each in named]), list[Prediction]()
        normalisation, side, shape = self._preprocessing()
        while some := list(itertools.islice(waiting, AT_ONCE)):
            images = torch.stack([_decoded(file, side, shape) for file in some])
            found += self._seen(some, normalisation(images))
        return found

    def _seen(self, files: list[Path], images: Tensor) -> Iterator[Prediction]:
        device = next(self._network.parameters()).device
        training = self._network.training  # then BatchNorm would go by these images, and learn them
        self._network.eval()
        try:
            with torch.inference_mode():
                chances = self._network(images.to(device)).double().softmax(1).cpu()
        finally:
            self._network.train(training)
        names = self._description.get("class_names") or range(chances.shape[1])
        for file, row in zip(files, chances, strict=True):
            best = int(row.argmax())
            each = tuple(row.tolist())
            yield Prediction(file, str(names[best]), best, each[best], each)

    def _preprocessing(self) -> tuple[Normalisation, int | None, tuple[int, int]]:
        """How pixels are normalised, to what the shorter side is scaled, and (height, width)."""
        try:
            channels, height, width = self._description["input_shape"]
            stated = self._description["normalisation"]
            normalisation = Normalisation(tuple(stated["mean"]), tuple(stated["std"]))
            # Students of earlier versions say nothing of it: squares were scaled, others were not.
            usual = {"resize": height if height == width else None}
            side = self._description.get("transform", usual)["resize"]
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(
                f"the file of this student does not say how its images are normalised ({error}): "
                "normalise them as its training data, and call the student with tensors"
            ) from None
        if channels != 3:
            raise InvalidInput(
                f"this student sees images of {channels} channels, files are read as 3: call it "
                "with tensors"
            )
        return normalisation, None if side is None else int(side), (int(height), int(width))


def _decoded(file: Path, side: int | None, shape: tuple[int, int]) -> Tensor:
    """``(3, H, W)`` uint8."""
    height, width = shape
    pixels = decode_picture(file, file, side)
    if pixels.shape[1:] != shape:
        raise FileProblem(
            file,
            f"has {pixels.shape[2]}×{pixels.shape[1]} pixels, this student sees {width}×{height}",
        )
    return torch.from_numpy(np.ascontiguousarray(pixels))
