"""Training on several devices at once, each with its share of every batch (lightning-fabric)."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from autodas.core.errors import InvalidInput, MissingData
from autodas.data import ImageData
from autodas.distill.engine import half_precision
from autodas.distill.evaluation import Quality
from autodas.distill.recipe import Recipe
from autodas.distill.trainer import TrainingResult, train
from autodas.teachers import Teacher

__all__ = ["FabricEngine", "train_on_several"]


class FabricEngine:
    """One process of several, as :class:`autodas.distill.engine.Engine` wants it.

    Args:
        fabric: A launched ``lightning_fabric.Fabric``.
    """

    def __init__(self, fabric: Any) -> None:  # noqa: ANN401 - an optional package
        self.fabric = fabric
        self.device = str(fabric.device)
        self.rank = int(fabric.global_rank)
        self.world = int(fabric.world_size)

    def setup(self, module: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """Wrapped, so that gradients agree between processes."""
        wrapped, wrapped_optimizer = self.fabric.setup(module, optimizer)
        return wrapped, wrapped_optimizer

    def autocast(self) -> AbstractContextManager[Any]:
        found: AbstractContextManager[Any] = self.fabric.autocast()
        return found

    def last_part(self, module: nn.Module, last: bool) -> AbstractContextManager[Any]:
        if last:
            return contextlib.nullcontext()
        found: AbstractContextManager[Any] = self.fabric.no_backward_sync(module)
        return found

    def backward(self, loss: Tensor) -> None:
        self.fabric.backward(loss)

    def unscale(self, optimizer: Optimizer) -> None:
        """Nothing: bfloat16 needs no scale."""

    def step(self, optimizer: Optimizer) -> None:
        optimizer.step()

    def mean(self, value: Tensor) -> Tensor:
        found: Tensor = self.fabric.all_reduce(value, reduce_op="mean")
        return found

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing."""


def train_on_several(
    network: nn.Module,
    data: ImageData,
    recipe: Recipe,
    *,
    seed: int,
    devices: int,
    teacher: Teacher | Sequence[Teacher] | None = None,
    device: str = "cuda",
    amp: bool = False,
    checkpoint: Path | None = None,
) -> TrainingResult:
    """:func:`autodas.distill.train` with every batch split between ``devices`` processes.

    Gradients are averaged; batch normalisation sees the share of one process. Needs the extra
    ``multi-gpu``. Scripts need the usual ``if __name__ == "__main__":`` guard.

    Args:
        network: Trained in place, on the CPU afterwards.
        data: Training and test part.
        recipe: How to train; its batch is that of all processes together.
        seed: In [0, 2**63).
        devices: Number of GPUs, at least 2.
        teacher: Whom to imitate.
        device: ``"cuda"``, or ``"cpu"`` to try it.
        amp: bfloat16.
        checkpoint: Written by the first process after every epoch; resumes the training.

    Raises:
        MissingData: lightning-fabric is not installed.
        InvalidInput: there are fewer GPUs than asked for.
    """
    try:
        from lightning_fabric import Fabric  # noqa: PLC0415 - an optional package
        from lightning_fabric.strategies import DDPStrategy  # noqa: PLC0415
    except ImportError:
        raise MissingData(
            "several GPUs need lightning-fabric; install it with: pip install 'autodas[multi-gpu]'"
        ) from None
    if device == "cuda" and torch.cuda.device_count() < devices:
        raise InvalidInput(
            f"{devices} GPUs are asked for, PyTorch sees {torch.cuda.device_count()}"
        )
    half = half_precision(device, amp=amp, bf16=recipe.bf16)
    fabric = Fabric(
        accelerator=device,
        devices=devices,
        strategy=DDPStrategy(start_method="spawn", find_unused_parameters=recipe.ce_weight == 0),
        precision="bf16-mixed" if half else "32-true",
    )
    job = _Job(network, data, recipe, seed=seed, teacher=teacher, checkpoint=checkpoint)
    state, accuracy, history, seconds, measured = fabric.launch(_rank, job)
    network.load_state_dict(safetensors.torch.load(state))
    network.cpu().eval()
    return TrainingResult(accuracy, history, seconds, Quality(**measured))


class _Job:
    """What every process gets. No dataclass: Fabric looks into those, and refuses frozen ones."""

    def __init__(self, network: nn.Module, data: ImageData, recipe: Recipe, **options: Any) -> None:  # noqa: ANN401
        self.network, self.data, self.recipe, self.options = network, data, recipe, options


def _rank(fabric: Any, job: _Job) -> tuple[Any, ...]:  # noqa: ANN401
    """What every process does; what the first one returns is what came out."""
    torch.set_num_threads(1)
    engine = FabricEngine(fabric)
    # What is sent to a process is memory shared with all others; each trains weights of its own.
    network = copy.deepcopy(job.network)
    training = train(network, job.data, job.recipe, engine=engine, **job.options)
    state = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    # As bytes: tensors would be handed over by a process that is gone before they are fetched.
    return (
        safetensors.torch.save(state),
        training.accuracy,
        training.history,
        training.seconds,
        asdict(training.quality),
    )
