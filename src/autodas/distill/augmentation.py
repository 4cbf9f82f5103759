"""Transformations of single pictures as the field trains with them, all by torchvision."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from torch import Tensor

from autodas.distill.recipe import Recipe
from autodas.networks.import_timm import import_transforms

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["PictureTransform", "picture_transform"]

PictureTransform: TypeAlias = "Callable[[Image], Tensor]"


def picture_transform(
    recipe: Recipe, size: tuple[int, int], fill: tuple[int, ...]
) -> PictureTransform:
    """From a picture to one of its views, ``(C, H, W)`` uint8.

    It draws from PyTorch's global generator of the CPU.

    Args:
        recipe: Says which transformations, with which strength.
        size: Height and width of the views. Pictures have them already, unless the recipe crops.
        fill: One number per channel for what is erased or lies beyond the border, in 0 … 255.

    Raises:
        MissingData: torchvision is not there.
    """
    v2 = import_transforms()
    steps: list[Callable[..., object]] = []
    if recipe.resized_crop:
        steps.append(v2.RandomResizedCrop(size, scale=(recipe.resized_crop, 1.0)))
    if recipe.rand_augment:
        bilinear = v2.InterpolationMode.BILINEAR
        steps.append(
            v2.RandAugment(magnitude=recipe.rand_augment, interpolation=bilinear, fill=list(fill))
        )
    if recipe.colour_jitter:
        steps.append(v2.ColorJitter(*[recipe.colour_jitter] * 3))
    steps.append(v2.PILToTensor())
    if recipe.erasing:
        # As pixels, so that what is erased is near zero once it is normalised.
        steps.append(v2.RandomErasing(recipe.erasing, value=list(fill)))
    composed: PictureTransform = v2.Compose(steps)
    return composed
