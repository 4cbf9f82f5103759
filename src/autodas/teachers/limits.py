"""Sizes of networks that files and names may ask for.

A line of text can ask for a network of any size. What is asked for is looked at before anything is
made: building a network takes time for every block and memory for every weight.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from autodas.core.errors import InvalidInput
from autodas.networks import seeded

__all__ = ["MOST_TIMM", "check_arguments", "check_sizes", "parameters_within_limits", "shown"]

MOST_CLASSES = 10**6
MOST_TIMM = 10**5  # classes of a model whose weights are not counted beforehand
MOST_CHANNELS = 1024
MOST_PIXELS = 8192  # along one side
MOST_BLOCKS = 1000
MOST_PARAMETERS = 2 * 10**9
LARGEST_NUMBER = 2**16  # widths and the like
LONGEST_WORD = 200

# How many blocks one unit of an argument stands for.
BLOCKS = {"depths": 1.0, "blocks": 3.0, "layers": 0.5}


def check_sizes(
    num_classes: int, input_shape: tuple[int, int, int], classes: int | None = None
) -> None:
    """Refuse more classes, channels or pixels than ``MOST_…`` of each.

    Args:
        num_classes: Number of logits, K.
        input_shape: (C, H, W) of the images.
        classes: The limit in place of ``MOST_CLASSES``.

    Raises:
        InvalidInput: it is more, or less than one.
    """
    channels, height, width = input_shape
    for what, size, most in (
        ("classes", num_classes, classes or MOST_CLASSES),
        ("channels", channels, MOST_CHANNELS),
        ("pixels along a side", max(height, width), MOST_PIXELS),
    ):
        if size > most:
            raise InvalidInput(f"a network has at most {most} {what}, got {shown(size)}")
    if min(num_classes, *input_shape) < 1:
        raise InvalidInput(
            f"num_classes and input_shape must be positive, got {num_classes}, {input_shape}"
        )


def check_arguments(arguments: Mapping[str, Any]) -> None:
    """Refuse arguments of a network that are no small numbers, words or lists of small numbers.

    Raises:
        InvalidInput: a list has more than ``MOST_BLOCKS`` entries, a number lies beyond
            ``LARGEST_NUMBER``, or depths add up to more than ``MOST_BLOCKS`` blocks.
    """
    for name, value in arguments.items():
        values = value if isinstance(value, list | tuple) else [value]
        if len(values) > MOST_BLOCKS:
            raise InvalidInput(f"{shown(name)} has {len(values)} entries, at most {MOST_BLOCKS}")
        if not all(map(_is_small, values)):
            raise InvalidInput(
                f"{shown(name)} must be words or numbers of at most {LARGEST_NUMBER}, "
                f"got {shown(value)}"
            )
        if name in BLOCKS:
            numbers = [each for each in values if isinstance(each, int | float)]
            if sum(map(abs, numbers)) * BLOCKS[name] > MOST_BLOCKS:
                raise InvalidInput(
                    f"a network has at most {MOST_BLOCKS} blocks, got {name} {shown(value)}"
                )


def _is_small(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_WORD
    if isinstance(value, int | float):
        return -LARGEST_NUMBER <= value <= LARGEST_NUMBER
    return value is None


def parameters_within_limits(build: Callable[[], nn.Module]) -> None:
    """Refuse a network of more than ``MOST_PARAMETERS`` weights without holding any of them.

    Args:
        build: Makes the network; called on the meta device, which knows shapes alone.

    Raises:
        InvalidInput: it has more.
    """
    with torch.device("meta"):
        network = seeded(build, 0)  # so that the caller's random state is left alone
    count = sum(math.prod(tensor.shape) for tensor in network.state_dict().values())
    if count > MOST_PARAMETERS:
        raise InvalidInput(f"a network has at most {MOST_PARAMETERS} parameters, got {count}")


def shown(value: object) -> str:
    """A value as far as it fits into a message of one line."""
    return reprlib.repr(value)
