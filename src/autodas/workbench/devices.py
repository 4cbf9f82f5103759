"""On what networks are run: the processor, or a GPU of NVIDIA or AMD."""

from __future__ import annotations

import multiprocessing
import re

import torch

from autodas.core.errors import InvalidInput

__all__ = ["check_device", "device_in_turn"]

NAME = re.compile(r"cpu|cuda(:\d{1,3})?")


def check_device(name: str) -> None:
    """Refuse a device that is not there.

    Args:
        name: ``cpu``, ``cuda`` for all GPUs in turn, or one of them, such as ``cuda:1``.

    Raises:
        InvalidInput: it is spelt otherwise, or PyTorch does not see it.
    """
    if NAME.fullmatch(name) is None:
        raise InvalidInput(f"a device is cpu, cuda, or one GPU such as cuda:1, got {name[:60]!r}")
    if name == "cpu":
        return
    if not torch.cuda.is_available():
        raise InvalidInput(f"device {name!r} is not available: PyTorch sees no CUDA; take cpu")
    number, count = int(name.partition(":")[2] or 0), torch.cuda.device_count()
    if number >= count:
        raise InvalidInput(f"device {name!r} is not available: PyTorch sees cuda:0 to {count - 1}")


def device_in_turn(name: str) -> str:
    """The device for this process: with several GPUs, processes take them in turn."""
    if name != "cuda" or (count := torch.cuda.device_count()) < 2:
        return name
    number = multiprocessing.current_process().name.rpartition("-")[2]
    return f"cuda:{int(number) % count}" if number.isdecimal() else name
