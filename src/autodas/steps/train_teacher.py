"""Train a teacher and write it where it can be loaded from."""

from __future__ import annotations

import glob
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from autodas.core.digest import digest, digest_bytes
from autodas.core.errors import FileProblem
from autodas.core.locks import locked
from autodas.core.progress import Progress, Silent
from autodas.core.rng import derive_seed
from autodas.data import ImageData, load_data
from autodas.distill import Recipe, get_recipe, train
from autodas.networks import StagedNetwork, parameters, seeded
from autodas.teachers import UNTRAINED, Blueprint, save_checkpoint, start_from

__all__ = ["Config", "TrainTeacherConfig", "run"]


@dataclass(frozen=True)
class TrainTeacherConfig:
    """Which network to train, on what. The defaults make the teacher that is shipped."""

    out: Path = field(
        default=Path("runs/teacher/digits-cnn-teacher.safetensors"), metadata={"decides": False}
    )
    """File of the weights; the description goes beside it."""
    network: str | None = None
    """Network to train in place of a ResNet: a teacher, such as timm:resnet18, whose weights are
    taken over but for the last layer, or untrained:NAME, such as untrained:cifar-resnet56."""
    depths: tuple[int, ...] = (2, 2, 2)
    """Residual blocks in each stage."""
    widths: tuple[int, ...] = (16, 32, 64)
    """Channels of each stage."""
    data: str = "digits"
    """Data set to train on; only its training part is used."""
    recipe: str | None = None
    """Training recipe; by default fine-tune for a --network with known weights, else
    digits-teacher."""
    epochs: int | None = None
    """Passes over the training images, in place of the recipe's."""
    seed: int = 0
    """Seed of initial weights and batches."""


Config = TrainTeacherConfig

CHECKPOINT = ".checkpoint.safetensors"
CHECKPOINT_SECONDS = 5.0  # what a kill may cost


def run(config: TrainTeacherConfig, progress: Progress = Silent()) -> dict[str, Any]:
    """Train and save; the same options give the same file on the same machine.

    Every few seconds the state is kept beside the file that is to come, so that a training that was
    killed goes on.

    Returns:
        ``path``, ``accuracy`` (percent of the test part), ``params`` and ``seconds``.

    Raises:
        InvalidInput: another process is making the same file; the message gives its number.
    """
    with locked(_beside(config.out, ".lock")):
        return _train(config, progress)


def _train(config: TrainTeacherConfig, progress: Progress) -> dict[str, Any]:
    start = time.perf_counter()
    torch.set_num_threads(1)
    data, recipe = load_data(config.data), _recipe(config)
    if data.class_names:
        progress.note(data.in_words)
    blueprint, network = _network(config, data)
    # A training that was given up must not go on as another one.
    begun = digest(blueprint.to_json(), recipe.describe(), _weights(network))[:12]
    checkpoint = _beside(config.out, f".{begun}{CHECKPOINT}")
    training = train(
        network,
        data,
        recipe,
        seed=config.seed,
        checkpoint=checkpoint,
        checkpoint_seconds=CHECKPOINT_SECONDS,
        progress=progress,
    )
    description = {
        "description": f"{config.network or 'ResNet'} trained on {data.name} "
        f"with recipe {recipe.name}",
        "network": blueprint.to_json(),
        "dataset": data.name,
        "dataset_digest": data.digest,
        "accuracy": training.accuracy,
        "recipe": recipe.describe(),
        "seed": config.seed,
    }
    save_checkpoint(config.out, network, description)
    for left in config.out.parent.glob(f".{glob.escape(config.out.stem)}.*{CHECKPOINT}"):
        left.unlink(missing_ok=True)
    return {
        "path": str(config.out),
        "accuracy": training.accuracy,
        "params": parameters(network),
        "seconds": time.perf_counter() - start,
        "summary": [f"{config.out}: {training.accuracy:.2f} % on the test part of {data.name}"],
    }


def _weights(network: StagedNetwork) -> str:
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    return digest_bytes(safetensors.torch.save(state))


def _beside(out: Path, ending: str) -> Path:
    """A hidden file beside the weights."""
    path = out.with_name(f".{out.stem}{ending}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileProblem(path.parent, f"cannot be made: {error.strerror or error}") from error
    return path


def _recipe(config: TrainTeacherConfig) -> Recipe:
    known = config.network is not None and not config.network.startswith(UNTRAINED)
    name = config.recipe or ("fine-tune" if known else "digits-teacher")
    return get_recipe(name).changed(epochs=config.epochs)


def _network(config: TrainTeacherConfig, data: ImageData) -> tuple[Blueprint, StagedNetwork]:
    seed = derive_seed(config.seed, "initial weights")
    if config.network is not None:
        return start_from(config.network, data.num_classes, data.input_shape, seed)
    arguments = {"depths": list(config.depths), "widths": list(config.widths)}
    blueprint = Blueprint("resnet", arguments, data.num_classes, data.input_shape)
    return blueprint, seeded(blueprint.build, seed)
