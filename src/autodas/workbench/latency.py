"""How long a network takes for one batch on this machine."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from autodas.core.errors import InvalidInput
from autodas.distill import export_onnx
from autodas.distill.onnx_program import OnnxProgram
from autodas.workbench.devices import check_device

__all__ = [
    "Device",
    "Latency",
    "Program",
    "check_timing",
    "device_name",
    "time_calls",
    "time_network",
    "time_onnx",
]

Device: TypeAlias = Literal["cpu", "cuda"]
Program: TypeAlias = Literal["pytorch", "onnx"]

WARM_UP = 10
REPEATS = 30
WIDE = 0.25  # distance of the quartiles, as a share of the median, that is worth a warning


@dataclass(frozen=True)
class Latency:
    """Wall-clock seconds of one forward pass.

    Attributes:
        median: Of the repeats.
        low: First quartile.
        high: Third quartile.
        repeats: Timed passes.
        batch: Images in a pass.
        device: ``cpu`` or ``cuda``.
        threads: Threads PyTorch computed with; meaningless on CUDA.
    """

    median: float
    low: float
    high: float
    repeats: int
    batch: int
    device: str
    threads: int

    def doubt(self, limit: float | None = None) -> str | None:
        """Why the median should not be relied on, as a sentence; None if nothing speaks against it.

        Args:
            limit: Seconds that it is compared with.
        """
        spread = self.high - self.low
        wide = spread > WIDE * self.median
        near = limit is not None and spread > abs(limit - self.median)
        if not (wide or near):
            return None
        found = (self.low, self.median, self.high)
        low, median, high = (f"{seconds * 1e3:.4g}" for seconds in found)
        beside = f", and the limit is {limit * 1e3:.4g} ms" if limit is not None and near else ""
        return (
            f"the latency is uncertain: the median of {self.repeats} passes is {median} ms, the "
            f"middle half of them took {low} to {high} ms{beside}; time it on a machine at rest"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def device_name(device: Device, program: Program = "pytorch") -> str:
    """What is timed, for people."""
    if program == "onnx":
        return f"ONNX Runtime, {torch.get_num_threads()} threads"
    if device == "cuda":
        return str(torch.cuda.get_device_name())
    return f"CPU, {torch.get_num_threads()} threads"


def time_network(
    network: nn.Module,
    input_shape: tuple[int, int, int],
    *,
    batch: int = 1,
    device: Device = "cpu",
    warm_up: int = WARM_UP,
    repeats: int = REPEATS,
) -> Latency:
    """Median time of a forward pass in inference mode, after warming up.

    On CUDA, events around each pass are read after synchronising, so that the queue of kernels is
    not mistaken for their execution. The median and the quartiles, not the mean, because a
    shared machine disturbs some passes much.

    Args:
        network: On any device; it is moved to ``device`` and set to evaluation.
        input_shape: (C, H, W) of one image.
        batch: Images in a pass, at least 1.
        device: Where to run.
        warm_up: Passes before the clock starts.
        repeats: Timed passes, at least 20.

    Raises:
        InvalidInput: the device is not there, or a number is too small.
    """
    check_device(device)
    if batch < 1 or warm_up < 1 or repeats < 20:
        raise InvalidInput(
            "latency needs a batch and a warm-up of at least 1 and 20 repeats, got "
            f"batch={batch}, warm_up={warm_up}, repeats={repeats}"
        )
    network = network.to(device).eval()
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch, *input_shape, generator=generator).to(device)
    return time_calls(network, images, warm_up=warm_up, repeats=repeats)


def check_timing(device: Device, program: Program) -> None:
    """Refuse what cannot be timed here.

    Raises:
        InvalidInput: the device is not there, or not one of the program's.
    """
    check_device(device)
    if program == "onnx" and device != "cpu":
        raise InvalidInput(
            f"ONNX Runtime is timed on the CPU: take --latency-device cpu, got {device!r}"
        )


def time_onnx(network: nn.Module, input_shape: tuple[int, int, int], *, batch: int = 1) -> Latency:
    """The same of the network as ONNX Runtime runs it, on the CPU.

    Raises:
        MissingData: the extra ``onnx`` is not installed.
        ExportFailed: the network has an operation that ONNX lacks.
    """
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch, *input_shape, generator=generator)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        export_onnx(network, torch.zeros(2, *input_shape), path)
        return time_calls(OnnxProgram(path), images)


def time_calls(
    call: Callable[[Tensor], Tensor],
    images: Tensor,
    *,
    warm_up: int = WARM_UP,
    repeats: int = REPEATS,
) -> Latency:
    """The same of anything that is called with images, where these are.

    Args:
        call: A network or a program, ready for use.
        images: ``(B, C, H, W)``, one pass.
        warm_up: Passes before the clock starts.
        repeats: Timed passes.
    """
    device = images.device.type
    once = _once_cuda if device == "cuda" else _once_cpu
    with torch.inference_mode():
        for _ in range(warm_up):
            once(call, images)
        seconds = [once(call, images) for _ in range(repeats)]
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return Latency(median, low, high, repeats, len(images), device, torch.get_num_threads())


def _once_cpu(network: Callable[[Tensor], Tensor], images: Tensor) -> float:
    start = time.perf_counter()
    network(images)
    return time.perf_counter() - start


def _once_cuda(network: Callable[[Tensor], Tensor], images: Tensor) -> float:
    start, end = (
        torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        for _ in range(2)
    )
    torch.cuda.synchronize()
    start.record()
    network(images)
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) / 1e3
